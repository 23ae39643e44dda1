"""Read sheets of Excel and OpenDocument workbooks with python-calamine (extra `workbooks`)."""

import datetime as dt
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkops.errors import DataError, InputUnreadable, UsageError
from bulkops.recipe_source import SourceSpec
from bulkops.sources.heading import SEARCHED, distinct_names, header_row
from bulkops.wording import guess

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

EXACT = 2**53
"""Whole numbers from here on are not exact in a workbook, which stores numbers in binary."""


class Sheet:
    """One sheet of a workbook: its name, the names of its columns, and its rows as text.

    The sheet is in memory as a whole; a sheet of Excel has at most 1,048,576 rows.
    """

    def __init__(self, path: Path, spec: SourceSpec) -> None:
        self._path = path
        book = _opened(path)
        self._sheet, self.notes = _chosen(book, path, spec.sheet)
        self.name = self._sheet.name
        top = [[_cell(value) for value in row] for row in islice(self._rows(), SEARCHED + 1)]
        if not top:
            raise DataError(f"{path}: the sheet {self.name} is empty.")
        first = (self._sheet.start or (0, 0))[0] + 1
        index = header_row(top) if spec.header is None else max(spec.header - first, -1)
        self._skipped = index + 1
        self._first = first + self._skipped
        if index >= len(top):
            raise DataError(f"{path}: the sheet {self.name} has no row {spec.header} for the header.")
        given = top[index] if index >= 0 else list(spec.names)
        self.columns = distinct_names(spec.names or given)
        if index > 0:
            self.notes = (*self.notes, f"the header is in row {self._first - 1}")

    def _rows(self) -> Iterator[list[Any]]:
        return iter(self._sheet.iter_rows())

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows below the header with their number in the sheet; blank rows are left out."""
        width = len(self.columns)
        for number, row in enumerate(islice(self._rows(), self._skipped, None), start=self._first):
            cells = [_cell(value) for value in row]
            if any(cells[width:]):
                raise DataError(f"{self._path}: sheet {self.name}, row {number} has more cells than the header.")
            if any(cells):
                yield number, (cells + [""] * width)[:width]


def filled_sheets(path: Path) -> list[str]:
    """Return the names of the sheets with rows; DataError if there are none."""
    return _filled(_opened(path), path)


def _filled(book: "CalamineWorkbook", path: Path) -> list[str]:
    filled = [each for each in book.sheet_names if book.get_sheet_by_name(each).height]
    if not filled:
        raise DataError(f"{path} has no sheet with rows.")
    return filled


def _opened(path: Path) -> "CalamineWorkbook":
    try:
        from python_calamine import CalamineError, load_workbook
    except ImportError:
        raise UsageError(
            f"{path} is a workbook, which needs the extra `workbooks`.", hint="Run: pip install 'bulkops[workbooks]'"
        ) from None
    if not path.is_file():
        raise InputUnreadable(f"{path} does not exist.")
    try:
        return load_workbook(path)
    except (CalamineError, OSError, ValueError) as error:
        raise InputUnreadable(f"{path} cannot be read as a workbook: {error}.") from None


def _chosen(book: "CalamineWorkbook", path: Path, name: str | None) -> tuple["CalamineSheet", tuple[str, ...]]:
    """Return the named sheet, or the first with rows, and a note if there are others with rows."""
    if name is not None:
        if name not in book.sheet_names:
            raise UsageError(f"{path} has no sheet {name!r}.", hint=guess(name, book.sheet_names))
        return book.get_sheet_by_name(name), ()
    filled = _filled(book, path)
    others = (f"other sheets with rows: {', '.join(filled[1:])}",) if filled[1:] else ()
    return book.get_sheet_by_name(filled[0]), (f"sheet {filled[0]}", *others)


def _cell(value: Any) -> str:
    """Return the value of a cell as text: whole numbers without a fraction, dates and times as in ISO 8601."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < EXACT
        return str(int(value)) if whole else repr(value)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="auto")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)
