"""Malformed records of a CSV are noted with their number, for every size of the blocks."""

import pytest

from bulkops.readback.parse import malformed_quotes
from bulkops.readback.parse.malformed_quotes import NUL, UTF8, note_malformed_records
from bulkops.readback.parse.warnings import FIELDS, QUOTES, Notes

ODD = {
    "a field too many": (b"id,value\n1,A\n2,B,extra\n", FIELDS, 2),
    "a field too few": (b"id,value\n1\n2,B\n", FIELDS, 1),
    "behind a blank line": (b"id,value\n\n1,A\n\r\n2\n", FIELDS, 2),
    "behind a cell with lines": (b'id,value\n1,"a\n\nb"\n2,B,C\n', FIELDS, 2),
    "without a last line end": (b"id,value\n1,A\n2,B,C", FIELDS, 2),
    "bytes that are not UTF-8": (b'id,value\n1,"a\nb"\n2,\xff\xfe\n', UTF8, 2),
    "a NUL byte": (b"id,value\n1,A\n2,B\0\n", NUL, 2),
    "objects without quotes": (b"""id,ids,attributes\nC1,,\nC2,['a','b'],{"x": 1, "y": 2}\n""", QUOTES, 2),
    "a stray quote": (b'id,value\n1,"a\nb"\n2,5" pipe\n', QUOTES, 2),
    "among quotes that are not valid CSV": (b'id,v\n1,{"a": 1}\n2,B,C\n3,\xff\n', FIELDS, 2),
}
SOUND = {
    "plain": b'id,value\r\n1,"A, ""B"""\r\n2,\xc3\xa9\r\n',
    "lists without quotes": b"id,ids,v\nC1,['a','b'],2\n",
    "one column with a blank line": b"item\nA\n\nB\n",
    "a header alone": b"id,value\n",
    "nothing": b"",
}


def noted(data: bytes, size: int) -> Notes:
    notes = Notes()
    seen = note_malformed_records([data[n : n + size] for n in range(0, len(data), size)], notes)
    assert seen.quotes == data.count(b'"')
    return notes


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("name", ODD)
def test_malformed_record_is_noted_with_its_number(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(malformed_quotes, "PIECE", 8)
    data, what, record = ODD[name]
    assert noted(data, size).first[what] == record


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("name", SOUND)
def test_valid_records_are_not_noted(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(malformed_quotes, "PIECE", 8)
    assert noted(SOUND[name], size).lines() == ()
