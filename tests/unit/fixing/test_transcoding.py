"""`fix --encoding`: a whole file in the encoding that the user names, or a refusal that says where it is not."""

import io

import pytest

from bulkops.errors import BulkopsError, DataError, UsageError
from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.fixing.transcoding import encoding_named
from bulkops.fixing.writer import Change
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS

TEXTS = {
    "cp1251": "Скидка зима",
    "mac_roman": "Café Zürich",
    "cp850": "Mañana",
    "cp1250": "Gőzös",
    "iso8859-15": "10 €",
    "cp1252": "Größe",
    "koi8-r": "Привет",
    "cp1253": "Ελλάδα",
    "cp437": "Größe",
    "cp1254": "İstanbul",
}
WIDE = {
    "cp932": "日本語 | 本",
    "gb18030": "优惠|",
    "utf-16": "Café",
    "utf-16-le": "Café",
    "cp037": "Café",
    "iso2022_jp": "日本語",
}


def fixed(data: bytes, contract: str = "collections", **chosen: object) -> tuple[bytes, list[Change]]:
    out, changes = io.BytesIO(), list[Change]()
    options = FixOptions(**chosen)  # type: ignore[arg-type] # by name
    source = Source("memory.csv", lambda: io.BytesIO(data))
    fix_file(CONTRACTS[contract], source, out, options=options, log=changes.append)
    return out.getvalue(), changes


def refused(data: bytes, encoding: str, *, unsafe: bool = False) -> BulkopsError:
    with pytest.raises(BulkopsError) as caught:
        fixed(data, encoding=encoding_named(encoding), unsafe=unsafe)
    return caught.value


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
@pytest.mark.parametrize(("encoding", "text"), TEXTS.items(), ids=list(TEXTS))
def test_letters_of_any_encoding_stay_until_the_user_names_it(encoding: str, text: str, end: str) -> None:
    data = end.join(["item", "plain", text, ""]).encode(encoding)
    lines = [b"item", b"plain", text.encode(encoding), b""]
    line_end = b"\n" if end == "\r" else end.encode()
    assert fixed(data)[0] == line_end.join(lines)
    after, changes = fixed(data, encoding=encoding_named(encoding))
    assert after.decode() == line_end.decode().join(["item", "plain", text, ""])
    (change,) = (c for c in changes if c.code in {"FIL102", "FIL104"})
    assert (change.record, change.line, change.after) == (2, 3, text)
    assert change.before != text


@pytest.mark.parametrize(("encoding", "text"), TEXTS.items(), ids=list(TEXTS))
def test_a_finding_shows_the_text_in_the_likeliest_encodings(encoding: str, text: str) -> None:
    data = b"item\nplain\n" + text.encode(encoding) + b"\n"
    report = validate_files(CONTRACTS["collections"], [Source("memory.csv", lambda: io.BytesIO(data))]).files[0]
    (finding,) = (f for f in report.findings if f.code in {"FIL102", "FIL104"})
    assert repr(text) in finding.message
    assert finding.message.count(" in ") <= 3


@pytest.mark.parametrize(("encoding", "text"), WIDE.items(), ids=list(WIDE))
def test_encodings_of_several_bytes_a_character_are_decoded_as_a_whole(encoding: str, text: str) -> None:
    data = f"item\nplain\n{text}\n".encode(encoding)
    assert fixed(data, encoding=encoding_named(encoding))[0].decode() == f"item\nplain\n{text}\n"


@pytest.mark.parametrize(
    "name", ["rot13", "base64", "hex", "zlib", "utf-7", "idna", "punycode", "unicode_escape", "charmap", "nope", "\0"]
)
def test_an_unknown_or_unusable_encoding_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="encoding"):
        encoding_named(name)


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        (b"item\nplain\nCaf\xe9\n", "utf-8", "line 3, byte 14: 0xE9 is not utf-8"),
        (b"item\nplain\nCaf\x81\n", "cp1252", "line 3, byte 14: 0x81 is not cp1252"),
        (b"item\nplain\nCaf\xe9\n", "ascii", "line 3, byte 14"),
        (b"item\nplain\nCaf\xe9\n", "utf-16", "is not utf-16"),
        (b"item\nplain\nCafes\xe9\n", "utf-16-le", "is not utf-16-le: its first line would be"),
        (b"item\nplain\nCaf\xe9\n", "cp037", "is not cp037: its first line would be"),
        ("item\nCafé\n".encode("utf-16"), "cp1252", "is UTF-16-LE, not cp1252"),
        ("item\nCafé\n".encode("utf-16-be"), "cp1252", "is UTF-16-BE, not cp1252"),
        ("item\nCafé\n".encode(), "cp1252", "is UTF-8 already (line 2: 'Café')"),
        ("item\nplain\nCafé\n".encode() + b"Z\xfcrich\n", "cp1252", "is only partly cp1252: line 3: 'Café'"),
    ],
)
def test_a_file_in_another_encoding_is_refused_with_the_place(data: bytes, encoding: str, said: str) -> None:
    error = refused(data, encoding)
    assert isinstance(error, DataError)
    assert said in str(error)


def test_lines_that_are_utf8_stay_where_the_user_allows_it() -> None:
    data = "item\nCafé\n".encode() + b"Z\xfcrich\nplain\n"
    after, changes = fixed(data, encoding=encoding_named("cp1252"), unsafe=True)
    assert after.decode() == "item\nCafé\nZürich\nplain\n"
    assert [(c.record, c.before, c.after) for c in changes] == [(2, "Z\\xfcrich", "Zürich")]


def test_utf16_with_half_a_character_is_refused_and_not_filled_with_signs_of_loss() -> None:
    data = "item\nCafé\nx".encode("utf-16-le") + b"\x00\xd8" + "\nplain\n".encode("utf-16-le")
    with pytest.raises(DataError, match="line 3, byte 22"):
        fixed(data)


def test_a_byte_order_mark_of_utf8_goes_whatever_encoding_is_named() -> None:
    assert fixed(b"\xef\xbb\xbfitem\nCaf\xe9\n", encoding=encoding_named("cp1252"))[0].decode() == "item\nCafé\n"


def test_masked_findings_name_encodings_and_show_no_text() -> None:
    from bulkops.validation.settings import ValidationSettings

    source = Source("memory.csv", lambda: io.BytesIO(b"item\nSECRET\xe9\n"))
    report = validate_files(CONTRACTS["collections"], [source], settings=ValidationSettings(mask=True)).files[0]
    assert [f.message for f in report.findings] == [
        "the byte 0xE9 is not UTF-8; likely encodings: cp1252, mac_roman, cp850"
    ]
