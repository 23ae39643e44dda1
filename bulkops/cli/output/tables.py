"""Lay out tables and sentences: choose the columns that fit, align numbers to the right, never break an id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

GAP = 2
"""Blanks between two columns."""
PROSE = 16
"""Characters that a column of sentences needs at least."""
INDENT = 2
"""Blanks before the further lines of a wrapped text."""
_WORD = re.compile(r" *(?:(?<=: )bulkops .+|`[^`]+`\S*|\d[\d,]* [a-z]\S*|\S+)")
"""A word, a number with its unit, or a command, which can be copied only if it is whole; with the blanks before it."""
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_NUMBER = re.compile(r"-|[-+]?\d[\d,]*(\.\d+)?( ?(s|%))?")


@dataclass(frozen=True)
class FittedColumns:
    """The columns of a table that fit, by index, and the names of those that do not."""

    kept: tuple[int, ...]
    hidden: tuple[str, ...]


def fit(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, drop: Sequence[str]) -> FittedColumns | None:
    """Return the columns to show in `width` characters; None if too few may be dropped to make the rest fit.

    `drop` names the columns that may be hidden, the least important first.
    """
    least = {name: least_width([name, *(row[i] for row in rows)]) for i, name in enumerate(columns)}
    room = width + GAP - sum(GAP + needed for needed in least.values())
    hidden: list[str] = []
    for name in drop:
        if room < 0:
            hidden.append(name)
            room += GAP + least[name]
    if room < 0:
        return None
    for name in reversed(hidden.copy()):  # a wide column may have made room for others hidden before it
        if room >= GAP + least[name]:
            hidden.remove(name)
            room -= GAP + least[name]
    kept = tuple(i for i, name in enumerate(columns) if name not in hidden)
    return FittedColumns(kept, tuple(name for name in columns if name in hidden))


def widths(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the width of each column in a table of `width` characters; columns of sentences share the spare space."""
    texts = [[name, *(row[i] for row in rows)] for i, name in enumerate(columns)]
    chosen = [least_width(cells) for cells in texts]
    spare = width - sum(chosen) - GAP * (len(columns) - 1)
    for i, cells in enumerate(texts):
        added = min(spare, max(map(len, cells)) - chosen[i])
        chosen[i], spare = chosen[i] + added, spare - added
    return chosen


def least_width(cells: Sequence[str]) -> int:
    """Return the characters that a column needs: ids, numbers and paths stay whole, sentences wrap between words."""
    whole = max(map(len, cells), default=0)
    if not is_prose(cells[1:]):
        return whole
    words = (len(word) for cell in cells for word in cell.split())
    return min(whole, max(PROSE, *words))


def is_prose(cells: Sequence[str]) -> bool:
    """Return whether a column contains sentences, which may wrap, rather than ids, numbers, dates or states."""
    return any(cell.count(" ") > 1 for cell in cells)


def is_numeric(cells: Sequence[str]) -> bool:
    """Return whether a column contains numbers only; empty cells do not count."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(_NUMBER.fullmatch(cell) for cell in filled)


def wrapped(text: str, width: int) -> str:
    """Return a text in lines of at most `width` characters, broken between words; a command stays on one line."""
    if not width or len(_STYLE.sub("", text)) <= width:
        return text
    margin = len(text) - len(text.lstrip(" "))
    lines, room = [""], width
    for word in _WORD.findall(text):
        length = len(_STYLE.sub("", word))
        if length > room and lines[-1].strip():
            lines.append(" " * (margin + INDENT))
            word, room = word.lstrip(" "), width - margin - INDENT  # noqa: PLW2901 - the rest of the word
            length = len(_STYLE.sub("", word))
        lines[-1] += word
        room -= length
    return "\n".join(lines)
