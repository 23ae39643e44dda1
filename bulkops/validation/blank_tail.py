"""Find blank lines and blank records at the end of a block.

Only the next block shows whether they also end the file.
"""

from dataclasses import dataclass

import numpy as np

from bulkops.reading.records.layout import Block, layout
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.parse import ParsedBlock
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches


@dataclass(frozen=True)
class PlacedExample:
    """An example with its location in the block: record, byte and line from 0, field from 1."""

    code: str
    example: Example
    line: int
    byte: int
    field: int | None = None


@dataclass(frozen=True)
class BlankTail:
    """The blank end of a block: the number of blank lines and records, the number of records alone, and the first ones.

    `others` are the structural matches of the block that do not belong to this blank end.
    """

    others: tuple[RuleMatches, ...]
    total: int = 0
    records: int = 0
    places: tuple[PlacedExample, ...] = ()


def blank_tail(parsed: ParsedBlock, blank: Offsets, block: Block, budget: ExampleBudget) -> BlankTail:
    """Return the blank end of a block; `blank` are the numbers of the blank records, in order.

    The layout is computed only if there is a blank end.
    """
    last = parsed.records - 1 - np.arange(len(blank))
    run = blank[::-1] == last
    records = len(run) if run.all() else int(np.argmin(run))
    if not records and not parsed.blank_tail:
        return BlankTail(parsed.matches)
    laid = parsed.layout or layout(block)
    filled = np.flatnonzero((laid.numbers >= 0) & (laid.numbers < parsed.records - records))
    first = int(filled[-1]) + 1 if len(filled) else 0
    starts, numbers = laid.starts[first:], laid.numbers[first:]
    shown = slice(max(budget.left("STR103"), budget.left("STR108")))
    lines = block.lines_before(starts[shown]).tolist()
    places = tuple(
        _place(at, line, number)
        for at, line, number in zip(starts[shown].tolist(), lines, numbers[shown].tolist(), strict=True)
    )
    between = len(starts) - records - parsed.blank_tail
    others = tuple(_without_tail(match, between, int(starts[0])) for match in parsed.matches)
    return BlankTail(tuple(match for match in others if match.total), len(starts), records, places)


def _place(at: int, line: int, number: int) -> PlacedExample:
    if number < 0:
        return PlacedExample("STR108", Example(message="a blank line at the end of the file", at=at), line, at)
    message = "a record without any value at the end of the file"
    return PlacedExample("STR108", Example(message=message, number=number, at=at), line, at)


def _without_tail(match: RuleMatches, between: int, start: int) -> RuleMatches:
    """Return a match without the blank lines between blank records of the blank end."""
    if match.code != "STR103" or not between:
        return match
    return RuleMatches(
        "STR103", match.total - between, tuple(example for example in match.examples if (example.at or 0) < start)
    )
