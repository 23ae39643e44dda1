"""Repair single cells, by type of cell."""

import re
import unicodedata

from bulkops.fixing.options import AppliedRepair, FileEvidence, FixOptions
from bulkops.fixing.repairs.dates import repair_timestamp
from bulkops.fixing.repairs.numbers import repair_integer, repair_number
from bulkops_validators.model import patterns
from bulkops_validators.model.cells import (
    Choice,
    IdList,
    Integer,
    JsonObject,
    Number,
    Text,
    Timestamp,
)
from bulkops_validators.model.contract import Column
from bulkops_validators.model.expressions_text import is_code
from bulkops_validators.model.json_cells import judge, straightened
from bulkops_validators.model.patterns_mojibake import MOJIBAKE, WINDOWS_1252

_INVISIBLE = re.compile(patterns.INVISIBLE)
_INVISIBLE_CHARACTER = re.compile(patterns.INVISIBLE_CHARACTER)
_UNUSUAL_BLANK = re.compile(patterns.UNUSUAL_BLANK)
_MOJIBAKE = re.compile(MOJIBAKE)
_BYTES = tuple({char: byte for byte, char in enumerate(chars)} for chars in (WINDOWS_1252, map(chr, range(256))))
"""The byte of each character in the two encodings that are often mistaken for UTF-8."""
_DRESSED_UP = re.compile(patterns.COMPATIBILITY)
_NO_VALUE, _INFINITE = re.compile(patterns.NO_VALUE), re.compile(patterns.INFINITE)
_LIST, _GUID = re.compile(patterns.LIST_OF_PROGRAM), re.compile(patterns.GUID)
_ID = re.compile(r"'([^']+)'|\"([^\"]+)\"|([^][{}()'\", ]+)")
"""An id in a list as programs write it: in single or double quotes, or without."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BLANKS = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""Unicode white space, which validation treats as blanks; Python's own list also has control characters."""
_DECIMAL_POINT = "XLS109"
"""The last repair of a number: repeated, it could take 1.500, the result of 1,500, for thousands."""
_MOST = 50
"""Maximum number of repairs of one cell; each makes it shorter or simpler, so this many are never needed."""


def repair_cell(
    column: Column, text: str, evidence: FileEvidence, options: FixOptions
) -> tuple[str, list[AppliedRepair]]:
    """Return a repaired cell, and the repairs in order."""
    repairs: list[AppliedRepair] = []
    while text and len(repairs) < _MOST:
        found = _next(column, text, evidence, options)
        if found is None or found[1] == text:
            return text, repairs
        code, after = found
        if makes_invalid(column, text, after):
            return text, repairs
        repairs.append(AppliedRepair(code, text, after, column.name))
        text = after
        if code == _DECIMAL_POINT:
            break
    return text, repairs


def makes_invalid(column: Column, before: str, after: str) -> bool:
    """Return whether a repair causes an error in a cell: blank, too short, too long, not allowed.

    A required cell of blanks is an error before and after its blanks are removed; it stays as it is.
    """
    if not after.strip(_BLANKS):
        return column.required
    if not isinstance(column.cell, Text):
        return False
    cell = column.cell
    short = len(after) < cell.min_length <= len(before)
    long = cell.max_length is not None and len(before) <= cell.max_length < len(after)
    odd = cell.pattern is not None and bool(re.search(cell.pattern, before)) and not re.search(cell.pattern, after)
    return short or long or odd


def _next(column: Column, text: str, evidence: FileEvidence, options: FixOptions) -> tuple[str, str] | None:
    """Return the rule and the result of the next repair that a cell needs; None if it needs none."""
    if options.unsafe and _CONTROL.search(text):
        return ("FIL106" if "\x00" in text else "FIL107"), _CONTROL.sub("", text)
    match column.cell:
        case Text() as free:
            return _text(text, options, code=is_code(free))
        case JsonObject():
            return _json(text, options)
        case IdList(separator=separator):
            return _ids(text, separator, options)
    if (inner := text.strip(_BLANKS)) != text:
        return "TYP107", inner
    return _value(column, text, evidence, options)


def _value(column: Column, text: str, evidence: FileEvidence, options: FixOptions) -> tuple[str, str] | None:
    """Return the next repair of a number, a date or a fixed word without blanks around it."""
    if options.unsafe and _NO_VALUE.match(text) and not _INFINITE.match(text):
        return "TYP109", ""
    match column.cell:
        case Timestamp() as cell:
            return repair_timestamp(text, column.name, cell, evidence, options)
        case Integer():
            return repair_integer(text, options)
        case Number():
            return repair_number(text, column.name, evidence, options)
        case Choice(values=values):
            return _choice(text, values)
    return None


def _text(text: str, options: FixOptions, *, code: bool) -> tuple[str, str] | None:
    # This comes first, because hidden characters and blanks may be half of a wrongly decoded character.
    if options.unsafe and _MOJIBAKE.search(text) and (right := _undone(text)) is not None:
        return "COD105", right
    if (inner := text.strip(_BLANKS)) != text:
        return "COD101", inner
    if re.match(patterns.FORMULA_WRAPPER, text):
        return "XLS107", text[2:-1]
    return _doubtful_text(text, code=code) if options.unsafe else None


def _doubtful_text(text: str, *, code: bool) -> tuple[str, str] | None:
    hidden = _INVISIBLE_CHARACTER if code else _INVISIBLE
    if hidden.search(text):
        return "COD102", hidden.sub(lambda found: _INVISIBLE_CHARACTER.sub("", found[0]), text)
    if _UNUSUAL_BLANK.search(text):
        return "COD103", _UNUSUAL_BLANK.sub(" ", text)
    if _DRESSED_UP.search(text):
        return "COD108", _DRESSED_UP.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    if text.startswith("'") and (inner := text.lstrip("'")):
        return "XLS108", inner
    if re.match(patterns.WORD_FOR_NOTHING, text):
        return "XLS113", ""
    return None


def _undone(text: str) -> str | None:
    """Return the original of text that was decoded as Windows-1252 or Latin-1.

    None if this cannot be undone exactly.
    """
    for known in _BYTES:
        try:
            return bytes(known[char] for char in text).decode()
        except (KeyError, UnicodeDecodeError):
            continue
    return None


def _choice(text: str, values: tuple[str, ...]) -> tuple[str, str] | None:
    return next((("VAL109", value) for value in values if value.lower() == text.lower() and value != text), None)


def _json(text: str, options: FixOptions) -> tuple[str, str] | None:
    verdict = judge(text)
    if verdict and verdict.code == "TYP107":
        return "TYP107", ""
    if verdict and verdict.code == "TYP109" and options.unsafe and not _INFINITE.match(text):
        return "TYP109", ""
    return ("ATR103", straightened(text)) if verdict and verdict.code == "ATR103" else None


def _ids(text: str, separator: str, options: FixOptions) -> tuple[str, str] | None:
    if _LIST.match(text) and not _GUID.match(text):
        ids = [found[1] or found[2] or found[3] for found in _ID.finditer(text)]
        return ("VAL113", separator.join(ids)) if not any(separator in one for one in ids) else None
    items = text.split(separator)
    stripped = [item.strip(_BLANKS) for item in items]
    if stripped != items:
        return "COD101", separator.join(stripped)
    if options.unsafe and "" in items:
        return "VAL110", separator.join(item for item in items if item)
    if options.unsafe and len(set(items)) < len(items):
        return "VAL111", separator.join(dict.fromkeys(items))
    return None
