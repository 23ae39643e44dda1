"""Find JSON objects in a record with quotes that do not show where the objects end."""

import json

from bulkops_validators.model.json_cells import judge, straightened

_DECODER = json.JSONDecoder()


def is_object(text: str) -> bool:
    """Return whether a text is a JSON object with any names; typographic quotes count as straight ones."""
    verdict = judge(text)
    return verdict is None or verdict.code.startswith("ATR")


def is_torn_object(cell: str) -> bool:
    """Return whether a cell looks like a piece of a JSON object, or like an object with text attached."""
    inner = cell.strip()
    return (inner.startswith("{") or inner.endswith("}")) and not is_object(inner)


def object_at(text: str, start: int) -> tuple[str, int] | None:
    """Return the JSON object that begins at `start`, and its end.

    Its quotes may all be doubled. None if there is none.
    """
    if not text.startswith("{", start):
        return None
    for form in (text, straightened(text)):
        if (end := _end(form, start)) is not None:
            return (text[start:end], end) if is_object(text[start:end]) else None
    single = text[start:].replace('""', '"')
    size = _end(single, 0)
    if size is None:
        return None
    found = single[:size]
    end = start + size + found.count('"')
    return (found, end) if text[start:end] == found.replace('"', '""') and is_object(found) else None


def _end(text: str, start: int) -> int | None:
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None
