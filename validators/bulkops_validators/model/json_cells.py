"""Check JSON cells: valid JSON, an object, valid names, no repeated name."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import NoReturn

from bulkops_validators.model.cells import ATTRIBUTE_NAME_PATTERN
from bulkops_validators.model.patterns import HASH_SIGNS, NO_VALUE, SPREADSHEET_ERROR

_NAME = re.compile(ATTRIBUTE_NAME_PATTERN)
_RESIDUE = re.compile(f"{SPREADSHEET_ERROR}|{HASH_SIGNS}")
_NO_VALUE = re.compile(NO_VALUE)
_ONLY_BLANKS = re.compile(r"[^\S\x1c-\x1f]+")
"""Separators of ASCII (1C to 1F) are control characters in a CSV file."""
_TOO_DEEP = "it is nested too deeply"
_DEEPEST = 400
"""Maximum levels of nested JSON that are decoded; Python's own maximum differs between versions."""
MAX_JSON_LENGTH = 4_000_000
"""Maximum characters of JSON that are decoded: a decoded object can need 40 times the memory of its text."""
_REMEMBERED = 4_096
"""Maximum characters of a cell that is cached together with its fault."""
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*+"')
_SMART_QUOTES = re.compile("[\u201c\u201d\u201e\u201f\u2033]")


@dataclass(frozen=True)
class JsonFault:
    """The fault of a cell: the code of the rule and the fault in words; `name` is the affected attribute, if any."""

    code: str
    fault: str
    name: str | None = None

    def sentence(self, *, masked: bool = False) -> str:
        """Return the fault as a sentence; `masked`, without the attribute's name."""
        if self.name is None:
            return self.fault
        return f"{'an attribute in it' if masked else repr(self.name)} {self.fault}"


class _Constant(ValueError):
    """NaN or Infinity; both are not valid JSON."""


class _Object(list[tuple[str, object]]):
    """A decoded object as its pairs of name and value, so that repeated names can be found."""


def _refuse(constant: str) -> NoReturn:
    raise _Constant(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_Object, parse_int=len, parse_float=len, parse_constant=_refuse)


def judge(text: str) -> JsonFault | None:
    """Return the fault of a cell that should contain a JSON object, or None."""
    return _remembered(text) if len(text) <= _REMEMBERED else _judge(text)


@lru_cache(maxsize=20_000)
def _remembered(text: str) -> JsonFault | None:
    return _judge(text)


def _judge(text: str) -> JsonFault | None:
    if refused := _not_to_decode(text):
        return refused
    try:
        value = _DECODER.decode(text)
    except _Constant as error:
        return JsonFault("TYP104", str(error))
    except json.JSONDecodeError as error:
        if _SMART_QUOTES.search(text) and _decodes(straightened(text)):
            return JsonFault("ATR103", "it has typographic quotes; JSON requires straight quotes")
        if text.startswith("'"):
            return JsonFault("TYP104", "it begins with an apostrophe")
        return JsonFault("TYP104", f"{error.msg.removesuffix(' at')} at character {error.pos + 1}")
    except RecursionError:
        return JsonFault("TYP104", _TOO_DEEP)
    if not isinstance(value, _Object):
        return JsonFault("TYP105", f"it is {_KINDS.get(type(value), 'a number')}")
    try:
        return _judge_names(value)
    except RecursionError:
        return JsonFault("TYP104", _TOO_DEEP)


def _not_to_decode(text: str) -> JsonFault | None:
    """Return the fault that prevents decoding of a cell, or None."""
    if _ONLY_BLANKS.fullmatch(text):
        return JsonFault("TYP107", "it consists of blanks")
    if _RESIDUE.match(text):
        return JsonFault("TYP108", "it is a spreadsheet error or a row of # signs")
    if _NO_VALUE.match(text) and text != "null":  # null is valid JSON
        return JsonFault("TYP109", "it is a word for a missing value")
    if len(text) > MAX_JSON_LENGTH:
        return JsonFault("TYP104", f"it has {len(text):,} characters; at most {MAX_JSON_LENGTH:,} are checked")
    return JsonFault("TYP104", _TOO_DEEP) if _is_too_deep(text) else None


def straightened(text: str) -> str:
    """Return the text with straight quotes for typographic ones."""
    return _SMART_QUOTES.sub('"', text)


def _decodes(text: str) -> bool:
    try:
        _DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_too_deep(text: str) -> bool:
    if text.count("{") + text.count("[") <= _DEEPEST:
        return False
    depths = accumulate(1 if sign in "{[" else -1 for sign in _TEXT.sub("", text) if sign in "{[]}")
    return max(depths, default=0) > _DEEPEST


_KINDS = {str: "a text", list: "a list", bool: "true or false", type(None): "null"}


def _judge_names(value: _Object) -> JsonFault | None:
    names = [name for name, _ in value]
    for name in names:
        if not _NAME.fullmatch(name) or name.endswith("\n") or not name.isascii():
            return JsonFault("ATR102", "has an invalid name", name)
    if repeated := _repeated_inside(value):
        return JsonFault("ATR101", "appears twice", repeated[0])
    folded = Counter(name.lower() for name in names) if len({name.lower() for name in names}) < len(names) else {}
    for name in names:
        if folded.get(name.lower(), 0) > 1:
            return JsonFault("ATR104", "also appears in different upper and lower case", name)
    return None


def _repeated_inside(value: object) -> list[str]:
    """Return the names that appear twice in the value or, if there are none, in objects nested in it."""
    if isinstance(value, _Object):
        names = [name for name, _ in value]
        if len(set(names)) < len(names):
            return [name for name, count in Counter(names).items() if count > 1]
        return [name for _, inner in value if isinstance(inner, list) for name in _repeated_inside(inner)]
    if isinstance(value, list):
        return [name for inner in value if isinstance(inner, list) for name in _repeated_inside(inner)]
    return []
