"""Every form of legacy data becomes a table of text, and each row keeps its origin."""

import csv
import gzip
import json
import re
import sqlite3
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import xlsxwriter

from bulkops.errors import BulkopsError, DataError, InputUnreadable, UsageError
from bulkops.recipe_source import SourceSpec
from bulkops.sources.heading import distinct_names, header_row
from bulkops.sources.opening import open_table
from bulkops.sources.table import LINE, PART
from tests.postgres.server import Postgres

ROWS = [("A-1", "5,50", "Müller"), ("A-2", None, "O'Neil, Jr.")]
COLUMNS = ("Code", "Amount", "Name")


def read(**spec: Any) -> tuple[tuple[str, ...], list[tuple[Any, ...]], list[int]]:
    table = open_table(SourceSpec(**spec))
    frame = pl.concat(list(table.frames()))
    return table.columns, frame.select(table.columns).rows(), frame.get_column(LINE).to_list()


def csv_text(separator: str, end: str = "\n") -> str:
    cells = [[f'"{cell}"' if cell and separator in cell else cell or "" for cell in row] for row in (COLUMNS, *ROWS)]
    return end.join(separator.join(row) for row in cells) + end


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_of_any_separator_unicode_encoding_and_line_end_is_read(
    tmp_path: Path, separator: str, encoding: str, end: str
) -> None:
    path = tmp_path / "legacy.csv"
    path.write_bytes(csv_text(separator, end).encode(encoding))
    assert read(file=path) == (COLUMNS, ROWS, [2, 3])


@pytest.mark.parametrize("separator", ["^", "~", ":", "#", "\x01", "\x1f"])
def test_csv_of_a_rare_separator_is_read_if_it_divides_all_lines(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "legacy.csv"
    path.write_text(csv_text(separator))
    assert read(file=path) == (COLUMNS, ROWS, [2, 3])
    path.write_text("Code\n" + f"A{separator}1\n" * 3)
    assert read(file=path)[0] == ("Code",)


def test_csv_of_another_encoding_names_the_line_and_is_read_once_the_encoding_is_given(tmp_path: Path) -> None:
    path = tmp_path / "legacy.csv"
    path.write_bytes(csv_text(";").encode("cp1252"))
    with pytest.raises(DataError, match=r"line 2 is not UTF-8") as caught:
        read(file=path)
    assert "cp1252" in str(caught.value)
    assert read(file=path, encoding="cp1252") == (COLUMNS, ROWS, [2, 3])


def test_csv_with_other_quotes_or_escapes_is_read_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "legacy.csv"
    path.write_text("Code,Name\n'A,1','first\nsecond'\n'A-2','O\\'Neil'\n", encoding="utf-8")
    found = read(file=path, quote="'", escape="\\")
    assert found == (("Code", "Name"), [("A,1", "first\nsecond"), ("A-2", "O'Neil")], [2, 4])


def test_lines_of_records_count_blank_lines_and_line_ends_in_cells(tmp_path: Path) -> None:
    path = tmp_path / "legacy.csv"
    path.write_text('Export of 2026\n\nCode,Note\nA,"two\nlines"\n\nB,x\n', encoding="utf-8")
    assert read(file=path) == (("Code", "Note"), [("A", "two\nlines"), ("B", "x")], [4, 7])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('"Coupon\rCode",Note\r\nA,1\r\nB,2\r\n', [2, 3]),
        ('"Report\rMay"\r\n\r\nCoupon Code,Note\r\nA,1\r\nB,2\r\n', [4, 5]),
        ("Coupon Code,Note\rA,1\r\nB,2\r\n", [1, 2]),
    ],
    ids=["in a name", "in a title", "behind the header"],
)
@pytest.mark.parametrize("dialect", [{}, {"escape": "\\"}], ids=["usual", "escape"])
def test_a_lone_carriage_return_in_front_of_the_records_hides_none(
    tmp_path: Path, text: str, lines: list[int], dialect: dict[str, str]
) -> None:
    path = tmp_path / "legacy.csv"
    path.write_bytes(text.encode())
    assert read(file=path, **dialect) == (("Coupon Code", "Note"), [("A", "1"), ("B", "2")], lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,4,5\n", r"line 3: the record has 3 fields, but the header has 2"),
        ("a,b\n1,2\n3,4,", r"line 3: the record has 3 fields, but the header has 2"),
        ("a,b\n1,2\n3\n", r"line 3: the record has 1 field, but the header has 2"),
        ('a,b\n1,2\n"3"x,4\n5,6\n', r"line 3: "),
        ("", r"is empty"),
        ('{"a": 1}\n{"a": 2}\n', r"is JSON lines, not CSV"),
    ],
)
def test_a_malformed_csv_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "legacy.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read(file=path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("more", [[], ['"two\nlines"']], ids=["plain", "quoted"])
def test_blank_lines_of_a_single_column_are_not_read_as_records(tmp_path: Path, end: str, more: list[str]) -> None:
    path = tmp_path / "legacy.csv"
    path.write_bytes(end.join(["Code", "A", "", '""', "B", *more, "", ""]).encode())
    assert [line for line in read(file=path)[2] if line < 6] == [2, 4, 5]


