"""Check whether a CSV response may be incomplete, from its HTTP framing and its text."""

import json
import re
from dataclasses import dataclass
from typing import BinaryIO

from bulkops.readback.parse.lenient import split_cells
from bulkops.redaction import redacted
from bulkops.transport.bodies import INSPECTED_BYTES, describe_body, is_page

TAIL = 1 << 20
_LAST_BYTES = 1 << 16
"""The number of last bytes that are searched for an error directly after a truncated record."""
_TRIES = 64
_PAGE = re.compile(rb"<(?:!doctype|html|\?xml)", re.IGNORECASE)
_JSON_START = re.compile(rb'[{\[]\s*(?:["{]|\Z)')
_ERROR = re.compile(rb'\{\s*"(?:message|errors?|StatusCode)"')


@dataclass(frozen=True, kw_only=True)
class Incompleteness:
    """Why a response may be incomplete, and whether an equal second response would prove it complete.

    `page` describes a page that came instead of the response.
    """

    reason: str
    by_repeating: bool = True
    page: str | None = None


def find_incompleteness(
    out: BinaryIO, size: int, columns: frozenset[str], *, framed: bool, open_quote: bool
) -> Incompleteness | None:
    """Return why the response in a file of `size` bytes may be incomplete; None if nothing shows that.

    `columns`: the header must contain one of these names, unless the set is empty. `framed`: HTTP states where the
    response ends. `open_quote`: the number of quotes is odd.
    """
    out.seek(0)
    start = out.read(INSPECTED_BYTES)
    if is_page(start):
        shown = describe_body(start, hide=redacted)
        return Incompleteness(reason=f"the server sent {shown}", by_repeating=False, page=shown)
    out.seek(0)
    head = out.readline(TAIL)
    out.seek(max(0, size - TAIL))
    tail = out.read()
    out.seek(0, 2)
    return text_incompleteness(head, tail, columns, framed=framed, open_quote=open_quote)


def text_incompleteness(
    head: bytes, tail: bytes, columns: frozenset[str], *, framed: bool, open_quote: bool, what: str = "the response"
) -> Incompleteness | None:
    """Return why a CSV may be incomplete, given its first line and its last bytes, at most `TAIL` each.

    `what` names the CSV in the reason. The other parameters are as in `find_incompleteness`.
    """
    first = head.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
    if not first.strip():
        return Incompleteness(reason=f"{what} has no header line", by_repeating=False)
    names = split_cells(first, 0)
    if _is_other(first, names, columns):
        found = describe_body(head, hide=redacted)
        return Incompleteness(reason=f"{what} is not this CSV, but {found}", by_repeating=False)
    found_at_end = _bad_ending(tail, width=len(names), open_quote=open_quote, what=what)
    if found_at_end is not None or framed:
        return found_at_end
    return Incompleteness(reason=f"nothing shows that {what} is complete")


def _bad_ending(tail: bytes, *, width: int, open_quote: bool, what: str) -> Incompleteness | None:
    """Return the first reason why the last bytes do not end like a complete CSV of `width` columns, or None."""
    lines = tail.rstrip().split(b"\n")
    if _has_appended_error(lines):
        return Incompleteness(reason=f"{what} ends with an error instead of a record", by_repeating=False)
    # A single line is the header, or part of one long record: nothing is known about its cells.
    last = lines[-1].decode("utf-8", "replace") if len(lines) > 1 else None
    if not tail.endswith(b"\n"):
        if last is not None and (open_quote or len(split_cells(last, width)) < width):
            return Incompleteness(reason=f"{what} ends in the middle of a record", by_repeating=False)
        return Incompleteness(reason=f"{what} does not end with a line end")
    if open_quote:
        return Incompleteness(reason=f"{what} may end inside a quoted cell")
    return _bad_last_record(last, error=_has_error_after_record(lines[-1], tail), width=width, what=what)


def _bad_last_record(last: str | None, *, error: bool, width: int, what: str) -> Incompleteness | None:
    """Return why the last record may be truncated; `error` says that an error may follow it in its line."""
    short = last is not None and _is_short(last, width)
    match short, error:
        case True, True:
            reason = f"{what} ends with an error instead of the rest of a record"
            return Incompleteness(reason=reason, by_repeating=False)
        case False, False:
            return None
        case _:
            return Incompleteness(reason=f"the last record of {what} may be truncated")


def _is_other(head: str, names: list[str], columns: frozenset[str]) -> bool:
    """Return whether a first line is not the header of the export, but a web page, an error or another table."""
    if head.lstrip().startswith(("{", "<")):
        return True
    return bool(columns) and columns.isdisjoint(name.strip().lower() for name in names)


def _has_appended_error(lines: list[bytes]) -> bool:
    """Return whether JSON or a web page follows the records: a server that fails half-way appends its error."""
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
    """Return whether the last line is a record with too few cells.

    An odd number of quotes means that the line ends a cell of several lines, so its cells are not counted.
    """
    return last.count('"') % 2 == 0 and len(split_cells(last, width)) < width


def _has_error_after_record(last: bytes, tail: bytes) -> bool:
    """Return whether an error directly follows a record that may be truncated."""
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
