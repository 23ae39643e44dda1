"""Find the intended end of an unclosed quote, if there is only one possible position."""

from bulkops.fixing.repairs.quotes import LONGEST, strict_cell, undoubled
from bulkops.fixing.repairs.unquoted_json import is_torn_object


def close_quote(text: str, opened: int, separator: str, width: int) -> list[str] | None:
    """Return the cells of a record with an unclosed quote at offset `opened`.

    The quote may have been meant to close in front of any separator, but at most one position leaves `width` cells.
    None if no such position exists, if other quotes are invalid, or if a JSON object would be split.
    """
    before = _cells(text[: opened - 1], 0, separator) if opened else []
    if len(text) > LONGEST or before is None:
        return None
    behind = _counts_behind(text, opened, separator)
    for end in [*_separators(text, opened, separator), len(text)]:
        inner = text[opened + 1 : end]
        if '"' in inner.replace('""', ""):
            # This quote opens the next cell, and every longer interpretation contains it too.
            return None
        if len(before) + 1 + behind[end] == width:
            rest = (_cells(text, end + 1, separator) if end < len(text) else []) or []
            found = [inner.replace('""', '"'), *rest]
            return None if any(map(is_torn_object, found)) else [*before, *found]
    return None


def _separators(text: str, start: int, separator: str) -> list[int]:
    return [place for place in range(start, len(text)) if text[place] == separator]


def _counts_behind(text: str, start: int, separator: str) -> dict[int, int]:
    """Return the number of cells after each separator; a large negative number if a quote among them is invalid."""
    counts = {len(text): 0}
    for place in reversed(_separators(text, start, separator)):
        end = strict_cell(text, place + 1, separator)
        counts[place] = -len(text) if end is None else 1 + counts[end]
    return counts


def _cells(text: str, start: int, separator: str) -> list[str] | None:
    """Return the cells of a text with valid quotes; None if a quote is invalid."""
    found = []
    while start <= len(text):
        end = strict_cell(text, start, separator)
        if end is None:
            return None
        cell = text[start:end]
        found.append(undoubled(cell) if cell.startswith('"') else cell)
        start = end + 1
    return found
