"""Records over several lines in which quotes stand inside unquoted cells, as some programs write and read them."""

import re
from dataclasses import dataclass
from functools import cache

_OPENED = rb'"[^"]*+(?:""[^"]*+)*+'
QUOTED = _OPENED + rb'"'
"""The pattern of a quoted cell."""


@dataclass(frozen=True)
class _Patterns:
    """A cell and what ends it; one that ends with the data; a line that ends inside a quoted cell.

    Quotes inside unquoted cells are text, and so are those between the quotes of a cell without a separator in it.
    """

    cell: re.Pattern[bytes]
    unclosed: re.Pattern[bytes]
    left_open: re.Pattern[bytes]


@cache
def _patterns(separator: int) -> _Patterns:
    sign = re.escape(bytes((separator,)))
    text = rb'(?!")[^\n' + sign + rb"]*+"
    between = rb'"[^\n' + sign + rb']*"'
    cell = rb"(?:" + QUOTED + rb"|" + text + rb"|" + between + rb")"
    # No look-ahead in here: up to Python 3.11.4 one inside a possessive group goes wrong.
    in_line = rb'(?:"[^"\n]*+(?:""[^"\n]*+)*+"|[^"\n' + sign + rb"][^\n" + sign + rb"]*+|" + between + rb"|)"
    left_open = rb"(?:" + in_line + sign + rb')*+"[^"\n]*+(?:""[^"\n]*+)*+\n'
    return _Patterns(
        cell=re.compile(cell + rb"(?:" + sign + rb"|(?P<end>\r?\n|\r?\Z))"),
        unclosed=re.compile(_OPENED + rb'"?\r?\Z'),
        left_open=re.compile(left_open),
    )


def end_of_lines(window: bytes, start: int, line_end: int, *, final: bool, separator: int, width: int) -> int:
    """Return the end of the record of several lines that begins at `start` with the line up to `line_end`.

    0: it is no such record, because that line does not end inside a quoted cell, or because it would not have `width`
    cells. A value beyond the window: that cannot be told yet.
    """
    patterns = _patterns(separator)
    if not patterns.left_open.match(window, start, line_end):
        return 0
    at = start
    for number in range(1, width + 1):
        found = patterns.cell.match(window, at)
        if (found is None or not final) and patterns.unclosed.match(window, at):
            return len(window) + 1
        if found is None:
            return 0
        at = found.end()
        if found["end"] is not None:
            return at if number == width else 0
    return 0