def test_a_long_cell_in_the_first_rows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "legacy.csv"
    path.write_text(f"Code,Note\nA,{'x' * 140_000}\n", encoding="utf-8")
    csv.field_size_limit(131_072)  # the default of Python, which other modules change
    assert read(file=path)[2] == [2]


def test_compressed_and_archived_csv_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(csv_text(",").encode()))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("inner.csv", csv_text(";"))
    assert read(file=tmp_path / "a.csv.gz") == (COLUMNS, ROWS, [2, 3])
    assert read(file=tmp_path / "b.zip", format="csv") == (COLUMNS, ROWS, [2, 3])


def test_a_pattern_joins_files_and_each_row_names_its_file(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"part-{name}.csv").write_text(f"Code\n{name}1\n{name}2\n", encoding="utf-8")
    table = open_table(SourceSpec(file=tmp_path / "part-*.csv"))
    frame = pl.concat(list(table.frames()))
    assert frame.get_column("Code").to_list() == ["a1", "a2", "b1", "b2"]
    names = [Path(table.parts[part].name).name for part in frame.get_column(PART)]
    assert names == ["part-a.csv", "part-a.csv", "part-b.csv", "part-b.csv"]
    (tmp_path / "part-c.csv").write_text("Kode\nx\n", encoding="utf-8")
    with pytest.raises(DataError, match="lacks columns of the other files"):
        open_table(SourceSpec(file=tmp_path / "part-*.csv"))


def workbook(path: Path) -> None:
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        book.add_worksheet("Empty")
        sheet = book.add_worksheet("Codes")
        sheet.write(0, 0, "Gift cards of 2026")
        sheet.write_row(2, 0, ["Code", "Amount", "Until", "Active"])
        sheet.write_row(3, 0, ["00123", 12.5, datetime(2027, 1, 31), True])  # noqa: DTZ001 - workbooks have no zones
        sheet.write_row(5, 0, [4711, 10.0, datetime(2027, 1, 31, 12, 30), False])  # noqa: DTZ001


def test_a_workbook_with_a_title_and_a_blank_row_keeps_sheet_rows_and_text(tmp_path: Path) -> None:
    workbook(tmp_path / "cards.xlsx")
    columns, rows, lines = read(file=tmp_path / "cards.xlsx")
    assert columns == ("Code", "Amount", "Until", "Active")
    assert rows == [("00123", "12.5", "2027-01-31", "true"), ("4711", "10", "2027-01-31 12:30:00", "false")]
    assert lines == [4, 6]
    table = open_table(SourceSpec(file=tmp_path / "cards.xlsx", sheet="Codes"))
    assert (table.parts[0].sheet, table.parts[0].unit) == ("Codes", "row")
    with pytest.raises(UsageError, match="no sheet 'Kodes'") as caught:
        open_table(SourceSpec(file=tmp_path / "cards.xlsx", sheet="Kodes"))
    assert "Codes" in str(caught.value)


