"""Check cells that name something in an account: tiers, stores, attributes.

The object in `Context.named` knows the names of the account.
"""

from collections import Counter
from collections.abc import Hashable, Mapping

import polars as pl

from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.context import Context, shown
from bulkops.validation.named_things import AccountNames, NameFault
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches

ROW = "_row"


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
        causes: Counter[Hashable] = Counter()
        first = broken.head(budget.left(code)).select(ROW, cells.name).rows()
        if budget.grouped:
            causes, first = _by_cause(broken, found[code], most=budget.most if budget.left(code) else 0)
        examples = [
            Example(
                message=_sentence(found[code][value], value, context),
                number=row if numbers is None else int(numbers[row]),
                column=cells.name,
                value=shown(value, context),
                cause=found[code][value].cause(cells.name, value) if budget.grouped else None,
                unknown=found[code][value].unknown,
            )
            for row, value in first
        ]
        matches.append(RuleMatches(code, broken.height, tuple(examples), causes))
    return matches


def _by_cause(
    broken: pl.DataFrame, faults: Mapping[str, NameFault], *, most: int
) -> tuple[Counter[Hashable], list[tuple[int, str]]]:
    """Return the number of cells of each cause, and the row and value of the first cell of at most `most` causes."""
    _, name = broken.columns
    causes: Counter[Hashable] = Counter()
    first: list[tuple[int, str]] = []
    values = broken.group_by(name, maintain_order=True).agg(pl.len().alias("cells"), pl.col(ROW).first())
    for value, cells, row in values.iter_rows():
        cause = faults[value].cause(name, value)
        if cause not in causes and len(first) < most:
            first.append((row, value))
        causes[cause] += cells
    return causes, first


def _sentence(fault: NameFault, value: str, context: Context) -> str:
    """Return the defect of a cell as a sentence."""
    if fault.of is None:
        return f"{shown(value, context)!r} {fault.text}"
    return f"{'an attribute in it' if context.mask else repr(fault.of)} {fault.text}"
