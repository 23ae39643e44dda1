"""Whether an answer may not be whole, as its framing and its text tell."""

import json
import re
from dataclasses import dataclass
from typing import BinaryIO

from bulkops.readback.parse.lenient import split_cells
from bulkops.redaction import redacted
from bulkops.transport.bodies import INSPECTED_BYTES, describe_body, is_page

TAIL = 1 << 20
_LAST_BYTES = 1 << 16
"""In which an error may be glued to a record that was cut."""
_TRIES = 64
_PAGE = re.compile(rb"<(?:!doctype|html|\?xml)", re.IGNORECASE)
_JSON_START = re.compile(rb'[{\[]\s*(?:["{]|\Z)')
_ERROR = re.compile(rb'\{\s*"(?:message|errors?|StatusCode)"')


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Why an answer may not be whole, and whether an equal second one would settle it."""

    reason: str
    by_repeating: bool = True


def doubt_of(out: BinaryIO, size: int, columns: frozenset[str], *, framed: bool, open_quote: bool) -> Doubt | None:
    """Return why the answer in a file of `size` bytes may not be whole; None if nothing speaks against it.

    `columns` are the names of which its header must have one, if any. `framed`: HTTP told where it ends. `open_quote`:
    its quotes are odd in number.
    """
    out.seek(0)
    start = out.read(INSPECTED_BYTES)
    if is_page(start):
        return Doubt(reason=f"the server sent {describe_body(start, hide=redacted)}", by_repeating=False)
    out.seek(0)
    head = out.readline(TAIL)
    out.seek(max(0, size - TAIL))
    tail = out.read()
    out.seek(0, 2)
    return doubt_between(head, tail, columns, framed=framed, open_quote=open_quote)


def doubt_between(
    head: bytes, tail: bytes, columns: frozenset[str], *, framed: bool, open_quote: bool, what: str = "the answer"
) -> Doubt | None:
    """Return why a CSV may be incomplete, given its first line and its last bytes, at most `TAIL` each.

    `what` names the CSV in the reason; all else is as in `doubt_of`.
    """
    first = head.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
    if not first.strip():
        return Doubt(reason=f"{what} has no header line", by_repeating=False)
    names = split_cells(first, 0)
    if _is_other(first, names, columns):
        found = describe_body(head, hide=redacted)
        return Doubt(reason=f"{what} is not this CSV, but {found}", by_repeating=False)
    lines = tail.rstrip().split(b"\n")
    if _has_appendix(lines):
        return Doubt(reason=f"{what} ends with an error instead of a record", by_repeating=False)
    last = lines[-1].decode("utf-8", "replace") if len(lines) > 1 else None
    if not tail.endswith(b"\n"):
        if last is not None and (open_quote or len(split_cells(last, len(names))) < len(names)):
            return Doubt(reason=f"{what} ends in the middle of a record", by_repeating=False)
        return Doubt(reason=f"{what} does not end with a line end")
    if open_quote:
        return Doubt(reason=f"{what} may end inside a quoted cell")
    short, glued = (last is not None and _is_short(last, len(names))), _has_glued_error(lines[-1], tail)
    if short and glued:
        return Doubt(reason=f"{what} ends with an error instead of the rest of a record", by_repeating=False)
    if short or glued:
        return Doubt(reason=f"the last record of {what} may be cut")
    return None if framed else Doubt(reason=f"nothing shows that {what} came whole")


def _is_other(head: str, names: list[str], columns: frozenset[str]) -> bool:
    """Tell whether a first line is none of the export's: that of a page, of an error, of another table."""
    if head.lstrip().startswith(("{", "<")):
        return True
    return bool(columns) and columns.isdisjoint(name.strip().lower() for name in names)


def _has_appendix(lines: list[bytes]) -> bool:
    """Tell whether JSON or a page stands behind the records: where the server failed half way, and said so there."""
    tries = 0
    for position in range(len(lines) - 1, 0, -1):
        line = lines[position].lstrip()
        if _PAGE.match(line):
            return True
        if _JSON_START.match(line):
            if _is_json(b"\n".join(lines[position:])):
                return True
            tries += 1
            if tries == _TRIES:
                break
    return False


def _is_short(last: str, width: int) -> bool:
    """Tell whether the last line is a record of too few cells; where a cell over several lines ends, quotes are odd."""
    return last.count('"') % 2 == 0 and len(split_cells(last, width)) < width


def _has_glued_error(last: bytes, tail: bytes) -> bool:
    """Tell whether an error stands right behind a record that was cut."""
    if _PAGE.search(last):
        return True
    end = tail[-_LAST_BYTES:]
    starts = [found.start() for found in _ERROR.finditer(end)]
    return any(_is_json(end[start:]) for start in starts[-_TRIES:])


def _is_json(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False
