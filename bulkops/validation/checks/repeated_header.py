"""Records that are the header once more, as files put together have them: each cell is its column's name."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.context import Context
from bulkops.validation.rule_matches import Hits, Room, Spot

_MARK = "\ufeff"


def repeats_header(cells: Sequence[str], columns: Sequence[str | None], names: Sequence[str]) -> bool:
    """Return whether a record's cells are the header: as the file spells it, or with the documented names.

    `columns` are the documented names of the fields (None: unknown), `names` those of the file's own header. A byte
    order mark may precede the first cell; the quotes around that are then characters of it.
    """
    first, *others = cells
    if first.startswith(_MARK):
        first = first.removeprefix(_MARK)
        first = first[1:-1] if first.startswith('"') and first.endswith('"') else first
    pairs = zip((first, *others), columns, names, strict=True)
    return all(cell in (column, name) for cell, column, name in pairs)


def repeated_headers(frame: pl.DataFrame, context: Context) -> Offsets:
    """Return the rows of a frame of known columns that are the header once more."""
    none = np.zeros(0, np.int64)
    if "HDR110" not in context.codes or not frame.width or not frame.height:
        return none
    spelt = {name: {name, *_own_name(name, context)} for name in frame.columns}
    first, *others = frame.columns
    beginnings = [text for name in spelt[first] for text in (name, _MARK + name, f'{_MARK}"{name}"')]
    likely = frame.select(pl.col(first).is_in(beginnings).fill_null(value=False)).to_series()
    if not likely.any():
        return none
    rows: Offsets = np.flatnonzero(likely.to_numpy())
    if others:
        named = [pl.col(name).is_in([*spelt[name]]).fill_null(value=False) for name in others]
        rows = rows[frame[rows].select(pl.all_horizontal(named)).to_series().to_numpy()]
    return rows


def header_hits(records: Offsets, room: Room) -> Hits:
    """Return the hits of records that repeat the header."""
    spots = tuple(Spot(message="the record repeats the header", number=int(n)) for n in records[: room.of("HDR110")])
    return Hits("HDR110", len(records), spots)


def _own_name(column: str, context: Context) -> tuple[str, ...]:
    """Return how the file's header spells a column."""
    position = context.positions[column]
    return context.names[position : position + 1]
