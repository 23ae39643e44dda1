"""Records whose quotes are wrong: the cells they must have meant, if only one reading gives the right number."""

import re
from functools import cache

from bulkops_validators.model.json_cells import judge

_STRICT = re.compile(r'"((?:[^"]|"")*)"')


def readings(text: str, separator: str, width: int) -> list[str] | None:
    """Return the cells of a record, or None unless exactly one way to read it has `width` cells.

    A cell that is quoted as it should be is read that way only; another begins with a quote and may end at any
    quote in front of a separator, or has quotes in the middle that belong to it.
    """

    @cache
    def ways(start: int, left: int) -> tuple[tuple[str, ...], ...]:
        if left == 0:
            return ((),) if start > len(text) else ()
        found: list[tuple[str, ...]] = []
        for cell, end in _cells(text, start, separator):
            found += [(cell, *rest) for rest in ways(end + 1, left - 1)]
            if len(found) > 1:
                break
        return tuple(found[:2])

    if len(text) > 100_000 or width > 100 or '"\r' in text:  # a lone carriage return: rather two records than one cell
        return None
    possible = set(ways(0, width))
    return list(possible.pop()) if len(possible) == 1 else None


def _cells(text: str, start: int, separator: str) -> list[tuple[str, int]]:
    """Return the cells that may begin at `start`, each with the offset of the separator behind it."""
    if start > len(text):
        return []
    if not text.startswith('"', start):
        end = text.find(separator, start)
        end = len(text) if end < 0 else end
        return [(text[start:end], end)]
    strict = _STRICT.match(text, start)
    if strict is not None and _ends(text, strict.end(), separator):
        return [(strict[1].replace('""', '"'), strict.end())]
    found = []
    quote = text.find('"', start + 1)
    while quote >= 0:
        if _ends(text, quote + 1, separator):
            inner = text[start + 1 : quote]
            found.append((_undoubled(inner), quote + 1))
        quote = text.find('"', quote + 1)
    objects = [(cell, end) for cell, end in found if cell.lstrip().startswith("{") and judge(cell) is None]
    return objects[:1] or found


def _ends(text: str, end: int, separator: str) -> bool:
    return end == len(text) or text.startswith(separator, end)


def _undoubled(inner: str) -> str:
    """Return what a badly quoted cell holds: where all its quotes are doubled they stand for one each."""
    return inner.replace('""', '"') if inner.replace('""', "").count('"') == 0 else inner


def closed(text: str, separator: str, width: int) -> list[str] | None:
    """Return the cells of a record with a quote that was never closed, read as if that quote were not there."""
    cells = text.split(separator)
    if len(cells) != width or text.count('"') % 2 == 0:
        return None
    odd = [index for index, cell in enumerate(cells) if cell.count('"') % 2]
    if len(odd) != 1 or not cells[odd[0]].startswith('"'):
        return None
    cells[odd[0]] = cells[odd[0]][1:]
    if any('"' in cell and not (_STRICT.fullmatch(cell)) for cell in cells):
        return None
    return [cell[1:-1].replace('""', '"') if cell.startswith('"') else cell for cell in cells]