def test_an_opendocument_sheet_is_read(tmp_path: Path) -> None:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    made = ("".join(cell.format(value or "") for value in row) for row in (COLUMNS, *ROWS))
    rows = "".join(f"<table:table-row>{row}</table:table-row>" for row in made)
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0"?><office:document-content {spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="S">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", content)
    assert read(file=tmp_path / "a.ods") == (COLUMNS, ROWS, [2, 3])


def test_json_lines_keep_numbers_as_written_and_nested_values(tmp_path: Path) -> None:
    path = tmp_path / "legacy.jsonl"
    path.write_text(
        '{"id": 12345678901234567890, "owner": {"email": "a@b.c"}, "codes": ["x", "y"], "amount": 1.10}\n\n'
        '{"id": 2, "late": true, "amount": null}\n',
        encoding="utf-8",
    )
    columns, rows, lines = read(file=path)
    assert columns == ("id", "owner.email", "codes", "amount", "late")
    assert rows == [
        ("12345678901234567890", "a@b.c", '["x","y"]', "1.10", None),
        ("2", None, None, None, "true"),
    ]
    assert lines == [1, 3]
    path.write_text('{"a": 1}\n[1]\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 2 is not a JSON object"):
        read(file=path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": "\\ud800"}', "line 1 has half of a surrogate pair"),
        ('{"\\ud800": "a"}', "line 1 has half of a surrogate pair"),
        ('{"a.b": 1, "a": {"b": 2}}', "line 1: two keys become the column a.b"),
    ],
    ids=["value", "key", "same column"],
)
def test_json_lines_without_a_form_as_a_table_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "legacy.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(message)):
        read(file=path)


@pytest.mark.parametrize("values", [[timedelta(seconds=3)], [b"\xff"]], ids=["duration", "bytes"])
def test_a_parquet_column_without_a_form_as_text_is_named(tmp_path: Path, values: list[object]) -> None:
    path = tmp_path / "legacy.parquet"
    pl.DataFrame({"code": ["A"], "odd": values}).write_parquet(path)
    with pytest.raises(InputUnreadable, match="column odd"):
        read(file=path)


def test_parquet_types_become_text(tmp_path: Path) -> None:
    path = tmp_path / "legacy.parquet"
    pl.DataFrame(
        {
            "code": ["A", None],
            "uses": [1, 2],
            "amount": [1.5, 3.0],
            "day": [date(2027, 1, 31), None],
            "at": [datetime(2027, 1, 31, 12, tzinfo=UTC), None],
            "codes": [["x", "y"], []],
            "on": [True, False],
        }
    ).write_parquet(path)
    _, rows, lines = read(file=path)
    assert rows[0][:4] == ("A", "1", "1.5", "2027-01-31")
    assert rows[0][4].startswith("2027-01-31T12:00:00")
    assert (json.loads(rows[0][5]), rows[0][6]) == (["x", "y"], "true")
    assert rows[1] == (None, "2", "3", None, None, "[]", "false")
    assert lines == [1, 2]


