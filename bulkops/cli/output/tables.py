"""Lay out tables: choose the columns that fit, align numbers to the right, never break an id."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

GAP = 2
"""Blanks between two columns."""
PROSE = 16
"""Characters that a column of sentences needs at least."""
_NUMBER = re.compile(r"-|[-+]?\d[\d,]*(\.\d+)?( ?(s|%))?")


@dataclass(frozen=True)
class Layout:
    """The columns of a table that fit, by index, and the names of those that do not."""

    kept: tuple[int, ...]
    hidden: tuple[str, ...]


def fit(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, drop: Collection[str]) -> Layout | None:
    """Return the columns to show in `width` characters; None if too few may be dropped to make the rest fit.

    `drop` names the columns that may be hidden, the least important first.
    """
    least = [least_width([name, *(row[i] for row in rows)]) for i, name in enumerate(columns)]
    hidden: list[str] = []
    for name in (None, *drop):
        if name is not None:
            hidden.append(name)
        kept = [i for i, each in enumerate(columns) if each not in hidden]
        if sum(least[i] for i in kept) + GAP * (len(kept) - 1) <= width:
            return Layout(tuple(kept), tuple(each for each in columns if each in hidden))
    return None


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
