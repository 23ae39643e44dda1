"""Find the records that certainly need no safe repair, or only repairs of known cells, many at a time.

A record is certain if it has the form of the file, and a cheap check or `repair_cell` itself clears each other cell.
The remaining records are repaired one by one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl

from bulkops.fixing.options import AppliedRepair
from bulkops.fixing.repairs.records import RecordShape, is_blank, repair_field, spelled
from bulkops.fixing.repairs.quotes import undoubled
from bulkops.reading.records.layout import Block, Layout, bytes_of
from bulkops.reading.records.structural_index import Flags, counts_before, positions
from bulkops.validation.checks.cells import blank_rows
from bulkops.validation.checks.columns import checks_of
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.checks.repeated_header import repeats_header
from bulkops.validation.context import Context
from bulkops.validation.parse import read_frame
from bulkops_validators.model.odd_lines import RULE
from bulkops_validators.model.rules_registry import RULES

_MARK = "\ufeff"
_REMOVABLE = rf"^{_MARK}|{RULE}|\n$"
"""A first cell that a repair changes, or that may be a line of signs; Python's `$` also matches before a line feed."""
_REMOVABLE_TEXT = re.compile(_REMOVABLE)


class CellSpan(NamedTuple):
    """A cell of a record: its position from 0, and its start and end in the bytes of the record."""

    position: int
    start: int
    end: int


class CellSpans:
    """Finds cells in the records of a block that have the form of the file."""

    def __init__(self, block: Block, laid: Layout) -> None:
        self._data = block.data
        self._laid = laid
        self._limits = positions(block.structure.limits)
        self._first = counts_before(block.structure.limits, laid.starts)

    def of(self, index: int, places: Iterable[int]) -> Iterator[CellSpan]:
        """Yield some cells of a record, by its index in the layout."""
        laid, first = self._laid, int(self._first[index])
        start, last = int(laid.starts[index]), int(laid.fields[index]) - 1
        for place in places:
            begin = int(self._limits[first + place - 1]) + 1 - start if place else 0
            end = int(self._limits[first + place]) - start if place < last else self._end(index) - start
            yield CellSpan(place, begin, end)

    def _end(self, index: int) -> int:
        """Return the end of a record without its line end."""
        end, data = int(self._laid.ends[index]), self._data
        end -= data.endswith(b"\n", 0, end)
        return end - bool(self._laid.crlf[index])


@dataclass(frozen=True)
class SortedRecords:
    """Flags of the records of a block that stay as they are, and the cells that change in others, by record index.

    `cells` has the positions of the cells of each record in which nothing else can change.
    """

    unchanged: Flags
    cells: Mapping[int, list[int]]


