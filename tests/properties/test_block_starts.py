"""The rule of block starts: a block may begin at the start of a record, and reading from there needs nothing before.

`docs/explanation/blocks.md` states the rule and its proofs; these tests cut files at every byte.
"""

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.limits import Adjustable, TooLarge, limited_by
from bulkops.reading.ranges import is_record_start, range_starts
from bulkops_validators import CONTRACTS
from tests.fuzz.inputs import STRUCTURE
from tests.fuzz.invariants import Row, judged, rows_of

SAMPLES = Path(__file__).parents[2] / "sample_data"
MOST = 3_000
"""Bytes of each file of the corpus."""
COMMA = ord(",")

corpus = pytest.mark.parametrize("path", sorted((SAMPLES / "broken").glob("*.csv")), ids=lambda path: path.stem)
contents = st.lists(st.sampled_from(STRUCTURE), max_size=40).map("".join).map(str.encode)
lean = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def rows(data: bytes, width: int, size: int = 1 << 24, *, until: int | None = None) -> list[Row]:
    return rows_of(data, separator=COMMA, width=width, size=size, until=until)


def moved(found: list[Row], start: int, records: int) -> list[Row]:
    """Return the rows of a part as rows of the file: the part begins at `start`, after so many records."""
    return [
        (a + start, b + start, n if n < 0 else n + records, fields, code, at if at < 0 else at + start)
        for a, b, n, fields, code, at in found
    ]


def line_starts(data: bytes) -> list[int]:
    return [0, *(found.end() for found in re.finditer(rb"\n", data) if found.end() < len(data))]


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
            assert not is_record_start(data, start, COMMA), data[start : start + 40]
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
def test_ranges_from_any_line_starts_joined_where_each_ends_are_the_file(
    data: bytes, width: int, borders: list[int]
) -> None:
    starts = sorted({next((s for s in line_starts(data) if s >= border), 0) for border in (0, *borders)})
    assert joined(data, width, starts) == rows(data, width)


@lean
@given(contents, st.integers(1, 4), st.integers(1, 9), st.integers(1, 60))
def test_ranges_of_a_divided_file_are_the_file(data: bytes, width: int, ranges: int, size: int) -> None:
    assert joined(data, width, divided(data, width, ranges), size=size) == rows(data, width)


@pytest.mark.parametrize("beyond", [1, 20_000, 60_000])
def test_a_range_refuses_each_record_that_a_file_refuses(beyond: int) -> None:
    most = 200_000
    data = b"x" * (most + beyond - 1) + b"\n" + b"y\n" * 50_000
    with limited_by(Adjustable(record_bytes=most)):
        for until in (None, most - 60_000, most - 1, most, most + beyond):
            with pytest.raises(TooLarge):
                rows(data, 1, most // 2, until=until)
        assert rows(data[beyond:], 1, most // 2, until=most - 1)[0][1] == most


@corpus
def test_a_divided_file_of_the_corpus_begins_each_range_with_a_record(path: Path) -> None:
    data = path.read_bytes()
    body, width = data[data.find(b"\n") + 1 :], len(CONTRACTS[path.stem].columns)
    whole = rows(body, width)
    for ranges in (2, 3, 5, 16):
        assert joined(body, width, divided(body, width, ranges)) == whole


def divided(data: bytes, width: int, ranges: int) -> list[int]:
    """Return the starts of the ranges of data."""
    return range_starts(
        lambda count, at: data[at : at + count], first=0, size=len(data), ranges=ranges, separator=COMMA, width=width
    )


def joined(data: bytes, width: int, starts: list[int], *, size: int = 1 << 24) -> list[Row]:
    """Return the records of ranges in order; a range begins where the one before it ends, if that is not its start."""
    found: list[Row] = []
    place = 0
    for end in [*starts[1:], len(data)]:
        if place < end:
            found += _range_rows(data, place, end - place, width, size, sum(row[2] >= 0 for row in found))
            place = found[-1][1]
    return found


def _range_rows(data: bytes, start: int, until: int, width: int, size: int, before: int) -> list[Row]:
    """Return the records of the range that begins at `start`, as records of the file."""
    return moved(rows(data[start:], width, size, until=until), start, before)


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
