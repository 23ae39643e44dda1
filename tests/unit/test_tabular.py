"""Tables for spreadsheets: no cell becomes a formula, and no text of a number changes."""

import csv
import io
import xml.etree.ElementTree as ET
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.errors import UsageError
from bulkops.tabular import parse_output, safe_cell, write_table

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|calc", "%0"])
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["007", "-0012.50", "1234567890123456", "12345678901234567.5", "1e5", "+12E-3", "1E308"]
)
def test_a_number_that_a_spreadsheet_would_change_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "0", "-5", "+7", "12.50", "0.5", "123456789012345", "CODE-1", "a=b", "1e5x"])
def test_a_harmless_text_stays(text: str) -> None:
    assert safe_cell(text) == text


@given(st.text())
def test_a_cell_never_begins_as_a_formula_and_keeps_its_text(text: str) -> None:
    found = safe_cell(text)
    assert found.removeprefix("'") == text.removeprefix("'") or found == f"'{text}"
    assert found[:1] not in "=@\t\r\n|%" or not found


def written(form: str, rows: list[tuple[object, ...]]) -> bytes:
    out = io.BytesIO()
    write_table(out, form, ("a", "b"), rows)
    return out.getvalue()


def test_csv_has_a_byte_order_mark_and_all_cells() -> None:
    data = written("csv", [("=1", 5), ("ä,\n", None)])
    assert data.startswith(b"\xef\xbb\xbfa,b\r\n")
    assert list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))) == [
        ["a", "b"], ["'=1", "5"], ["ä,\n", ""],
    ]  # fmt: skip


def test_a_workbook_stores_texts_as_texts_and_has_no_formula() -> None:
    data = written("xlsx", [("=HYPERLINK(1)", 5), ("0012", "https://x.test"), ("a\x00b", "x" * 40_000)])
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    assert not list(sheet.iter(f"{SHEET}f"))
    texts = [each.text or "" for each in sheet.iter(f"{SHEET}t")]
    assert texts[2:5] == ["=HYPERLINK(1)", "0012", "https://x.test"]
    assert texts[5:] == ["a\ufffdb", "x" * 32_767]
    assert [each.text for each in sheet.iter(f"{SHEET}v")] == ["5"]


@pytest.mark.parametrize(("text", "message"), [("csv", "FORMAT=FILE"), ("csv=", "FORMAT=FILE"), ("doc=a", "unknown")])
def test_an_output_without_format_and_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_output(text, ("csv", "xlsx"))
