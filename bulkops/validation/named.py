"""Cells that name something of an account: tiers, stores, attributes. What the account has is decided elsewhere."""

import polars as pl

from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.context import Context, shown
from bulkops.validation.named_things import Fault, NamedThings
from bulkops.validation.rule_matches import Hits, Room, Spot

ROW = "_row"


def named_hits(frame: pl.DataFrame, numbers: Offsets | None, context: Context, room: Room) -> list[Hits]:
    """Return what is wrong with the names in a frame whose columns have the contract's names.

    Each distinct cell of the frame is judged once.
    """
    things = context.named
    if things is None:
        return []
    hits = []
    for column in context.present:
        if column in things.columns:
            hits += _column_hits(frame[column], things, numbers, context, room)
    return hits


def _column_hits(
    cells: pl.Series, things: NamedThings, numbers: Offsets | None, context: Context, room: Room
) -> list[Hits]:
    found: dict[str, dict[str, Fault]] = {}
    cells = cells.fill_null("")
    for value in cells.unique().to_list():
        for fault in things.faults(cells.name, value):
            found.setdefault(fault.code, {})[value] = fault
    rows = cells.to_frame().with_row_index(ROW) if found else pl.DataFrame()
    hits = []
    for code in sorted(found.keys() & context.codes):
        broken = rows.filter(pl.col(cells.name).is_in(list(found[code])))
        first = broken.head(room.of(code))
        spots = [
            Spot(
                message=_sentence(found[code][value], value, context),
                number=row if numbers is None else int(numbers[row]),
                column=cells.name,
                value=shown(value, context),
            )
            for row, value in first.select(ROW, cells.name).iter_rows()
        ]
        hits.append(Hits(code, broken.height, tuple(spots)))
    return hits


def _sentence(fault: Fault, value: str, context: Context) -> str:
    """Return the fault of a cell as a sentence."""
    if fault.of is None:
        return f"{shown(value, context)!r} {fault.text}"
    return f"{'an attribute in it' if context.mask else repr(fault.of)} {fault.text}"
