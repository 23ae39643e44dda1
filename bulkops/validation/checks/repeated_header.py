"""Find records that repeat the header, as in concatenated files: each cell is the name of its column."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.checks.long_codes import LEAST
from bulkops.validation.context import Context
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches

_MARK = "\ufeff"


def repeats_header(cells: Sequence[str], columns: Sequence[str | None], names: Sequence[str]) -> bool:
    """Return whether the cells of a record repeat the header, as the file spells it or with the documented names.

    `columns` has the documented name of each field (None: unknown), `names` the names in the file's own header. A byte
    order mark may precede the first cell; the quotes around that cell are then part of its text.
    """
    first, *others = cells
    if first.startswith(_MARK):
        first = first.removeprefix(_MARK)
        first = first[1:-1] if first.startswith('"') and first.endswith('"') else first
    pairs = zip((first, *others), columns, names, strict=True)
    return all(cell in (column, name) for cell, column, name in pairs)


def repeated_headers(frame: pl.DataFrame, context: Context, *, codes: frozenset[str] = frozenset()) -> Offsets:
    """Return the rows of a frame of known columns that repeat the header.

    `codes` are columns in which all cells are long codes.
    """
    none = np.zeros(0, np.int64)
    if "HDR110" not in context.codes or not frame.width or not frame.height:
        return none
    spelt = {name: {name, *_own_name(name, context)} for name in frame.columns}
    first, *others = frame.columns
    # Each cell begins with a letter, and has more characters than a name.
    if first in codes and max(map(len, spelt[first])) < LEAST:
        return none
    beginnings = [text for name in spelt[first] for text in (name, _MARK + name, f'{_MARK}"{name}"')]
    likely = frame.select(pl.col(first).is_in(beginnings).fill_null(value=False)).to_series()
    if not likely.any():
        return none
    rows: Offsets = np.flatnonzero(likely.to_numpy())
    if others:
        named = [pl.col(name).is_in([*spelt[name]]).fill_null(value=False) for name in others]
        rows = rows[frame[rows].select(pl.all_horizontal(named)).to_series().to_numpy()]
    return rows


def header_matches(records: Offsets, budget: ExampleBudget) -> RuleMatches:
    """Return the matches of records that repeat the header."""
    examples = tuple(
        Example(message="the record repeats the header", number=int(n)) for n in records[: budget.left("HDR110")]
    )
    return RuleMatches("HDR110", len(records), examples)


def _own_name(column: str, context: Context) -> tuple[str, ...]:
    """Return the name of a column in the file's header."""
    position = context.positions[column]
    return context.names[position : position + 1]
