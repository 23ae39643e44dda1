"""One cell at a time: instants, numbers, texts and JSON attributes, as the API describes them."""

import json
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from bulkops.sandbox.assumptions import Assumptions
from bulkops.sandbox.csv_input import RowError
from bulkops.sandbox.times import DATE_ONLY, instant, iso

DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def bad(column: str, details: str) -> RowError:
    """Return the error for a cell."""
    return RowError("Invalid value", f"{column}: {details}")


def text(column: str, value: str, *, least: int = 1, most: int | None = None) -> str:
    """Return a required text; its length in characters is checked."""
    if not value:
        raise bad(column, "a value is required")
    if len(value) < least:
        raise bad(column, f"{value!r} is shorter than {least} characters")
    return short(column, value, most=most)


def short(column: str, value: str, *, most: int | None) -> str:
    """Return an optional text of at most `most` characters."""
    if most is not None and len(value) > most:
        raise bad(column, f"it is longer than {most} characters")
    return value


@lru_cache(maxsize=4096)
def number(column: str, value: str, *, least: Decimal, most: Decimal) -> Decimal:
    """Return a decimal number within limits."""
    if DECIMAL.fullmatch(value) is None:
        raise bad(column, f"{value!r} is not a number")
    try:
        found = Decimal(value)
    except InvalidOperation as problem:
        raise bad(column, f"{value!r} is not a number") from problem
    if not least <= found <= most:
        raise bad(column, f"{value} is out of range")
    return found


def plain(amount: Decimal) -> str:
    """Return a decimal without exponent and without zeros behind it."""
    shown = format(amount, "f")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


@lru_cache(maxsize=4096)
def usage_limit(value: str) -> int:
    """Return `limitval`: blank is 1, 0 is unlimited, at most 999999."""
    if not value:
        return 1
    if INTEGER.fullmatch(value) is None:
        raise bad("limitval", f"{value!r} is not a whole number")
    if not 0 <= int(value) <= 999999:
        raise bad("limitval", f"{value} is out of range")
    return int(value)


class Instants:
    """Reads date cells under the assumptions; the same text is read once."""

    def __init__(self, assumptions: Assumptions, now: datetime) -> None:
        self._assumptions = assumptions
        self._now = iso(now)
        self._read: dict[str, str] = {"": ""}

    def read(self, column: str, value: str) -> str:
        """Return the instant as UTC text with whole seconds; blank stays blank."""
        found = self._read.get(value)
        if found is None:
            found = self._read[value] = self._parse(column, value)
            if len(self._read) > 100_000:
                self._read = {"": ""}
        return found

    def _parse(self, column: str, value: str) -> str:
        assumptions = self._assumptions
        if assumptions.date_only == "midnight" and DATE_ONLY.fullmatch(value):
            value += "T00:00:00Z"
        if assumptions.fractional_seconds == "error" and "." in value:
            raise bad(column, f"{value!r} has fractions of a second")
        if assumptions.lower_case_tz == "error" and ("t" in value or "z" in value):
            raise bad(column, f"{value!r} is not an RFC 3339 date and time")
        try:
            return iso(instant(value))
        except ValueError as problem:
            raise bad(column, str(problem)) from problem

    def expiry(self, column: str, value: str) -> str:
        """Return an expiry date; one in the past is refused if the assumptions say so."""
        found = self.read(column, value)
        if found and self._assumptions.past_expiry == "error" and found <= self._now:
            raise bad(column, f"{value} is in the past")
        return found

    def in_order(self, start: str, end: str, column: str) -> None:
        """Refuse a start after the end, both as returned by `read`."""
        if start and end and start > end and self._assumptions.start_after_expiry == "error":
            raise bad(column, f"{end} is before the start {start}")


class Attributes:
    """Reads JSON cells against the custom attributes of one entity; the same text is read once."""

    def __init__(self, types: dict[str, str], *, mandatory: tuple[str, ...] = ()) -> None:
        self._types = types
        self._mandatory = mandatory
        self._read: dict[str, str] = {}

    def read(self, value: str) -> str:
        """Return the object as JSON text in the order of PostgreSQL's jsonb; blank is an empty object."""
        found = self._read.get(value)
        if found is None:
            found = self._read[value] = self._parse(value)
            if len(self._read) > 20_000:
                self._read = {}
        return found

    def _parse(self, value: str) -> str:
        try:
            given = json.loads(value, parse_constant=_no_constant) if value else {}
            shown = json.dumps(_sorted(given), ensure_ascii=False, allow_nan=False)
            shown.encode()
        except (ValueError, RecursionError) as problem:
            raise bad("attributes", f"{value!r} is not JSON") from problem
        if not isinstance(given, dict):
            raise bad("attributes", "a JSON object is needed")
        for name, held in given.items():
            self._check(name, held)
        missing = [name for name in self._mandatory if name not in given]
        if missing:
            raise bad("attributes", f"the attribute {missing[0]!r} is mandatory")
        return shown

    def _check(self, name: str, held: Any) -> None:
        kind = self._types.get(name)
        if kind is None:
            raise bad("attributes", f"the attribute {name!r} does not exist")
        inner = kind[6:-1] if kind.startswith("(list ") else None
        fits = isinstance(held, list) and all(_fits(inner, each) for each in held) if inner else _fits(kind, held)
        if not fits:
            raise bad("attributes", f"the attribute {name!r} takes a {kind}")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda key: (len(key.encode()), key))}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fits(kind: str, value: Any) -> bool:
    """Tell whether a JSON value is of an attribute's type; a location is an object or pair of two numbers."""
    if kind == "location":
        parts = list(value.values()) if isinstance(value, dict) else value
        return isinstance(parts, list) and len(parts) == 2 and all(_is_number(part) for part in parts)
    if kind == "time":
        return isinstance(value, str) and _is_instant(value)
    if kind == "number":
        return _is_number(value)
    return isinstance(value, bool if kind == "boolean" else str)


def _is_instant(value: str) -> bool:
    try:
        instant(value)
    except ValueError:
        return False
    return True
