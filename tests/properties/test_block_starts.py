"""The rule of block starts: a block may begin at the start of a record, and reading from there needs nothing before.

`docs/explanation/blocks.md` states the rule and its proofs; these tests cut files at every byte.
"""

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops_validators import CONTRACTS
from tests.fuzz.inputs import STRUCTURE
from tests.fuzz.invariants import Row, judged, rows_of

SAMPLES = Path(__file__).parents[2] / "sample_data"
MOST = 3_000
"""Bytes of each file of the corpus."""
JSON_REACH = 1 << 16
"""Most bytes of a JSON cell whose quotes are not doubled."""
COMMA = ord(",")
_JSON_BEGINS = re.compile(rb'"[ \t\n\r\f\v]*[{\[]')

corpus = pytest.mark.parametrize("path", sorted((SAMPLES / "broken").glob("*.csv")), ids=lambda path: path.stem)
contents = st.lists(st.sampled_from(STRUCTURE), max_size=40).map("".join).map(str.encode)
lean = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def rows(data: bytes, width: int, size: int = 1 << 24) -> list[Row]:
    return rows_of(data, separator=COMMA, width=width, size=size)


def moved(found: list[Row], start: int, records: int) -> list[Row]:
    """Return the rows of a part as rows of the file: the part begins at `start`, after so many records."""
    return [
        (a + start, b + start, n if n < 0 else n + records, fields, code, at if at < 0 else at + start)
        for a, b, n, fields, code, at in found
    ]


def line_starts(data: bytes) -> list[int]:
    return [0, *(found.end() for found in re.finditer(rb"\n", data) if found.end() < len(data))]


def is_certain(data: bytes, start: int) -> bool:
    """Return whether a line start is certainly the start of a record, from the bytes around it alone."""
    quote = data.find(b'"', start)
    if quote < 0 or data[quote + 1 : quote + 2] in (b"", b'"', b",", b"\r", b"\n"):
        return False
    near = re.compile(rb"[ \t\n\r\f\v]*.?", re.DOTALL).match(data, start)
    end = near.end() if near else start
    return not any(found.start() < start for found in _JSON_BEGINS.finditer(data, max(0, start - JSON_REACH), end))


def check_every_cut(data: bytes, width: int) -> None:
    """Check the records of a reader that begins at the first line start after any byte."""
    whole = rows(data, width)
    records = {row[0]: index for index, row in enumerate(whole)}
    for start in line_starts(data):
        part = moved(rows(data[start:], width), start, 0)
        if start in records:
            before = sum(row[2] >= 0 for row in whole[: records[start]])
            assert moved(rows(data[start:], width, size=40), start, before) == whole[records[start] :]
        else:
            assert not is_certain(data, start), data[start : start + 40]
        # A reader with a wrong start is right from the first record start on that both readers have.
        common = next((row[0] for row in part if row[0] in records), len(data))
        tail = [(*row[:2], *row[3:]) for row in part if row[0] >= common]
        assert tail == [(*row[:2], *row[3:]) for row in whole if row[0] >= common]


@corpus
def test_every_cut_of_a_file_reads_the_same_records_from_each_record_start(path: Path) -> None:
    data = path.read_bytes()[:MOST]
    body = data[data.find(b"\n") + 1 :]
    check_every_cut(body, len(CONTRACTS[path.stem].columns))


@lean
@given(contents, st.integers(1, 4))
def test_every_cut_of_any_file_reads_the_same_records_from_each_record_start(data: bytes, width: int) -> None:
    check_every_cut(data, width)


@lean
@given(contents, st.integers(1, 4), st.lists(st.integers(0, 300), max_size=4))
def test_ranges_joined_where_each_reading_ends_are_the_file(data: bytes, width: int, borders: list[int]) -> None:
    """Each range is read from a guess; if the range before it ends elsewhere, it is read again from there."""
    guesses = sorted({next((s for s in line_starts(data) if s >= border), len(data)) for border in (0, *borders)})
    edges = dict(zip(guesses, [*guesses[1:], len(data)], strict=True))
    guessed = {start: _range_from(data, start, edges[start], width) for start in guesses}
    found: list[Row] = []
    place = 0
    while place < len(data):
        end = next(end for start, end in reversed(edges.items()) if start <= place)
        part = guessed[place] if place in guessed else _range_from(data, place, end, width)
        found += moved(part, 0, sum(row[2] >= 0 for row in found))
        place = found[-1][1]
    assert found == rows(data, width)


def _range_from(data: bytes, start: int, end: int, width: int) -> list[Row]:
    """Return the records that a reader finds from `start` on, as long as they begin before `end`."""
    return [row for row in moved(rows(data[start:], width), start, 0) if row[0] < end]


@pytest.mark.parametrize("around", [10, 1000])
def test_bytes_around_a_line_end_cannot_always_show_whether_a_record_ends_there(around: int) -> None:
    plain, quoted = b"a\n" * (4 * around), b'"' + b"a\n" * (4 * around) + b'"\n'
    middle = 4 * around
    assert plain[middle - around : middle + around] == quoted[middle + 1 - around : middle + 1 + around]
    assert middle in {row[0] for row in rows(plain, 1)}
    assert middle + 1 not in {row[0] for row in rows(quoted, 1)}


WHOLE_FILE = (
    "HDR",
    "UNQ",
    "IMP",
    "STR103",
    "STR108",
    "STR110",
    "VAL115",
    "DAT110",
    "FIL112",
    "STR118",
    "XLS103",
    "XLS115",
)
"""Rules that need the whole file: its header, its other records, or its last record."""


@corpus
def test_parts_of_a_file_have_the_findings_of_the_file(path: Path) -> None:
    contract, data = CONTRACTS[path.stem], path.read_bytes()
    head, body = data[: data.find(b"\n") + 1], data[data.find(b"\n") + 1 :]
    whole = rows(body, len(contract.columns))
    start = whole[len(whole) // 2][0]
    reports = [judged(contract, head + part) for part in (body, body[:start], body[start:])]
    one, *parts = (
        Counter({code: n for code, n in report.counts.items() if not code.startswith(WHOLE_FILE)}) for report in reports
    )
    assert reports[0].records == reports[1].records + reports[2].records
    assert parts[0] + parts[1] == one
