"""Records that swallowed others: a forgotten quote has paired with the next one, lines away."""

import numpy as np

from bulkops.reading.records.layout import Block, Layout
from bulkops.reading.records.structural_index import counts_before
from bulkops.validation.checks.encoding import decoded
from bulkops.validation.checks.record_shape import NEARLY_ALL, contains_records
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Hits, Room, Spot
from bulkops_validators.model.cells import Text

CERTAIN, LIKELY = "STR109", "STR115"
_FEW_LINES = 2
"""Lines that a text in a file of one column may have."""
_SOME_LINES = 6
"""Lines of a record from which on one of those in it may be odd, and the others records all the same."""
_SAYS = {
    CERTAIN: "a record of {count:,} lines that are records of their own: a quote that is not closed swallowed them",
    LIKELY: "a record of {count:,} lines that could be records of their own",
}


def swallowed_hits(block: Block, laid: Layout, context: Context, room: Room) -> list[Hits]:
    """Return the records over several lines of which lines are, or could be, records of their own."""
    width = len(context.columns)
    feeds = np.diff(block.lines_before(laid.ends), prepend=0)
    several = np.flatnonzero((feeds > 1) & (laid.fields == width) & ~laid.broken)
    # The separators must be enough for nearly as many records as there are lines between the first and the last.
    signs = np.diff(counts_before(block.marks.separators, laid.ends), prepend=0)[several]
    several = several[signs >= NEARLY_ALL * np.maximum(feeds[several] - 2, 2) * (width - 1)]
    totals = {CERTAIN: 0, LIKELY: 0}
    spots: dict[str, list[Spot]] = {CERTAIN: [], LIKELY: []}
    places = zip(several.tolist(), laid.starts[several].tolist(), laid.ends[several].tolist(), strict=True)
    for index, start, end in places:
        lines = block.data[start:end].rstrip(b"\r\n").split(b"\n")
        code = _code(lines, context)
        if code is None:
            continue
        totals[code] += 1
        if len(spots[code]) < room.of(code):
            spots[code].append(_spot(code, lines, int(laid.numbers[index]), context))
    return [Hits(code, total, tuple(spots[code])) for code, total in totals.items()]


def _code(lines: list[bytes], context: Context) -> str | None:
    """Return the rule that a record of these physical lines breaks."""
    if len(lines) < 2:
        return None
    # A line that was swallowed has no quote; in JSON over several lines each has some.
    quoted = 2 < len(lines) < _SOME_LINES and b'"' in lines[1]
    if not quoted and _are_records(lines, context):
        return CERTAIN
    return LIKELY if _could_be_records(lines, context) else None


def _are_records(lines: list[bytes], context: Context) -> bool:
    """Tell whether the lines, or nearly all between the first and the last, are records of the file."""
    spared = int((1 - NEARLY_ALL) * len(lines))
    for line in lines[1:-1]:
        if b'"' in line:
            spared -= 1
            if spared < 0:
                return False
    first, *between, last = map(decoded, lines)
    # The quotes around the cell that swallowed the others, and those of other cells beside it.
    bare = [first.replace('"', ""), *between, last.replace('"', "")]
    return contains_records(bare, context.columns, context.contract, chr(context.separator))


def _could_be_records(lines: list[bytes], context: Context) -> bool:
    """Tell whether all lines, or all between the first and the last, have the separators of a record."""
    width = len(context.columns)
    if width == 1:
        return len(lines) > _FEW_LINES or _are_names(lines, context)
    # Between two cells only, a comma is as likely to stand in a text or in JSON over several lines.
    judged = lines[1:-1] if width > 2 and len(lines) > 2 else lines[::-1]
    return all(line.count(context.separator) == width - 1 for line in judged)


def _are_names(lines: list[bytes], context: Context) -> bool:
    """Tell whether each line could be a code or an id, where the only column holds such and no text of any form."""
    name = context.columns[0]
    cell = context.contract.column(name).cell if name is not None else None
    if not isinstance(cell, Text) or (cell.max_length is None and cell.min_length <= 1 and not cell.code):
        return False
    return all(len(line.strip(b'"\r')) >= max(1, cell.min_length) for line in lines)


def _spot(code: str, lines: list[bytes], number: int, context: Context) -> Spot:
    message = _SAYS[code].format(count=len(lines))
    column = context.columns[0] if len(context.columns) == 1 else None
    value = shown(decoded(b"\n".join(lines)), context)
    return Spot(message=message, number=number, column=column, value=value)
