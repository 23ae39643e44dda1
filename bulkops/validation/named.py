"""Cells that name something of an account: tiers, stores, attributes. What the account has is decided elsewhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Hits, Room, Spot

ROW = "_row"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a cell, or with the target of a file: the rule's code, and the fault in words.

    `text` continues a sentence that begins with the cell, or with the part `of` it; alone it is the whole sentence.
    Neither contains a value of the file.
    """

    code: str
    text: str
    of: str | None = None

    def said(self, value: str, context: Context) -> str:
        """Return the fault of a cell as a sentence."""
        if self.of is None:
            return f"{shown(value, context)!r} {self.text}"
        return f"{'an attribute in it' if context.mask else repr(self.of)} {self.text}"


class NamedThings(Protocol):
    """What an account knows of the names in a file's cells. Called from several threads."""

    def of_file(self, present: Collection[str]) -> Sequence[Fault]:
        """Return what is wrong with the target, and with a file that has these columns, whatever its records are."""

    @property
    def columns(self) -> Collection[str]:
        """The columns whose cells are judged."""

    def faults(self, column: str, value: str) -> Sequence[Fault]:
        """Return what is wrong with a cell, empty if it is blank; at most one fault of a code."""


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
                message=found[code][value].said(value, context),
                number=row if numbers is None else int(numbers[row]),
                column=cells.name,
                value=shown(value, context),
            )
            for row, value in first.select(ROW, cells.name).iter_rows()
        ]
        hits.append(Hits(code, broken.height, tuple(spots)))
    return hits