def test_databases_are_read_in_order_and_never_written(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as first:
        first.execute("CREATE TABLE members AS SELECT * FROM (VALUES ('b', 2.50), ('a', 1.25)) t(id, points)")
    with sqlite3.connect(tmp_path / "b.sqlite") as second:
        second.execute("CREATE TABLE members (id TEXT, points NUMERIC)")
        second.executemany("INSERT INTO members VALUES (?, ?)", [("b", 2.5), ("a", 1.25)])
    second.close()
    for address, points in ((f"duckdb:///{tmp_path}/a.duckdb", "2.50"), (f"sqlite:///{tmp_path}/b.sqlite", "2.5")):
        assert read(database=address, query="SELECT id, points FROM members ORDER BY id") == (
            ("id", "points"), [("a", "1.25"), ("b", points)], [1, 2]
        )  # fmt: skip
        assert read(database=address, table="members")[1][0] == ("a", "1.25")
        for statement in ("DELETE FROM members /* ORDER BY */", "DROP TABLE members /* ORDER BY */"):
            with pytest.raises(BulkopsError):
                read(database=address, query=statement)
        assert len(read(database=address, table="members")[1]) == 2


def test_postgresql_is_read_in_a_read_only_transaction(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.execute("CREATE TABLE legacy_members (id text, points numeric(10, 2), joined timestamptz, tags jsonb)")
    postgres.execute(
        "INSERT INTO legacy_members VALUES ('b', 2.50, '2024-05-01T10:00:00+02', '[\"x\"]'), ('a', 1.25, NULL, NULL)"
    )
    monkeypatch.setenv("LEGACY", postgres.address)
    source = {"database_env": "LEGACY", "query": "SELECT * FROM legacy_members ORDER BY id"}
    assert read(**source) == (
        ("id", "points", "joined", "tags"),
        [("a", "1.25", None, None), ("b", "2.50", "2024-05-01T08:00:00+00:00", '["x"]')],
        [1, 2],
    )
    postgres.execute("CREATE SEQUENCE legacy_numbers")
    with pytest.raises(InputUnreadable, match="read-only"):
        read(database_env="LEGACY", query="SELECT nextval('legacy_numbers') ORDER BY 1")
    assert len(read(database_env="LEGACY", table="legacy_members")[1]) == 2


def test_a_duckdb_database_spills_no_rows_beside_itself(tmp_path: Path) -> None:
    path = tmp_path / "legacy.duckdb"
    duckdb.connect(str(path)).close()
    query = "SELECT current_setting('temp_directory') AS folder ORDER BY 1"
    _, [(folder,)], _ = read(database=f"duckdb:///{path}", query=query)
    assert Path(folder).parent != tmp_path
    assert not Path(folder).exists()


def test_a_database_address_never_shows_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY", "postgresql://me:s3cretpass@127.0.0.1:1/none")
    with pytest.raises(InputUnreadable, match=r"postgresql://127\.0\.0\.1:1/none") as caught:
        read(database_env="LEGACY", table="members")
    assert "s3cretpass" not in str(caught.value)


def test_an_export_with_raw_lists_is_read(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("identifier,profiles,attributes\nc-1,['a', 'b'],{\"n\": 1, \"m\": 2}\nc-2,[],\n", encoding="utf-8")
    _, rows, lines = read(file=path, format="export")
    assert rows == [("c-1", "['a', 'b']", '{"n": 1, "m": 2}'), ("c-2", "[]", None)]
    assert lines == [2, 3]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "one of file, database"),
        ({"file": "a.csv", "database": "duckdb:///a"}, "one of file, database"),
        ({"database": "duckdb:///a"}, "one of query and table"),
        ({"database": "duckdb:///a", "query": "SELECT 1"}, "ORDER BY"),
        ({"file": "legacy.dat"}, "the format is unknown"),
        ({"file": "a.csv", "header": 0}, "needs names"),
    ],
)
def test_a_contradictory_source_is_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SourceSpec(**spec)


def test_the_header_is_the_first_row_of_words_as_wide_as_the_table() -> None:
    assert header_row([["Export", ""], ["", ""], ["Code", "Uses"], ["A", "1"], ["B", "2"]]) == 2
    assert header_row([["Code"], ["A"]]) == 0
    assert distinct_names(["Code", "code", " ", "_id"]) == ("Code", "code_2", "column_3", "column_id")
