"""Find the records that certainly need no safe repair, many at a time, so that the others can be repaired one by one.

A record is certain if it has the form of the file, and a cheap check or `repair_cell` itself clears each of its cells.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from bulkops.fixing.repairs.records import RecordShape
from bulkops.reading.records.layout import Block, Layout, bytes_of
from bulkops.reading.records.structural_index import Flags
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

    def flags(self, block: Block, laid: Layout) -> Flags:
        """Return flags of the records that certainly stay as they are; a blank line is never one."""
        flags = np.zeros(len(laid.starts), np.bool_)
        sound = self._sound(block, laid)
        if not sound.any():
            return flags
        frame = read_frame(bytes_of(sound, block, laid), len(self.shape.columns), block.separator)
        if frame is not None and frame.height == int(np.count_nonzero(sound)):
            flags[sound] = ~self._may_change(frame)
        return flags

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

    def _may_change(self, frame: pl.DataFrame) -> Flags:
        """Return flags of the rows that a repair may change or remove."""
        changes = frame.to_series(0).str.contains(_REMOVABLE).fill_null(value=False)
        for index, name in enumerate(self.shape.columns):
            if name is not None:
                values = self._changing_cells(name, frame.to_series(index).rename(name))
                if len(values):
                    changes |= frame.to_series(index).is_in(values.implode()).fill_null(value=False)
        flags = changes.to_numpy().copy()
        names = {str(index): name for index, name in enumerate(self.shape.columns) if name is not None}
        blank = blank_rows(frame.rename(names), self._context)
        if blank is not None:
            flags |= blank
        return flags | self._repeats_header(frame)

    def _repeats_header(self, frame: pl.DataFrame) -> Flags:
        """Return flags of the rows that repeat the header."""
        first = [name for name in (self.shape.columns[0], *self.shape.names[:1]) if name is not None]
        likely = frame.to_series(0).is_in(first).fill_null(value=False).to_numpy().copy()
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
