"""Records with a quote that nothing closes: where it must have been meant to close, if there is one such place."""

from bulkops.fixing.repairs.quotes import LONGEST, strict_cell, undoubled
from bulkops.fixing.repairs.unquoted_json import torn


def closed(text: str, opened: int, separator: str, width: int) -> list[str] | None:
    """Return the cells of a record whose quote at `opened` is never closed.

    It may have been meant to close in front of any separator, but at most one such place leaves `width` cells. None
    if there is none, if the quotes of the others are not right, or if a JSON object would be torn.
    """
    before = _cells(text[: opened - 1], 0, separator) if opened else []
    if len(text) > LONGEST or before is None:
        return None
    behind = _counts_behind(text, opened, separator)
    for end in [*_separators(text, opened, separator), len(text)]:
        inner = text[opened + 1 : end]
        if '"' in inner.replace('""', ""):
            return None  # a quote that opens the next cell, and is in every longer reading too
        if len(before) + 1 + behind[end] == width:
            rest = (_cells(text, end + 1, separator) if end < len(text) else []) or []
            found = [inner.replace('""', '"'), *rest]
            return None if any(map(torn, found)) else [*before, *found]
    return None


def _separators(text: str, start: int, separator: str) -> list[int]:
    return [place for place in range(start, len(text)) if text[place] == separator]


def _counts_behind(text: str, start: int, separator: str) -> dict[int, int]:
    """Return how many cells follow each separator; far too few where a quote among them is wrong."""
    counts = {len(text): 0}
    for place in reversed(_separators(text, start, separator)):
        end = strict_cell(text, place + 1, separator)
        counts[place] = -len(text) if end is None else 1 + counts[end]
    return counts


def _cells(text: str, start: int, separator: str) -> list[str] | None:
    """Return the cells of a text whose quotes are right; None if they are not."""
    found = []
    while start <= len(text):
        end = strict_cell(text, start, separator)
        if end is None:
            return None
        cell = text[start:end]
        found.append(undoubled(cell) if cell.startswith('"') else cell)
        start = end + 1
    return found
