"""Records that are a header once more, as files put together have them: every cell holds its column's name."""

import numpy as np
import polars as pl

from bulkops.reading.marks import Offsets
from bulkops.validation.context import Context
from bulkops.validation.hits import Hits, Room, Spot

_MARK = "\ufeff"


def repeated_headers(frame: pl.DataFrame, numbers: Offsets | None, context: Context, room: Room) -> list[Hits]:
    """Return the rows whose cells are the names of their columns, a byte order mark in front or not."""
    if "HDR110" not in context.codes or not frame.width or not frame.height:
        return []
    first, *others = frame.columns
    named = (pl.col(first) == first) | (pl.col(first) == _MARK + first)
    likely = frame.select(named.fill_null(value=False)).to_series()
    if not likely.any():
        return []
    rows = np.flatnonzero(likely.to_numpy())
    alike = frame[rows].select(pl.all_horizontal(pl.lit(value=True), *(pl.col(name) == name for name in others)))
    rows = rows[alike.to_series().fill_null(value=False).to_numpy()]
    records = rows if numbers is None else numbers[rows]
    spots = tuple(Spot(message="the header stands here once more", number=int(n)) for n in records[: room.of("HDR110")])
    return [Hits("HDR110", len(records), spots)] if len(records) else []
