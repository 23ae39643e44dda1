"""Write tables that spreadsheets open as they are meant: as CSV, or as an xlsx workbook.

A spreadsheet reads some texts as formulas, and changes the text of some numbers: it removes leading zeros and the
digits of long codes. In CSV such a cell gets an apostrophe in front; in a workbook every cell is stored as text.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from bulkops.errors import UsageError
from bulkops.remote.paths import path_of
from bulkops.wording import guess
from bulkops.writing import NOT_CSV, refuse_other_form

BOM = "\ufeff"
"""Without it, spreadsheets read UTF-8 as a local encoding."""
MAX_ROWS = 1_048_575
"""Maximum rows of a sheet below its header."""
MAX_CELL = 32_767
"""Maximum characters of a cell of a workbook."""
_FORMULA = re.compile(r"[=+\-@\t\r\n|%]")
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?")
_CHANGED = re.compile(r"[+-]?(0\d+(\.\d*)?|\d{16,}(\.\d*)?|\d*\.?\d+[eE][+-]?\d+)")
"""Numbers that a spreadsheet would show with other digits: leading zeros, more than 15 digits, or an exponent."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


class TooManyRows(UsageError):
    """A sheet cannot contain the rows of a table."""


class TableForm(StrEnum):
    """The file format of a table."""

    CSV = "csv"
    XLSX = "xlsx"


TABLE_FORMS = tuple(form.value for form in TableForm)


def safe_cell(text: str) -> str:
    """Return a text that a spreadsheet shows as it is: an apostrophe in front of formulas and of fragile numbers."""
    if _CHANGED.fullmatch(text) or (_FORMULA.match(text) and not _NUMBER.fullmatch(text)):
        return f"'{text}"
    return text


def parse_output(text: str, forms: Sequence[str]) -> tuple[str, Path]:
    """Return the form and the path of FORMAT=FILE; UsageError for another text or an unknown form."""
    form, equals, path = text.partition("=")
    if not equals or not path:
        raise UsageError(
            f"--output {text[:100]!r} is not of the form FORMAT=FILE.", hint=f"Formats: {', '.join(forms)}."
        )
    if form not in forms:
        raise UsageError(f"--output: unknown format {form[:40]!r}.", hint=guess(form, forms))
    return form, path_of(path)


def refuse_other_table(path: Path, form: str) -> None:
    """Raise UsageError if the suffix of a path means another format, or if the form cannot be written here."""
    others = {suffix: name for suffix, name in {**NOT_CSV, ".csv": "a CSV file"}.items() if suffix != f".{form}"}
    refuse_other_form(path, others, instead=f".{form}")
    if form == TableForm.XLSX:
        require_workbooks()


def write_table(out: BinaryIO, form: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to an open file; UsageError if the form is not installed, TooManyRows for a sheet with too many."""
    if form == TableForm.XLSX:
        _write_workbook(out, columns, rows)
        return
    text = io.TextIOWrapper(out, encoding="utf-8", errors="backslashreplace", newline="")
    text.write(BOM)
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_text(cell) for cell in row] for row in rows)
    text.flush()
    text.detach()


def require_workbooks() -> Any:
    """Return the library that writes workbooks; UsageError if it is not installed."""
    try:
        import xlsxwriter
    except ImportError:
        raise UsageError(
            "Writing an xlsx workbook needs XlsxWriter.", hint="Install it: pip install 'bulkops[workbooks]'"
        ) from None
    return xlsxwriter


def _text(cell: object) -> str:
    """Return a cell as text; a number of bulkops needs no protection."""
    if cell is None:
        return ""
    return safe_cell(cell) if isinstance(cell, str) else str(cell)


def _write_workbook(out: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    library = require_workbooks()
    # Rows are written to a temporary file at once, so that memory stays bounded.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with library.Workbook(out, {**options, "strings_to_numbers": False}) as book:
        sheet = book.add_worksheet("bulkops")
        bold, text_format = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
        sheet.freeze_panes(1, 0)
        for place, name in enumerate(columns):
            sheet.write_string(0, place, name, bold)
        for number, row in enumerate(rows, start=1):
            if number > MAX_ROWS:
                raise TooManyRows(f"A sheet contains at most {MAX_ROWS:,} rows.", hint="Write csv instead.")
            for place, cell in enumerate(row):
                if isinstance(cell, int | float) and not isinstance(cell, bool):
                    sheet.write_number(number, place, cell)
                elif cell not in (None, ""):
                    sheet.write_string(number, place, _CONTROL.sub("\ufffd", str(cell))[:MAX_CELL], text_format)
