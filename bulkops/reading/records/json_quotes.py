"""JSON between quotes of its own that are not doubled: where the cell ends, though it may reach over several lines."""

import json
import re

LONGEST_JSON = 1 << 16
"""Bytes behind the quote that opens a cell beyond which no end of its JSON is looked for."""
_USUAL = 1 << 9
_UNKNOWN = -1

_DECODER = json.JSONDecoder()
_OPENS = re.compile(rb'"\s*+(?=[{\[])')
_CLOSES = re.compile(r'\s*+(?:(?P<quote>")|\Z)')


def end_of_json(window: bytes, opened: int) -> int:
    """Return the offset just behind the quote that closes the JSON cell opened at `opened`.

    0: behind that quote there is no JSON, or no quote behind the JSON. A value beyond the window: that cannot be told
    yet.
    """
    found = _OPENS.match(window, opened)
    if found is None:
        return 0
    first = found.end()
    for longest in (_USUAL, LONGEST_JSON):
        text = window[first : first + longest].decode("latin-1")  # a character for each byte
        size = _closed(text)
        if size != _UNKNOWN:
            return first + size if size else 0
    return len(window) + 1 if len(text) < LONGEST_JSON else 0


def _closed(text: str) -> int:
    """Return how long JSON and the quote behind it are; 0: they are none; `_UNKNOWN`: they may be, with more text."""
    try:
        _, size = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        return 0 if text.find("\n", error.pos) >= 0 else _UNKNOWN
    except RecursionError:
        return 0
    closes = _CLOSES.match(text, size)
    if closes is None:
        return 0
    return closes.end() if closes["quote"] else _UNKNOWN
