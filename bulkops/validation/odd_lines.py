"""Find the lines of a block that are no records, by the patterns of `bulkops_validators.model.odd_lines`."""

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from bulkops.reading.records.layout import Block, Layout
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.checks.encoding import decoded, readable
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Hits, Room, Spot
from bulkops_validators.model.odd_lines import (
    COMMENT,
    CONFLICT,
    MARKER,
    OF_LINES,
    OF_RECORDS,
    PROGRAM,
    RULE,
    TOTAL,
    odd_record,
)

_ANY = "|".join(OF_LINES.values())
_FIRST = r"^[-<>=_+|*]"
"""How the first cell of such a line begins if it has no blank."""
_BEHIND = ",;\t \r"
"""Separators of blank fields at the end of a line."""
_SAYS = {
    COMMENT: "a comment or a line of signs, not a record",
    PROGRAM: "a line that a program added, not a record",
    CONFLICT: "a conflict marker of a version control system",
}


def odd_line(cells: Sequence[str], width: int, *, last: bool) -> str | None:
    """Return the rule that a line of some cells breaks if it is no record of `width` cells.

    `last` says that it is the last one of the file.
    """
    if len(cells) != width:
        line = ",".join(cells).rstrip(_BEHIND)
        return next((code for code, pattern in OF_LINES.items() if re.search(pattern, line)), None)
    if is_rule(cells):
        return CONFLICT if re.search(MARKER, cells[0]) else COMMENT
    found = next((code for code, pattern in OF_RECORDS.items() if re.search(pattern, cells[0])), None)
    return PROGRAM if found is None and last and is_total(cells[0]) else found


def is_rule(cells: Sequence[str]) -> bool:
    """Tell whether the first cell is a line of signs, and so is each other that is filled."""
    return re.search(RULE, cells[0]) is not None and all(not cell or re.search(RULE, cell) for cell in cells)


def is_total(text: str) -> bool:
    """Tell whether the first cell of the last record is that of a sum."""
    return re.search(TOTAL, text) is not None


def odd_lines(block: Block, laid: Layout, wrong: Offsets) -> dict[str, Offsets]:
    """Return for each rule which of the records with a wrong number of fields are lines of another kind."""
    if not len(wrong):
        return {}
    lines = _texts(block, laid, wrong)
    any_of_them = lines.str.contains(_ANY).to_numpy()
    if not any_of_them.any():
        return {}
    lines, wrong = lines.filter(pl.Series(any_of_them)), wrong[any_of_them]
    found, free = {}, np.ones(len(wrong), np.bool_)
    for code, pattern in OF_LINES.items():
        flags = lines.str.contains(pattern).to_numpy() & free
        free &= ~flags
        if flags.any():
            found[code] = wrong[flags]
    return found


def _texts(block: Block, laid: Layout, indices: Offsets) -> pl.Series:
    """Return records as text, without quotes; of one over several lines the first."""
    starts, ends = laid.starts[indices], laid.ends[indices]
    flags = np.zeros(len(laid.starts), np.bool_)
    flags[indices] = True
    between = np.zeros(len(laid.starts), np.int64)
    between[1:] = laid.starts[1:] - laid.ends[:-1]
    if not between.any() and int(laid.starts[0]) == 0:
        data = block.array[: int(laid.ends[-1])][np.repeat(flags, laid.ends - laid.starts)].tobytes()
        lines = pl.Series([readable(data).decode("utf-8", "replace")]).str.split("\n").explode()
        if len(lines) - data.endswith(b"\n") == len(indices):
            lines = lines.head(len(indices))
            lines = lines.str.replace_all('"', "", literal=True) if b'"' in data else lines
            return lines.str.strip_chars_end(_BEHIND)
    pieces = (block.data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True))
    firsts = [decoded(piece.split(b"\n", 1)[0]).replace('"', "").rstrip(_BEHIND) for piece in pieces]
    return pl.Series(firsts, dtype=pl.String)


def odd_rows(frame: pl.DataFrame, context: Context) -> dict[str, Offsets]:
    """Return for each rule which rows of a frame of known columns are lines of another kind."""
    wanted = [code for code in OF_RECORDS if code in context.codes]
    if not wanted or not frame.width or not frame.height:
        return {}
    first = frame.to_series(0)
    if b" " not in first.str.join("").cast(pl.Binary).item() and not first.str.contains(_FIRST).any():
        return {}
    found, free = {}, np.ones(frame.height, np.bool_)
    for code in wanted:
        flags = frame.select(odd_record(code, frame.columns)).to_series().to_numpy() & free
        free &= ~flags
        if flags.any():
            found[code] = np.flatnonzero(flags)
    return found


def line_hits(code: str, numbers: Sequence[int], texts: Sequence[str], room: Room, context: Context) -> Hits:
    """Return the hits of one of the rules: records of the block, and the texts of the first ones."""
    pairs = zip(numbers[: room.of(code)], texts, strict=False)
    spots = tuple(line_spot(code, number, text, context) for number, text in pairs)
    return Hits(code, len(numbers), spots)


def line_spot(code: str, number: int, text: str, context: Context) -> Spot:
    """Return the spot of one such line."""
    told = shown(text, context)
    return Spot(message=f"{_SAYS[code]}: {told!r}", number=number, value=told)
