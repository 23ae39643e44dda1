"""Find the end of a quoted JSON cell with inner quotes that are not doubled, even over several lines."""

import json
import re

LONGEST_JSON = 1 << 16
"""Maximum number of bytes after the opening quote in which the end of JSON is searched."""
_USUAL = 1 << 9
_UNKNOWN = -1

_DECODER = json.JSONDecoder()
_OPENS = re.compile(rb'"\s*+(?=[{\[])')
_CLOSES = re.compile(r'\s*+(?:(?P<quote>")|\Z)')


def end_of_json(window: bytes, opened: int) -> int:
    """Return the offset after the quote that closes the JSON cell opened at `opened`.

    0 if no JSON follows that quote, or no quote follows the JSON. A value beyond the window means that more data is
    needed to decide.
    """
    found = _OPENS.match(window, opened)
    if found is None:
        return 0
    first = found.end()
    for longest in (_USUAL, LONGEST_JSON):
        # One character per byte.
        text = window[first : first + longest].decode("latin-1")
        size = _closed(text)
        if size != _UNKNOWN:
            return first + size if size else 0
    return len(window) + 1 if len(text) < LONGEST_JSON else 0


def _closed(text: str) -> int:
    """Return the length of JSON and its closing quote; 0 if the text has neither; `_UNKNOWN` if more text is needed."""
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
