"""Check cells that name something in an account: tiers, stores, attributes.

The object in `Context.named` knows the names of the account.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches

ROW = "_row"


@dataclass(frozen=True)
class NameFault:
    """A defect of a cell, or of the target of a file: the code of the rule, and a text.

    `text` continues a sentence that begins with the cell, or with its part `of`; for a file it is the whole sentence.
    Neither contains a value of the file.
    """

    code: str
    text: str
    of: str | None = None

    def said(self, value: str, context: Context) -> str:
        """Return the defect of a cell as a sentence."""
        if self.of is None:
            return f"{shown(value, context)!r} {self.text}"
        return f"{'an attribute in it' if context.mask else repr(self.of)} {self.text}"


class AccountNames(Protocol):
    """Checks names in cells against an account. Called from several threads."""

    def of_file(self, present: Collection[str]) -> Sequence[NameFault]:
        """Return the defects of the target, and of any file with these columns, regardless of its records."""

    @property
    def columns(self) -> Collection[str]:
        """The columns with cells to check."""

    def faults(self, column: str, value: str) -> Sequence[NameFault]:
        """Return the defects of a cell, at most one per code; `value` is empty for a blank cell."""


def named_matches(
    frame: pl.DataFrame, numbers: Offsets | None, context: Context, budget: ExampleBudget
) -> list[RuleMatches]:
    """Return the matches in a frame with the column names of the contract.

    Each distinct cell of the frame is checked once.
    """
    things = context.named
    if things is None:
        return []
    matches = []
    for column in context.present:
        if column in things.columns:
            matches += _column_matches(frame[column], things, numbers, context, budget)
    return matches


def _column_matches(
    cells: pl.Series, things: AccountNames, numbers: Offsets | None, context: Context, budget: ExampleBudget
) -> list[RuleMatches]:
    found: dict[str, dict[str, NameFault]] = {}
    cells = cells.fill_null("")
    for value in cells.unique().to_list():
        for fault in things.faults(cells.name, value):
            found.setdefault(fault.code, {})[value] = fault
    rows = cells.to_frame().with_row_index(ROW) if found else pl.DataFrame()
    matches = []
    for code in sorted(found.keys() & context.codes):
        broken = rows.filter(pl.col(cells.name).is_in(list(found[code])))
        first = broken.head(budget.left(code))
        examples = [
            Example(
                message=found[code][value].said(value, context),
                number=row if numbers is None else int(numbers[row]),
                column=cells.name,
                value=shown(value, context),
            )
            for row, value in first.select(ROW, cells.name).iter_rows()
        ]
        matches.append(RuleMatches(code, broken.height, tuple(examples)))
    return matches
