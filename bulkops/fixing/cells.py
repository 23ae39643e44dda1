"""Repairs of single cells, by kind of cell."""

import re
import unicodedata

from bulkops.fixing.dates import repair_timestamp
from bulkops.fixing.options import FixOptions, Knowledge, Repair
from bulkops_validators.model import patterns
from bulkops_validators.model.cells import (
    Choice,
    Duration,
    IdList,
    Integer,
    JsonObject,
    Number,
    Text,
    Timestamp,
)
from bulkops_validators.model.contract import Column
from bulkops_validators.model.json_cells import judge, straightened

_INVISIBLE = re.compile(patterns.INVISIBLE)
_UNUSUAL_BLANK = re.compile(patterns.UNUSUAL_BLANK)
_MOJIBAKE = re.compile(patterns.MOJIBAKE)
_DRESSED_UP = re.compile(patterns.COMPATIBILITY)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def repair_cell(column: Column, text: str, knowledge: Knowledge, options: FixOptions) -> tuple[str, list[Repair]]:
    """Return a cell as it should be, and the repairs that made it so, in order."""
    repairs: list[Repair] = []
    while text and len(repairs) < 8:
        found = _next(column, text, knowledge, options)
        if found is None or found[1] == text:
            return text, repairs
        code, after = found
        repairs.append(Repair(code, text, after, column.name))
        text = after
    return text, repairs


def _next(column: Column, text: str, knowledge: Knowledge, options: FixOptions) -> tuple[str, str] | None:
    """Return the rule and the result of the next repair a cell needs."""
    if options.unsafe and _CONTROL.search(text):
        return ("FIL106" if "\x00" in text else "FIL107"), _CONTROL.sub("", text)
    match column.cell:
        case Text():
            return _text(column.name, text, knowledge, options)
        case Timestamp() as cell:
            return repair_timestamp(text, column.name, cell, knowledge, options)
        case Integer():
            return _integer(text, options)
        case Number():
            return _number(text, options)
        case _:
            return _fixed_form(column.cell, text, options)


def _fixed_form(
    cell: Choice | Duration | JsonObject | IdList, text: str, options: FixOptions
) -> tuple[str, str] | None:
    match cell:
        case Choice(values=values):
            return _choice(text, values)
        case Duration():
            return _stripped(text, patterns.DURATION)
        case JsonObject():
            return _json(text)
        case IdList(separator=separator):
            return _ids(text, separator, options)


def _stripped(text: str, pattern: str) -> tuple[str, str] | None:
    inner = text.strip()
    return ("TYP107", inner) if inner != text and re.match(pattern, inner) else None


def _text(name: str, text: str, knowledge: Knowledge, options: FixOptions) -> tuple[str, str] | None:
    if (inner := text.strip()) != text:
        return "COD101", inner
    if re.match(patterns.FORMULA_WRAPPER, text):
        return "XLS107", text[2:-1]
    return _doubtful_text(name, text, knowledge) if options.unsafe else None


def _doubtful_text(name: str, text: str, knowledge: Knowledge) -> tuple[str, str] | None:
    if _INVISIBLE.search(text):
        return "COD102", _INVISIBLE.sub("", text)
    if _UNUSUAL_BLANK.search(text):
        return "COD103", _UNUSUAL_BLANK.sub(" ", text)
    if _DRESSED_UP.search(text):
        return "COD108", _DRESSED_UP.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    if _MOJIBAKE.search(text) and (right := _undone(text)) is not None:
        return "COD105", right
    if text.startswith("'") and len(text) > 1:
        return "XLS108", text[1:]
    if re.match(patterns.WORD_FOR_NOTHING, text):
        return "XLS113", ""
    length = knowledge.lengths.get(name)
    if length is not None and length > len(text) and re.match(r"^[1-9][0-9]*$", text):
        return "XLS103", text.zfill(length)
    return None


def _undone(text: str) -> str | None:
    """Return what was meant by text that was decoded as Windows-1252, if that can be undone exactly."""
    try:
        right = text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return None
    return right if right.encode().decode("cp1252", "replace") == text else None


def _integer(text: str, options: FixOptions) -> tuple[str, str] | None:
    if (found := _stripped(text, patterns.INTEGER)) is not None:
        return found
    if re.match(patterns.INTEGER_WITH_DECIMALS, text):
        return "XLS110", re.split(r"[.,]", text)[0]
    if options.unsafe and re.match(patterns.INTEGER_THOUSANDS, text):
        return "XLS111", re.sub(r"[^0-9-]", "", text)
    return None


def _number(text: str, options: FixOptions) -> tuple[str, str] | None:
    if (found := _stripped(text, patterns.NUMBER)) is not None:
        return found
    if re.match(patterns.THOUSANDS, text):
        if not options.unsafe:
            return None
        bare = re.sub(r"[^0-9.,-]", "", text)
        return "XLS111", bare.replace(",", "") if re.match(r"^-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.|$)", text) else bare
    if re.match(patterns.DECIMAL_COMMA, text):
        return "XLS109", text.replace(".", "").replace(",", ".")
    return None


def _choice(text: str, values: tuple[str, ...]) -> tuple[str, str] | None:
    if text in values:
        return None
    inner = text.strip()
    if inner in values:
        return "TYP107", inner
    return next((("VAL109", value) for value in values if value.lower() == inner.lower()), None)


def _json(text: str) -> tuple[str, str] | None:
    verdict = judge(text)
    return ("ATR103", straightened(text)) if verdict and verdict.code == "ATR103" else None


def _ids(text: str, separator: str, options: FixOptions) -> tuple[str, str] | None:
    items = text.split(separator)
    stripped = [item.strip() for item in items]
    if stripped != items:
        return "COD101", separator.join(stripped)
    if options.unsafe and "" in items:
        return "VAL110", separator.join(item for item in items if item)
    if options.unsafe and len(set(items)) < len(items):
        return "VAL111", separator.join(dict.fromkeys(items))
    return None
