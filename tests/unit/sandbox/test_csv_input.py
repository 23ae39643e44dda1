"""How an uploaded file is read."""

import csv
import io

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bulkops.sandbox.assumptions import Assumptions
from bulkops.sandbox.csv_input import CsvInput, Unreadable

CELL = st.text(alphabet=st.sampled_from('ab,"\n\r ;é'), max_size=6)
TABLE = st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1, max_size=8)


def read(text: str, *settings: str) -> CsvInput:
    return CsvInput(io.BytesIO(text.encode()), Assumptions().with_values(settings))


@given(table=TABLE, ending=st.sampled_from(["\n", "\r\n"]), quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_well_formed_records_are_read_as_written_with_their_lines(
    table: list[list[str]], ending: str, quoting: int
) -> None:
    # Python's writer leaves a lone carriage return unquoted where it may.
    assume(quoting == csv.QUOTE_ALL or not any("\r" in cell for row in table for cell in row))
    written = io.StringIO(newline="")
    lines = []
    for row in [["x", "y"], *table]:
        before = written.getvalue()
        lines.append(1 + before.count("\n"))
        csv.writer(written, lineterminator=ending, quoting=quoting).writerow(row)  # type: ignore[arg-type]
    source = read(written.getvalue())
    records = list(source.records())
    assert source.header == ["x", "y"]
    assert [record.cells for record in records] == table
    assert [record.number for record in records] == list(range(1, len(table) + 1))
    assert [record.line for record in records] == lines[1:]


@pytest.mark.parametrize("line", ['a"b', 'a,b"', '"a"b', '"a" ,b', '"{"k": "v"}"', '"never closed', ' "a"'])
def test_a_misplaced_quote_ends_the_file_at_its_line(line: str) -> None:
    source = read(f'x\n"ok\nstill ok"\n{line}\nrest\n')
    found = source.records()
    assert next(found).cells == ["ok\nstill ok"]
    with pytest.raises(Unreadable, match="line 4"):
        next(found)


def test_blank_lines_are_not_counted_as_records() -> None:
    records = list(read("\nx\n\na\n\n\nb\n\n").records())
    assert [(record.number, record.line, record.cells) for record in records] == [(1, 4, ["a"]), (2, 7, ["b"])]


def test_a_byte_order_mark_belongs_to_the_first_name_or_is_stripped() -> None:
    assert read("\ufeffx\n").header == ["\ufeffx"]
    assert read("\ufeffx\n", "bom=strip").header == ["x"]
