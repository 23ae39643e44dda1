"""Bytes that are not UTF-8: decoded as the user says, guessed only if guesses are allowed."""

import pytest

from bulkops.fixing.options import FileEvidence, FixOptions
from bulkops.fixing.repairs.encoding import decoded, holds_multibyte
from bulkops.fixing.transcoding import encoding_named

UTF8 = FileEvidence(multibyte=True)


@pytest.mark.parametrize("evidence", [FileEvidence(), UTF8], ids=["plain file", "UTF-8 elsewhere"])
@pytest.mark.parametrize(
    "body", [b"CAF\xe9", b"S\xc3O", b"it\x92s", b"Gr\xf6\xdfe", b"TR\xc3", b"\xe2\x82", b"x\xff", b"x\x81"]
)
def test_bytes_that_are_not_utf8_are_never_decoded_unasked(body: bytes, evidence: FileEvidence) -> None:
    assert decoded(body, evidence, FixOptions()) == (None, [])


@pytest.mark.parametrize(
    ("body", "encoding", "text"),
    [
        (b"CAF\xe9", "cp1251", "CAF\u0439"),
        (b"Caf\x8e", "mac_roman", "Café"),
        ("Café".encode() + b"\xe9", "cp1252", None),
        (b"x\x81", "cp1252", None),
    ],
)
def test_a_record_is_decoded_with_the_given_encoding_unless_part_of_it_is_utf8(
    body: bytes, encoding: str, text: str | None
) -> None:
    asked = FixOptions(unsafe=True, encoding=encoding_named(encoding))
    assert decoded(body, UTF8, asked)[0] == text


def test_unsafe_guesses_nothing_where_another_encoding_reads_better() -> None:
    assert decoded(b"CAF\xe9", FileEvidence(windows=False), FixOptions(unsafe=True)) == (None, [])
    assert decoded(b"x\x81", FileEvidence(), FixOptions(unsafe=True)) == (None, [])


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [(b"TR\xc3", "FIL102", "TRÃ"), (b"x\xff", "FIL102", "xÿ"), (b"x\x92", "FIL104", "x\u2019")],
)
def test_unsafe_decodes_every_byte_and_reports_the_rule(body: bytes, code: str, text: str) -> None:
    found, repairs = decoded(body, UTF8, FixOptions(unsafe=True))
    assert (found, [repair.code for repair in repairs]) == (text, [code])


def test_only_whole_characters_of_several_bytes_show_that_a_file_is_utf8() -> None:
    assert all(
        holds_multibyte(c.encode()) for c in ("\u0081", "é", "\u0800", "€", "\ud7ff", "\uffff", "😀", "\U0010ffff")
    )
    for body in (b"abc", b"\xc3", b"\xe9t\xe9", b"\xc0\xaf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        assert not holds_multibyte(body)


def test_characters_that_a_repair_removes_are_not_evidence_of_utf8() -> None:
    assert not any(holds_multibyte(c.encode()) for c in "\u00a0\u3000\u201c\u201d")
