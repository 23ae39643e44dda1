"""Find the end of records over several lines that have quotes inside unquoted cells, as some programs write them."""

import re
from dataclasses import dataclass
from functools import cache

_OPENED = rb'"[^"]*+(?:""[^"]*+)*+'
QUOTED = _OPENED + rb'"'
"""The pattern of a quoted cell."""


@dataclass(frozen=True)
class _LinePatterns:
    """Patterns of a cell and its end, of a cell that ends with the data, and of a line that ends inside a quoted cell.

    Quotes inside unquoted cells are text; so are the quotes inside a quoted cell without a separator.
    """

    cell: re.Pattern[bytes]
    unclosed: re.Pattern[bytes]
    left_open: re.Pattern[bytes]


@cache
def _patterns(separator: int) -> _LinePatterns:
    sign = re.escape(bytes((separator,)))
    text = rb'(?!")[^\n' + sign + rb"]*+"
    between = rb'"[^\n' + sign + rb']*"'
    cell = rb"(?:" + QUOTED + rb"|" + text + rb"|" + between + rb")"
    # No look-ahead here: up to Python 3.11.4 it fails inside a possessive group.
    in_line = rb'(?:"[^"\n]*+(?:""[^"\n]*+)*+"|[^"\n' + sign + rb"][^\n" + sign + rb"]*+|" + between + rb"|)"
    left_open = rb"(?:" + in_line + sign + rb')*+"[^"\n]*+(?:""[^"\n]*+)*+\n'
    return _LinePatterns(
        cell=re.compile(cell + rb"(?:" + sign + rb"|(?P<end>\r?\n|\r?\Z))"),
        unclosed=re.compile(_OPENED + rb'"?\r?\Z'),
        left_open=re.compile(left_open),
    )


def end_of_lines(window: bytes, start: int, line_end: int, *, final: bool, separator: int, width: int) -> int:
    """Return the end of a record over several lines. It begins at `start`, and its first line ends at `line_end`.

    0 if that line does not end inside a quoted cell, or if the record would not have `width` cells. A value beyond the
    window means that more data is needed to decide.
    """
    patterns = _patterns(separator)
    if not patterns.left_open.match(window, start, line_end):
        return 0
    at = start
    for number in range(1, width + 1):
        found = patterns.cell.match(window, at)
        if (found is None or not final) and patterns.unclosed.match(window, at):
            return len(window) + 1
        if not final and _needs_more(window, at, found):
            return len(window) + 1
        if found is None:
            return 0
        at = found.end()
        if found["end"] is not None:
            return at if number == width else 0
    return 0


def _needs_more(window: bytes, at: int, cell: re.Match[bytes] | None) -> bool:
    """Return whether data after the window could change the cell that begins at `at`, or where it ends.

    A cell that the end of the window closes may go on; so may a line without a cell and without a line end.
    """
    if cell is None:
        return b"\n" not in window[at:]
    return cell["end"] is not None and not cell["end"].endswith(b"\n")
