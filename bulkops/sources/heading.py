"""Find the header of a table below title rows, and give every column a name of its own."""

import re
from collections import Counter
from collections.abc import Sequence

SEARCHED = 50
"""Maximum number of rows searched for a header."""
_VALUE = re.compile(r"[-+]?[\d.,:/\s%€$£-]+(?:T[\d:.]+)?(?:Z|UTC)?$")


def header_row(rows: Sequence[Sequence[str]]) -> int:
    """Return the index of the header: the first row as wide as the table, with words in all of its cells.

    Rows above it are titles. 0 if no such row is found.
    """
    widths = Counter(_filled(row) for row in rows[:SEARCHED] if _filled(row) > 1)
    if not widths:
        return next((index for index, row in enumerate(rows) if _filled(row)), 0)
    # Rows with blank cells are narrower than the header: compare with the width of the widest common rows.
    usual = max(widths, key=lambda width: (widths[width] * width, width))
    for index, row in enumerate(rows[:SEARCHED]):
        if _filled(row) >= usual and _is_heading(row):
            return index
    return next((index for index, row in enumerate(rows) if _filled(row) > 1), 0)


def _filled(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _is_heading(row: Sequence[str]) -> bool:
    """Return whether the cells are words and differ."""
    cells = [cell.strip() for cell in row if cell.strip()]
    return len(set(cells)) == len(cells) and not any(_VALUE.match(cell) for cell in cells)


def distinct_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each column: trimmed; `column_3` for a blank one; `name_2` for a repeated one.

    SQL ignores the case of names, so names that differ only in case count as repeated.
    """
    taken: set[str] = set()
    result = []
    for position, raw in enumerate(names, start=1):
        name = " ".join(raw.replace("\ufeff", "").split()) or f"column_{position}"
        if name.lower().startswith("_"):
            name = f"column{name}"
        unique, number = name, 1
        while unique.lower() in taken:
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique.lower())
        result.append(unique)
    return tuple(result)
