"""Every record is read with its number and line, also with malformed quotes."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.errors import DataError
from bulkops.readback.parse.tables import read_frames, read_raw
from bulkops.readback.parse.warnings import Notes


def rows(data: bytes, notes: Notes | None = None, batch: int = 1 << 24) -> list[tuple[object, ...]]:
    return [row for frame in read_frames([data], name="x", notes=notes, batch_bytes=batch) for row in frame.rows()]


def test_bom_crlf_and_blank_lines_are_not_part_of_the_cells() -> None:
    assert rows(b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n3,4\r\n") == [("1", "2", 1, 2), ("3", "4", 2, 4)]


def test_lists_and_objects_without_quotes_are_one_cell() -> None:
    data = b"""id,who,what\n1,['a','b'],{"x": 1, "y": [1, 2]}\n2,[],{}\n3,"['a','b']","{""q"": 1}"\n"""
    notes = Notes()
    assert [row[:3] for row in rows(data, notes)] == [
        ("1", "['a','b']", '{"x": 1, "y": [1, 2]}'),
        ("2", "[]", "{}"),
        ("3", "['a','b']", '{"q": 1}'),
    ]
    assert notes.lines() == ("1 x quotes that are not valid CSV (first: record 1).",)


def test_undoubled_quotes_keep_the_object() -> None:
    assert rows(b'a,b\n1,"{"k": "v, w"}"\n') == [("1", '{"k": "v, w"}', 1, 2)]


def test_more_fields_than_the_header_are_noted_and_not_dropped() -> None:
    notes = Notes()
    found = rows(b"p,s,c,st,a\n40,,111,active,10\n41,,112,active,10,0\n42,x\n", notes)
    assert [row[0] for row in found] == ["40", "41", "42"]
    assert notes.lines() == ("2 x a different number of fields than the header (first: record 2).",)


def test_stray_quote_does_not_merge_records() -> None:
    assert [row[0] for row in rows(b'a,b\n1,5" pipe\n2,y\n"3,z\n4,w\n')] == ["1", "2", '"3', "4"]


def test_lines_count_through_cells_that_contain_line_ends() -> None:
    assert rows(b'a,b\n"x\n\ny",1\nz,2\n') == [("x\n\ny", "1", 1, 2), ("z", "2", 2, 5)]


def test_bytes_that_are_not_utf8_are_noted() -> None:
    notes = Notes()
    assert rows(b"a\nx\xff\n", notes)[0][0] == "x�"
    assert "not valid UTF-8" in notes.lines()[0]


def test_a_single_column_skips_blank_lines_and_keeps_blank_cells() -> None:
    assert [row[0] for row in rows(b'item\nx\n\n""\ny\n')] == ["x", "", "y"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_file_without_a_header_raises_data_error(data: bytes) -> None:
    with pytest.raises(DataError, match="no header"):
        rows(data)


cells = st.text(alphabet=st.sampled_from("ab\",\n{}[]'é ;\x1f"), max_size=6)


@settings(max_examples=150, deadline=None)
@given(table=st.lists(st.tuples(cells, cells, cells), max_size=12), crlf=st.booleans(), batch=st.integers(1, 80))
def test_well_formed_csv_is_read_as_pythons_reader_does(
    table: list[tuple[str, str, str]], crlf: bool, batch: int
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n" if crlf else "\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *table])
    data = out.getvalue().encode()
    assert [row[:3] for row in rows(data, batch=batch)] == table
    again = b"".join(r for _, _, records in read_raw([data], name="x") for r in records)
    assert again == data.partition(b"\r\n" if crlf else b"\n")[2]
