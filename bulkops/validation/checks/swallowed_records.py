"""Find records that contain other records, because a missing quote paired with a quote some lines further down."""

import numpy as np

from bulkops.reading.records.layout import Block, Layout
from bulkops.reading.records.structural_index import counts_before
from bulkops.validation.checks.encoding import decoded
from bulkops.validation.checks.record_shape import NEARLY_ALL, contains_records
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches
from bulkops_validators.model.cells import Text

CERTAIN, LIKELY = "STR109", "STR115"
_FEW_LINES = 2
"""Maximum number of lines of a text in a one-column file."""
_SOME_LINES = 6
"""From this number of lines on, one line may be unusual and the others still count as records."""
_MESSAGES = {
    CERTAIN: "a record of {count:,} lines that are separate records: an unclosed quote joined them",
    LIKELY: "a record of {count:,} lines that could be separate records",
}


def swallowed_matches(block: Block, laid: Layout, context: Context, budget: ExampleBudget) -> list[RuleMatches]:
    """Return the matches of records over several lines that contain, or could contain, other records."""
    width = len(context.columns)
    feeds = np.diff(block.lines_before(laid.ends), prepend=0)
    several = np.flatnonzero((feeds > 1) & (laid.fields == width) & ~laid.malformed)
    # The record must have enough separators for nearly all lines between its first and last line.
    signs = np.diff(counts_before(block.structure.separators, laid.ends), prepend=0)[several]
    several = several[signs >= NEARLY_ALL * np.maximum(feeds[several] - 2, 2) * (width - 1)]
    totals = {CERTAIN: 0, LIKELY: 0}
    examples: dict[str, list[Example]] = {CERTAIN: [], LIKELY: []}
    places = zip(several.tolist(), laid.starts[several].tolist(), laid.ends[several].tolist(), strict=True)
    for index, start, end in places:
        lines = block.data[start:end].rstrip(b"\r\n").split(b"\n")
        code = _code(lines, context)
        if code is None:
            continue
        totals[code] += 1
        if len(examples[code]) < budget.left(code):
            examples[code].append(_example(code, lines, int(laid.numbers[index]), context))
    return [RuleMatches(code, total, tuple(examples[code])) for code, total in totals.items()]


def _code(lines: list[bytes], context: Context) -> str | None:
    """Return the rule that a record of these physical lines breaks; None if it breaks none."""
    if len(lines) < 2:
        return None
    # A complete record inside has no quote; every line of JSON over several lines has some.
    quoted = 2 < len(lines) < _SOME_LINES and b'"' in lines[1]
    if not quoted and _are_records(lines, context):
        return CERTAIN
    return LIKELY if _could_be_records(lines, context) else None


def _are_records(lines: list[bytes], context: Context) -> bool:
    """Return whether all lines, or nearly all between the first and the last, are records of the file."""
    spared = int((1 - NEARLY_ALL) * len(lines))
    for line in lines[1:-1]:
        if b'"' in line:
            spared -= 1
            if spared < 0:
                return False
    first, *between, last = map(decoded, lines)
    # Remove the quotes of the cell that contains the other records, and of other cells beside it.
    bare = [first.replace('"', ""), *between, last.replace('"', "")]
    return contains_records(bare, context.columns, context.contract, chr(context.separator))


def _could_be_records(lines: list[bytes], context: Context) -> bool:
    """Return whether all lines, or all between the first and the last, have the separators of a record."""
    width = len(context.columns)
    if width == 1:
        return len(lines) > _FEW_LINES or _are_names(lines, context)
    # With two columns, a comma may as well belong to a text or to JSON over several lines.
    judged = lines[1:-1] if width > 2 and len(lines) > 2 else lines[::-1]
    return all(line.count(context.separator) == width - 1 for line in judged)


def _are_names(lines: list[bytes], context: Context) -> bool:
    """Return whether each line could be a code or an id; False if the only column allows any text."""
    name = context.columns[0]
    cell = context.contract.column(name).cell if name is not None else None
    if not isinstance(cell, Text) or (cell.max_length is None and cell.min_length <= 1 and not cell.code):
        return False
    return all(len(line.strip(b'"\r')) >= max(1, cell.min_length) for line in lines)


def _example(code: str, lines: list[bytes], number: int, context: Context) -> Example:
    message = _MESSAGES[code].format(count=len(lines))
    column = context.columns[0] if len(context.columns) == 1 else None
    value = shown(decoded(b"\n".join(lines)), context)
    return Example(message=message, number=number, column=column, value=value)
