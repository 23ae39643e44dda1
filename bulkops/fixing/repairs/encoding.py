"""Bytes that are not UTF-8: decoded as the user says, or guessed to be Windows-1252 if guesses are allowed."""

import re

from bulkops.fixing.options import FixOptions, Knowledge, Repair
from bulkops.fixing.repairs.transcoding import Encoding
from bulkops.validation.checks.encoding import undecodable

_ESCAPED = re.compile("[\udc80-\udcff]")
_LASTING = re.compile("[^\x00-\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\u201c-\u201f\u2033]")
"""A character of several bytes that no repair takes away, as blanks and typographic quotes may be taken away."""
_CUT_OFF = re.compile("[\udcc0-\udcff](?![A-Za-z\udcc0-\udcff])")
"""A byte that begins a sequence in UTF-8, where a character may have been cut off: no letter goes on behind it."""


def decoded(body: bytes, knowledge: Knowledge, options: FixOptions) -> tuple[str | None, list[Repair]]:
    """Return bytes as text, with the repair if they were not UTF-8; None if their encoding is unknown.

    Windows-1252 is a guess, since other encodings have other letters for the same bytes.
    """
    try:
        return body.decode(), []
    except UnicodeDecodeError:
        escaped = body.decode("utf-8", "surrogateescape")
    if options.encoding is not None:
        text = _in_encoding(body, escaped, options.encoding)
    else:
        text = _as_windows(escaped) if options.unsafe and knowledge.windows else None
    if text is None:
        return None, []
    code = "FIL102" if _doubtful(body, escaped, knowledge) else "FIL104"
    return text, [Repair(code, printable(body), text)]


def redecoded(raw: bytes, encoding: Encoding) -> Repair:
    """Return the repair of a text that was decoded from another encoding."""
    text = raw.decode()
    original = text.encode(encoding.name)
    code = next((code for code, _, _ in undecodable(original)), "FIL102")
    return Repair(code, printable(original), text)


def printable(raw: bytes) -> str:
    """Return bytes as text for messages; bytes that are not UTF-8 become escapes."""
    return raw.decode("utf-8", "backslashreplace")


def holds_multibyte(data: bytes) -> bool:
    """Tell whether a character of several bytes that is valid UTF-8, and will stay, is anywhere in the data."""
    return not data.isascii() and _LASTING.search(data.decode("utf-8", "ignore")) is not None


def _in_encoding(body: bytes, escaped: str, encoding: Encoding) -> str | None:
    """Return a record decoded in an encoding; None if parts of it are UTF-8, or if it is in another encoding."""
    if not _ESCAPED.sub("", escaped).isascii():
        return None
    try:
        return body.decode(encoding.name)
    except UnicodeDecodeError:
        return None


def _doubtful(body: bytes, escaped: str, knowledge: Knowledge) -> bool:
    """Tell whether undecodable bytes may be something else than letters of Windows-1252.

    In a file that is UTF-8 elsewhere, what begins a sequence at the end of a word may be a character cut off.
    """
    cut_off = knowledge.multibyte and _CUT_OFF.search(escaped) is not None
    return cut_off or any(code == "FIL102" for code, _, _ in undecodable(body))


def _as_windows(escaped: str) -> str | None:
    """Return a text with its undecodable bytes taken for Windows-1252; None if it does not have all of them."""
    try:
        return _ESCAPED.sub(lambda found: bytes((ord(found[0]) - 0xDC00,)).decode("cp1252"), escaped)
    except UnicodeDecodeError:
        return None
