"""Bytes that are no UTF-8: taken for Windows-1252 where nothing speaks against it."""

import re

from bulkops.fixing.options import FixOptions, Knowledge, Repair
from bulkops.validation.encoding import undecodable

_ESCAPED = re.compile("[\udc80-\udcff]")
_LASTING = re.compile("[^\x00-\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\u201c-\u201f\u2033]")
"""A character of several bytes that no repair takes away, as blanks and typographic quotes may be taken away."""
_CUT_OFF = re.compile("[\udcc0-\udcff](?![A-Za-z\udcc0-\udcff])")
"""A byte that begins a sequence in UTF-8, where a character may have been cut off: no letter goes on behind it."""


def decoded(body: bytes, knowledge: Knowledge, options: FixOptions) -> tuple[str | None, list[Repair]]:
    """Return bytes as text, and the repair if they were Windows-1252; None if that is not certain enough."""
    try:
        return body.decode(), []
    except UnicodeDecodeError:
        escaped = body.decode("utf-8", "surrogateescape")
    code = "FIL102" if _doubtful(body, escaped, knowledge) else "FIL104"
    if code == "FIL102" and not options.unsafe:
        return None, []
    text = _ESCAPED.sub(lambda found: _as_windows(found[0]), escaped)
    return text, [Repair(code, body.decode("utf-8", "backslashreplace"), text)]


def holds_multibyte(data: bytes) -> bool:
    """Tell whether a character of several bytes that is valid UTF-8, and will stay, is anywhere in the data."""
    return not data.isascii() and _LASTING.search(data.decode("utf-8", "ignore")) is not None


def _doubtful(body: bytes, escaped: str, knowledge: Knowledge) -> bool:
    """Tell whether undecodable bytes may be something else than letters of Windows-1252.

    In a file that is UTF-8 elsewhere, what begins a sequence at the end of a word may be a character cut off.
    """
    cut_off = knowledge.multibyte and _CUT_OFF.search(escaped) is not None
    return cut_off or any(code == "FIL102" for code, _, _ in undecodable(body))


def _as_windows(escaped: str) -> str:
    return bytes((ord(escaped) - 0xDC00,)).decode("cp1252", "replace")
