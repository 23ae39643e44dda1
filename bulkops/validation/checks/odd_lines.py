"""Find the lines of a block that are not records, by the patterns of `bulkops_validators.model.odd_lines`."""

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from bulkops.reading.records.layout import Block, Layout
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.checks.encoding import decoded, readable
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches
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
_FIRST = r"^[-<>=_+|*,;\t#/`~]"
"""The start of the first cell of a comment, line of signs or conflict marker if the cell contains no blank."""
_BEHIND = ",;\t \r"
"""Separators of blank fields at the end of a line."""
_MESSAGES = {
    COMMENT: "a comment or a line of signs, not a record",
    PROGRAM: "a line that a program added, not a record",
    CONFLICT: "a conflict marker of a version control system",
}


def odd_line(cells: Sequence[str], width: int, *, last: bool) -> str | None:
    """Return the rule that a line breaks if it is not a record of `width` cells; None if it may be one.

    `last`: the line is the last one of the file.
    """
    if len(cells) != width:
        line = ",".join(cells).rstrip(_BEHIND)
        return next((code for code, pattern in OF_LINES.items() if re.search(pattern, line)), None)
    if is_rule(cells):
        return CONFLICT if re.search(MARKER, cells[0]) else COMMENT
    found = next((code for code, pattern in OF_RECORDS.items() if re.search(pattern, cells[0])), None)
    return PROGRAM if found is None and last and is_total(cells[0]) else found


def is_rule(cells: Sequence[str]) -> bool:
    """Return whether the first cell, and every other filled cell, consists only of line-drawing characters."""
    return re.search(RULE, cells[0]) is not None and all(not cell or re.search(RULE, cell) for cell in cells)


def is_total(text: str) -> bool:
    """Return whether the first cell of the last record labels a total."""
    return re.search(TOTAL, text) is not None


def odd_lines(block: Block, laid: Layout, wrong: Offsets) -> dict[str, Offsets]:
    """Return, by rule, the records with a wrong number of fields that are not records at all."""
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
    """Return records as text without quotes; of a record over several lines only the first line."""
    view = memoryview(block.data)
    places = zip(laid.starts[indices].tolist(), laid.ends[indices].tolist(), strict=True)
    pieces = [view[start:end] for start, end in places]
    data = b"".join(pieces)
    # Each record that is a line ends with a line feed; the last one of a file may have none.
    if data.count(b"\n") + (not data.endswith(b"\n")) == len(pieces):
        lines = pl.Series(readable(data).decode("utf-8", "replace").split("\n")[: len(pieces)], dtype=pl.String)
        lines = lines.str.replace_all('"', "", literal=True) if b'"' in data else lines
        return lines.str.strip_chars_end(_BEHIND)
    firsts = [decoded(bytes(piece).split(b"\n", 1)[0]).replace('"', "").rstrip(_BEHIND) for piece in pieces]
    return pl.Series(firsts, dtype=pl.String)


def odd_rows(frame: pl.DataFrame, context: Context) -> dict[str, Offsets]:
    """Return, by rule, the rows of a frame of known columns that are not records."""
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


def line_matches(
    code: str, numbers: Sequence[int], texts: Sequence[str], budget: ExampleBudget, context: Context
) -> RuleMatches:
    """Return the matches of one rule, from record numbers in the block and the texts of the first ones."""
    pairs = zip(numbers[: budget.left(code)], texts, strict=False)
    examples = tuple(line_example(code, number, text, context) for number, text in pairs)
    return RuleMatches(code, len(numbers), examples)


def line_example(code: str, number: int, text: str, context: Context) -> Example:
    """Return the example of one such line."""
    visible = shown(text, context)
    return Example(message=f"{_MESSAGES[code]}: {visible!r}", number=number, value=visible)
