"""Decode bytes that are not UTF-8: in the encoding that the user names, or as Windows-1252 if guesses are allowed."""

import re

from bulkops.fixing.options import AppliedRepair, FileEvidence, FixOptions
from bulkops.fixing.transcoding import Encoding
from bulkops.validation.checks.encoding import undecodable

_ESCAPED = re.compile("[\udc80-\udcff]")
_LASTING = re.compile("[^\x00-\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\u201c-\u201f\u2033]")
"""A character of several bytes that no repair removes; repairs may remove blanks and typographic quotes."""
_CUT_OFF = re.compile("[\udcc0-\udcff](?![A-Za-z\udcc0-\udcff])")
"""A byte that begins a UTF-8 sequence with no letter after it: possibly the rest of a cut-off character."""


def decoded(body: bytes, evidence: FileEvidence, options: FixOptions) -> tuple[str | None, list[AppliedRepair]]:
    """Return bytes as text, with the repair if they were not UTF-8; None if their encoding is unknown.

    Windows-1252 is a guess, because other encodings have other letters for the same bytes.
    """
    try:
        return body.decode(), []
    except UnicodeDecodeError:
        escaped = body.decode("utf-8", "surrogateescape")
    if options.encoding is not None:
        text = _in_encoding(body, escaped, options.encoding)
    else:
        text = _as_windows(escaped) if options.unsafe and evidence.windows else None
    if text is None:
        return None, []
    code = "FIL102" if _doubtful(body, escaped, evidence) else "FIL104"
    return text, [AppliedRepair(code, printable(body), text)]


def redecoded(raw: bytes, encoding: Encoding) -> AppliedRepair:
    """Return the repair of a text that was decoded from another encoding."""
    text = raw.decode()
    original = text.encode(encoding.name)
    code = next((code for code, _, _ in undecodable(original)), "FIL102")
    return AppliedRepair(code, printable(original), text)


def printable(raw: bytes) -> str:
    """Return bytes as text for messages; bytes that are not UTF-8 become escapes."""
    return raw.decode("utf-8", "backslashreplace")


def holds_multibyte(data: bytes) -> bool:
    """Return whether the data contains a valid UTF-8 character of several bytes that no repair removes."""
    return not data.isascii() and _LASTING.search(data.decode("utf-8", "ignore")) is not None


def _in_encoding(body: bytes, escaped: str, encoding: Encoding) -> str | None:
    """Return a record decoded in an encoding; None if parts of it are UTF-8 or the encoding does not fit."""
    if not _ESCAPED.sub("", escaped).isascii():
        return None
    try:
        return body.decode(encoding.name)
    except UnicodeDecodeError:
        return None


def _doubtful(body: bytes, escaped: str, evidence: FileEvidence) -> bool:
    """Return whether undecodable bytes may be something other than letters of Windows-1252.

    In a file that is otherwise UTF-8, the first byte of a sequence at the end of a word may be a cut-off character.
    """
    cut_off = evidence.multibyte and _CUT_OFF.search(escaped) is not None
    return cut_off or any(code == "FIL102" for code, _, _ in undecodable(body))


def _as_windows(escaped: str) -> str | None:
    """Return a text with its undecodable bytes decoded as Windows-1252; None if that encoding lacks one of them."""
    try:
        return _ESCAPED.sub(lambda found: bytes((ord(found[0]) - 0xDC00,)).decode("cp1252"), escaped)
    except UnicodeDecodeError:
        return None
