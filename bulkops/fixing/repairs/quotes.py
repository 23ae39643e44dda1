"""Find the intended cells of records with invalid quotes, if exactly one interpretation fits."""

import re
from functools import cache

from bulkops.fixing.repairs.unquoted_json import is_torn_object, object_at

LONGEST = 100_000
"""Maximum number of characters of a record for which interpretations are searched."""
WIDEST = 100
_QUOTED = r'"[^"]*+(?:""[^"]*+)*+"'
_STRICT = re.compile(_QUOTED)
_PADDED = re.compile(rf" *({_QUOTED}) *")
_BLANKS, _SPACE = re.compile(" *"), re.compile(r"[ \t\r\n]*")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_FOREIGN = re.compile(r'""|[,;\t|] *"')
"""A quote that opens another cell, whatever the separator, or a quote of a cell with doubled quotes."""


@cache
def _not_its_own(separator: str) -> re.Pattern[str]:
    """Return the pattern of a quote that cannot be part of an unquoted cell.

    It is the first in the cell, or next to a symbol that is a separator in other files.
    """
    others = ";\t|".replace(separator, "")
    return re.compile(rf'^\s*"|{_FOREIGN.pattern}|"[{others}]')


def readings(text: str, separator: str, width: int | None) -> list[str] | None:
    """Return the cells of a record; None unless exactly one interpretation has `width` cells (None: any number).

    A correctly quoted cell, and a JSON object, have only one interpretation. Another cell that begins with a quote may
    end at any quote in front of a separator. A cell that begins without a quote contains its quotes as text. No
    interpretation has a cell that shows the quotes of another cell, or a piece of a JSON object.
    """

    @cache
    def ways(start: int, left: int | None) -> tuple[tuple[str, ...], ...]:
        if start > len(text):
            return ((),) if not left else ()
        if left == 0:
            return ()
        found: list[tuple[str, ...]] = []
        for cell, end in _cells(text, start, separator):
            found += [(cell, *rest) for rest in ways(end + 1, left and left - 1)]
            if len(found) > 1:
                break
        return tuple(found[:2])

    wide = text.count(separator) if width is None else width
    # A lone carriage return may end a record.
    if len(text) > LONGEST or wide > WIDEST or _LONE_RETURN.search(text):
        return None
    possible = ways(0, width)
    return list(possible[0]) if len(possible) == 1 else None


def _cells(text: str, start: int, separator: str) -> list[tuple[str, int]]:
    """Return the cells that may begin at `start`, each with the offset of the separator after it."""
    if start > len(text):
        return []
    padded = _PADDED.match(text, start)
    if padded is not None and _ends(text, padded.end(), separator):
        return [(undoubled(padded[1]), padded.end())]
    if (found := _object(text, start, separator)) is not None:
        return [found]
    if text.startswith('"', start):
        return _badly_quoted(text, start, separator)
    end = text.find(separator, start)
    end = len(text) if end < 0 else end
    cell = text[start:end]
    return [] if _not_its_own(separator).search(cell) or is_torn_object(cell) else [(cell, end)]


def _object(text: str, start: int, separator: str) -> tuple[str, int] | None:
    """Return the JSON object that fills a cell, bare or between quotes."""
    first = _after(_BLANKS, text, start)
    quote = text[first : first + 1] == '"'
    found = object_at(text, _after(_SPACE if quote else _BLANKS, text, first + quote))
    if found is None:
        return None
    end = _after(_SPACE if quote else _BLANKS, text, found[1])
    if quote:
        if text[end : end + 1] != '"':
            return None
        end = _after(_BLANKS, text, end + 1)
    return (found[0], end) if _ends(text, end, separator) else None


def _badly_quoted(text: str, start: int, separator: str) -> list[tuple[str, int]]:
    """Return the cells that begin with the quote at `start` and contain quotes that are not doubled.

    None extends past a quote after a separator, which opens another cell, nor past a doubled quote.
    """
    foreign = _FOREIGN.search(text, start + 1)
    limit = foreign.end() - 1 if foreign is not None else len(text)
    found = []
    quote = text.find('"', start + 1, limit)
    while quote >= 0:
        cell = text[start + 1 : quote]
        if _ends(text, quote + 1, separator) and not is_torn_object(cell):
            found.append((cell, quote + 1))
        quote = text.find('"', quote + 1, limit)
    return found


def _after(blanks: re.Pattern[str], text: str, start: int) -> int:
    found = blanks.match(text, start)
    return found.end() if found is not None else start


def _ends(text: str, end: int, separator: str) -> bool:
    return end == len(text) or text.startswith(separator, end)


def undoubled(quoted: str) -> str:
    """Return the content of a correctly quoted cell."""
    return quoted[1:-1].replace('""', '"')


def strict_cell(text: str, start: int, separator: str) -> int | None:
    """Return the end of the cell that begins at `start` if its quotes are valid; None if they are not."""
    found = _STRICT.match(text, start)
    if found is not None:
        return found.end() if _ends(text, found.end(), separator) else None
    end = text.find(separator, start)
    end = len(text) if end < 0 else end
    return None if '"' in text[start:end] else end
