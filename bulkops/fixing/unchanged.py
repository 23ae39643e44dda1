"""Find the records that certainly need no safe repair, or only repairs of known cells, many at a time.

A record is certain if it has the form of the file, and a cheap check or `repair_cell` itself clears each other cell.
The remaining records are repaired one by one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl

from bulkops.fixing.options import AppliedRepair
from bulkops.fixing.repairs.quotes import undoubled
from bulkops.fixing.repairs.records import RecordShape, is_blank, may_be_note, repair_field, spelled
from bulkops.reading.records.layout import Block, Layout, bytes_of
from bulkops.reading.records.quoting import cells
from bulkops.reading.records.structural_index import Flags, Offsets, counts_before, positions
from bulkops.validation.checks.cells import blank_rows
from bulkops.validation.checks.columns import checks_of
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.checks.repeated_header import repeats_header
from bulkops.validation.context import Context
from bulkops.validation.parse import read_frame, surplus_blanks, without_surplus
from bulkops_validators.model.odd_lines import RULE
from bulkops_validators.model.rules_registry import RULES

_COMMA = ord(",")
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

    `cells` has the positions of these cells for each record in which only they and surplus blank fields can change.
    `surplus` is the number of such fields at the end of each record.
    """

    unchanged: Flags
    cells: Mapping[int, list[int]] = field(default_factory=dict)
    surplus: Offsets = field(default_factory=lambda: np.zeros(0, np.int64))


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
        surplus = surplus_blanks(block, laid, len(self.shape.columns))
        sound = self._sound(block, laid, surplus)
        surplus[~sound] = 0
        if not sound.any():
            return SortedRecords(unchanged)
        data = without_surplus(sound, block, laid, surplus)[0] if surplus.any() else bytes_of(sound, block, laid)
        frame = read_frame(data, len(self.shape.columns), block.separator)
        if frame is None or frame.height != int(np.count_nonzero(sound)):
            return SortedRecords(unchanged)
        rows, removable, changes = np.flatnonzero(sound), self._removable(frame), self._changing(frame)
        shorter = surplus[rows] > 0
        unchanged[sound] = ~np.logical_or.reduce((removable, shorter, *changes.values()))
        repairable = ~(removable | self._begins_header(frame))
        changed: dict[int, list[int]] = {index: [] for index in rows[shorter & repairable].tolist()}
        for position, flags in changes.items():
            for index in rows[flags & repairable].tolist():
                changed.setdefault(index, []).append(position)
        return SortedRecords(unchanged, {} if self.shape.structure_only else changed, surplus)

    @cached_property
    def _first_names(self) -> frozenset[str]:
        """The names of the first column: the documented one, and the one in the file."""
        return frozenset(name for name in (self.shape.columns[0], *self.shape.names[:1]) if name is not None)

    def repaired(self, raw: bytes, spans: Iterable[CellSpan], surplus: int) -> tuple[bytes, list[AppliedRepair]] | None:
        """Return a record without surplus blank fields and with some cells repaired, and the repairs.

        None if the whole record must be examined: a cell becomes blank, or the record may be a line to remove.
        """
        repairs = list[AppliedRepair]()
        if surplus:
            if (shorter := self._shortened(raw, surplus)) is None:
                return None
            repairs.append(shorter)
        parts, done = list[bytes](), 0
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
        rest = raw[done:]
        if surplus:
            ending = len(rest) - len(rest.rstrip(b"\r\n"))
            rest = rest[: len(rest) - ending - surplus] + rest[len(rest) - ending :]
        return b"".join((*parts, rest)), repairs

    def _shortened(self, raw: bytes, surplus: int) -> AppliedRepair | None:
        """Return the removal of surplus blank fields; None if the record may be a note, or is nearly blank."""
        body = raw.rstrip(b"\r\n")
        kept = body[:-surplus]
        start, end = next(cells(kept, 0, _COMMA))
        first = kept[start:end].decode()
        first = undoubled(first) if first.startswith('"') else first
        certain = kept[end:].strip(b',"') and not may_be_note(first, self.shape)
        if not certain and not self.shape.evidence.all_surplus:
            return None
        return AppliedRepair("STR102", body.decode(), kept.decode())

    def _sound(self, block: Block, laid: Layout, surplus: Offsets) -> Flags:
        """Return flags of the records with the form of the file, apart from surplus blank fields.

        None if the whole file gets another form.
        """
        shape = self.shape
        if shape.options.unsafe or shape.rewritten or not is_utf8(block.data):
            return np.zeros(len(laid.starts), np.bool_)
        # A carriage return elsewhere may separate records.
        if block.data.count(b"\r") != int(np.count_nonzero(laid.crlf)):
            return np.zeros(len(laid.starts), np.bool_)
        whole = (laid.numbers >= 0) & ~laid.malformed & (laid.fields - surplus == len(shape.columns))
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
        # The first name may be blank.
        flags: Flags = frame.to_series(0).fill_null("").is_in([*self._first_names]).to_numpy()
        return flags

    def _repeats_header(self, frame: pl.DataFrame) -> Flags:
        """Return flags of the rows that repeat the header."""
        likely = self._begins_header(frame).copy()
        for row in np.flatnonzero(likely).tolist():
            texts = [cell or "" for cell in frame.row(row)]
            likely[row] = repeats_header(texts, self.shape.columns, self.shape.names)
        return likely

    def _changing_cells(self, name: str, cells: pl.Series) -> pl.Series:
        """Return the distinct cells of a column that a repair changes."""
        checks = checks_of(self._context, name)
        if checks.all_clean(cells):
            return cells.clear()
        doubtful = cells.filter(~checks.are_plain(cells)).drop_nulls().unique()
        changes = [bool(self.shape.repaired_cell(name, cell)[1]) for cell in doubtful.to_list()]
        return doubtful.filter(pl.Series(changes, dtype=pl.Boolean))
