"""Records that seem to have swallowed others: a forgotten quote has paired with the next one, lines away."""

import numpy as np

from bulkops.reading.layout import Block, Layout
from bulkops.reading.marks import counts_before
from bulkops.validation.context import Context, shown
from bulkops.validation.encoding import decoded
from bulkops.validation.hits import Hits, Room, Spot
from bulkops_validators.model.cells import Text


def swallowed_hits(block: Block, laid: Layout, context: Context, room: Room) -> Hits:
    """Return the records over several lines of which lines could be records of their own."""
    width = len(context.columns)
    feeds = np.diff(block.lines_before(laid.ends), prepend=0)
    several = np.flatnonzero((feeds > 1) & (laid.fields == width) & ~laid.broken)
    # What separators there are must be enough for as many records as there are lines between the first and the last.
    signs = np.diff(counts_before(block.marks.separators, laid.ends), prepend=0)[several]
    several = several[signs >= np.maximum(feeds[several] - 2, 2) * (width - 1)]
    spots: list[Spot] = []
    total = 0
    for index in several.tolist():
        lines = block.data[laid.starts[index] : laid.ends[index]].rstrip(b"\r\n").split(b"\n")
        if len(lines) < 2 or not _could_be_records(lines, context):
            continue
        total += 1
        if len(spots) < room.of("STR109"):
            spots.append(_spot(lines, int(laid.numbers[index]), context))
    return Hits("STR109", total, tuple(spots))


def _could_be_records(lines: list[bytes], context: Context) -> bool:
    """Tell whether all lines, or all between the first and the last, have the separators of a record."""
    width = len(context.columns)
    if width == 1:
        return _are_names(lines, context)
    right = [line.count(context.separator) == width - 1 for line in lines]
    # Between two cells only, a comma is as likely to stand in a text or in JSON over several lines.
    return all(right) or (width > 2 and len(lines) > 2 and all(right[1:-1]))


def _are_names(lines: list[bytes], context: Context) -> bool:
    """Tell whether each line could be a code or an id, where the only column holds such and no text of any form."""
    name = context.columns[0]
    cell = context.contract.column(name).cell if name is not None else None
    if not isinstance(cell, Text) or (cell.max_length is None and cell.min_length <= 1 and not cell.code):
        return False
    return all(len(line.strip(b'"\r')) >= max(1, cell.min_length) for line in lines)


def _spot(lines: list[bytes], number: int, context: Context) -> Spot:
    message = f"a record of {len(lines):,} lines that could be records of their own"
    column = context.columns[0] if len(context.columns) == 1 else None
    value = shown(decoded(b"\n".join(lines)), context)
    return Spot(message=message, number=number, column=column, value=value)