@dataclass
class UnchangedRecords:
    """Finds such records in the blocks of one file; `shape` is the shape of its records."""

    shape: RecordShape

    @cached_property
    def _context(self) -> Context:
        return Context(
            contract=self.shape.contract,
            columns=self.shape.columns,
            separator=self.shape.separator,
            codes=frozenset(RULES),
            now=None,
            crlf=self.shape.line_end == b"\r\n",
            names=self.shape.names,
        )

    def sort(self, block: Block, laid: Layout) -> SortedRecords:
        """Return the records that certainly stay as they are, or change only in some cells; blank lines are neither."""
        unchanged = np.zeros(len(laid.starts), np.bool_)
        sound = self._sound(block, laid)
        if not sound.any():
            return SortedRecords(unchanged, {})
        frame = read_frame(bytes_of(sound, block, laid), len(self.shape.columns), block.separator)
        if frame is None or frame.height != int(np.count_nonzero(sound)):
            return SortedRecords(unchanged, {})
        removable, changes = self._removable(frame), self._changing(frame)
        stays = ~removable
        for flags in changes.values():
            stays &= ~flags
        unchanged[sound] = stays
        rows = np.flatnonzero(sound)
        repairable = ~(removable | self._begins_header(frame))
        cells: dict[int, list[int]] = {}
        for position, flags in changes.items():
            for index in rows[flags & repairable].tolist():
                cells.setdefault(index, []).append(position)
        return SortedRecords(unchanged, {} if self.shape.structure_only else cells)

    @cached_property
    def _first_names(self) -> frozenset[str]:
        """The names of the first column: the documented one, and the one in the file."""
        return frozenset(name for name in (self.shape.columns[0], *self.shape.names[:1]) if name is not None)

    def repaired(self, raw: bytes, spans: Iterable[CellSpan]) -> tuple[bytes, list[AppliedRepair]] | None:
        """Return a record with some cells repaired, and the repairs; None if the whole record must be examined.

        That is the case if a cell becomes blank, or the first cell that of a line to remove.
        """
        parts, done, repairs = list[bytes](), 0, list[AppliedRepair]()
        for position, start, end in spans:
            name, original = self.shape.columns[position], raw[start:end].decode()
            assert name is not None
            text = undoubled(original) if original.startswith('"') else original
            after, found = repair_field(position, name, text, self.shape)
            odd = position == 0 and (after in self._first_names or _REMOVABLE_TEXT.search(after))
            if is_blank(after) or odd:
                return None
            if found:
                parts += [raw[done:start], spelled(after, None).encode()]
                done = end
                repairs += found
        return b"".join((*parts, raw[done:])), repairs

    def _sound(self, block: Block, laid: Layout) -> Flags:
        """Return flags of the records with the form of the file; none if the whole file gets another form."""
        shape = self.shape
        if shape.options.unsafe or shape.rewritten or not is_utf8(block.data):
            return np.zeros(len(laid.starts), np.bool_)
        # A carriage return elsewhere may separate records.
        if block.data.count(b"\r") != int(np.count_nonzero(laid.crlf)):
            return np.zeros(len(laid.starts), np.bool_)
        whole = (laid.numbers >= 0) & ~laid.malformed & (laid.fields == len(shape.columns))
        sound: Flags = whole & (laid.crlf == self._context.crlf)
        return sound

    def _removable(self, frame: pl.DataFrame) -> Flags:
        """Return flags of the rows that a repair may remove, or that begin with a byte order mark."""
        flags = frame.to_series(0).str.contains(_REMOVABLE).fill_null(value=False).to_numpy().copy()
        names = {str(index): name for index, name in enumerate(self.shape.columns) if name is not None}
        blank = blank_rows(frame.rename(names), self._context)
        if blank is not None:
            flags |= blank
        return flags | self._repeats_header(frame)

    def _changing(self, frame: pl.DataFrame) -> dict[int, Flags]:
        """Return flags of the rows in which a repair changes the cell, by position of the column."""
        found: dict[int, Flags] = {}
        for index, name in enumerate(self.shape.columns):
            if name is not None:
                values = self._changing_cells(name, frame.to_series(index).rename(name))
                if len(values):
                    found[index] = frame.to_series(index).is_in(values.implode()).fill_null(value=False).to_numpy()
        return found

    def _begins_header(self, frame: pl.DataFrame) -> Flags:
        """Return flags of the rows that begin like the header."""
        flags: Flags = frame.to_series(0).is_in([*self._first_names]).fill_null(value=False).to_numpy()
        return flags

    def _repeats_header(self, frame: pl.DataFrame) -> Flags:
        """Return flags of the rows that repeat the header."""
        likely = self._begins_header(frame).copy()
        for row in np.flatnonzero(likely).tolist():
            cells = [cell or "" for cell in frame.row(row)]
            likely[row] = repeats_header(cells, self.shape.columns, self.shape.names)
        return likely

    def _changing_cells(self, name: str, cells: pl.Series) -> pl.Series:
        """Return the distinct cells of a column that a repair changes."""
        checks = checks_of(self._context, name)
        if checks.all_clean(cells):
            return cells.clear()
        doubtful = cells.filter(~checks.are_plain(cells)).drop_nulls().unique()
        changes = [bool(self.shape.repaired_cell(name, cell)[1]) for cell in doubtful.to_list()]
        return doubtful.filter(pl.Series(changes, dtype=pl.Boolean))
