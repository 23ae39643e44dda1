"""The uploaded file as records: strict about quotes, field counts and encoding, like Go's CSV reader."""

import csv
import io
import re
from collections.abc import Iterator
from typing import IO, NamedTuple

from bulkops.sandbox.assumptions import Assumptions
from bulkops.sandbox.responses import ApiError, Problem

csv.field_size_limit(16 * 1024 * 1024)

WELL_QUOTED = re.compile(r'(?:"(?:[^"]|"")*+"|[^",\r\n]*+)(?:,(?:"(?:[^"]|"")*+"|[^",\r\n]*+))*+[\r\n]*+')


class RowError(Exception):
    """One record is refused; the file may go on."""

    def __init__(self, title: str, details: str, status: int = 400) -> None:
        super().__init__(details)
        self.title = title
        self.details = details
        self.status = status


class Unreadable(RowError):
    """The file cannot be read beyond this record."""


class Record(NamedTuple):
    """One CSV record: its number (header not counted), first physical line (header is 1) and cells."""

    number: int
    line: int
    cells: list[str]


class Place(NamedTuple):
    """The position of a problem."""

    number: int
    line: int


class CsvInput:
    """The header and the records of an upload."""

    def __init__(self, stream: IO[bytes], assumptions: Assumptions) -> None:
        self._assumptions = assumptions
        encoding = "utf-8-sig" if assumptions.bom == "strip" else "utf-8"
        self._text = io.TextIOWrapper(stream, encoding=encoding, newline="\n")
        self._raw: list[str] = []
        self._reader = csv.reader(self._lines(), strict=True)
        self.number = 0
        self.line = 1
        self.header = self._header()
        self.number = 1

    @property
    def place(self) -> Place:
        """The position of the reader: the record that it reads, or has just read."""
        return Place(self.number, self.line)

    def _lines(self) -> Iterator[str]:
        for line in self._text:
            self._raw.append(line)
            yield line

    def release(self) -> None:
        """Detach the stream without closing it."""
        self._text.detach()

    def _header(self) -> list[str]:
        try:
            cells = self._next()
        except Unreadable as problem:
            raise refused([(problem, self.place)], self._assumptions) from problem
        if cells is None:
            raise ApiError(400, "Import Error: the file is empty")
        return cells

    def _next(self) -> list[str] | None:
        """Return the next record that is not blank; None at the end."""
        while True:
            self._raw.clear()
            self.line = self._reader.line_num + 1
            try:
                cells = next(self._reader, None)
            except UnicodeDecodeError as problem:
                raise Unreadable("Invalid encoding", "Import Error: the file is not UTF-8") from problem
            except csv.Error as problem:
                raise self._parse_error() from problem
            if cells is None:
                return None
            if cells:
                self._check_quotes()
                return cells
            if self._assumptions.blank_lines == "error":
                raise Unreadable("Read CSV error", f"Import Error: blank line {self.line}")

    def _check_quotes(self) -> None:
        if self._assumptions.bare_quotes == "error":
            raw = "".join(self._raw)
            if '"' in raw and WELL_QUOTED.fullmatch(raw) is None:
                raise self._parse_error()

    def _parse_error(self) -> Unreadable:
        return Unreadable("Read CSV error", f"Import Error: Read CSV error parse error on line {self.line}")

    def records(self) -> Iterator[Record]:
        """Yield the records; `Unreadable` ends the file."""
        while (cells := self._next()) is not None:
            yield Record(self.number, self.line, cells)
            self.number += 1


def refused(found: list[tuple[RowError, Place]], assumptions: Assumptions) -> ApiError:
    """Return the 400 or 409 that names bad records, as many of them as the assumptions say."""
    shown = found[:1] if assumptions.errors_reported == "first" else found[:100]
    problems = tuple(
        Problem(error.title, error.details, {"line": _line(error, place, assumptions)}) for error, place in shown
    )
    return ApiError(found[0][0].status, shown[0][0].details, problems=problems)


def _line(error: RowError, place: Place, assumptions: Assumptions) -> str:
    if error.title == "Invalid encoding":
        return "N/A"
    line = place.line if assumptions.error_line == "physical" else place.number + 1
    return str(line - (assumptions.error_line_header == "not_counted"))


def column_positions(
    header: list[str], *, required: tuple[str, ...], optional: tuple[str, ...], only: bool, assumptions: Assumptions
) -> list[int]:
    """Return where each documented column is, -1 where an optional one is absent.

    `only` means that no other column may be there whatever the assumptions say. Raises `ApiError`.
    """
    ignore_case = assumptions.header_case == "ignore"
    names = [name.lower() for name in header] if ignore_case else header
    wanted = [name.lower() if ignore_case else name for name in (*required, *optional)]
    problems = [f"the column {name!r} is missing" for name in wanted[: len(required)] if name not in names]
    problems += [f"the column {name!r} is there twice" for name in wanted if names.count(name) > 1]
    if only or assumptions.unknown_columns == "error":
        problems += [f"the column {name!r} is unknown" for name in names if name not in wanted]
    if problems:
        line = {"line": "0" if assumptions.error_line_header == "not_counted" else "1"}
        shown = tuple(Problem("Invalid header", text, line) for text in problems[:100])
        raise ApiError(400, f"Import Error: {problems[0]}", problems=shown)
    return [names.index(name) if name in names else -1 for name in wanted]
