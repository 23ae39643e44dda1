"""Bytes that are no UTF-8: letters of Windows-1252, or characters that were cut off."""

import pytest

from bulkops.fixing.encoding import decoded, holds_multibyte
from bulkops.fixing.options import FixOptions, Knowledge

UTF8 = Knowledge(multibyte=True)


@pytest.mark.parametrize(
    ("body", "knowledge", "text"),
    [
        (b"CAF\xe9", Knowledge(), "CAFé"),
        (b"S\xc3O", Knowledge(), "SÃO"),
        (b"it\x92s", UTF8, "it\u2019s"),
        (b"M\xfcller", UTF8, "Müller"),
        (b"Gr\xf6\xdfe", UTF8, "Größe"),
        (b"TR\xc3", UTF8, None),
        (b"d\xe9j\xe0 vu", UTF8, None),
        (b"\xe2\x82", UTF8, None),
        (b"\xed\xa0\x80", UTF8, None),
        (b"\xc0\xaf", UTF8, None),
        (b"\xf5", UTF8, None),
        (b"x\xff", Knowledge(), None),
        (b"x\x81", Knowledge(), None),
        (b"\xe2\x82", Knowledge(), None),
    ],
)
def test_letters_are_certain_only_where_the_file_is_not_utf8_itself(
    body: bytes, knowledge: Knowledge, text: str | None
) -> None:
    found, repairs = decoded(body, knowledge, FixOptions())
    assert found == text
    assert [repair.code for repair in repairs] == (["FIL104"] if text else [])


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [(b"TR\xc3", "FIL102", "TRÃ"), (b"x\xff", "FIL102", "xÿ"), (b"x\x92", "FIL104", "x\u2019")],
)
def test_unsafe_takes_all_for_letters_and_says_what_they_were(body: bytes, code: str, text: str) -> None:
    found, repairs = decoded(body, UTF8, FixOptions(unsafe=True))
    assert (found, [repair.code for repair in repairs]) == (text, [code])


def test_only_whole_characters_of_several_bytes_show_that_a_file_is_utf8() -> None:
    assert all(
        holds_multibyte(c.encode()) for c in ("\u0081", "é", "\u0800", "€", "\ud7ff", "\uffff", "😀", "\U0010ffff")
    )
    for body in (b"abc", b"\xc3", b"\xe9t\xe9", b"\xc0\xaf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        assert not holds_multibyte(body)


def test_what_a_repair_takes_away_shows_nothing() -> None:
    assert not any(holds_multibyte(c.encode()) for c in "\u00a0\u3000\u201c\u201d")
