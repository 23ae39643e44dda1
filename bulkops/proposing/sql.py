"""The SQL of proposed columns, with the helper functions of recipes."""

import json
from collections.abc import Iterator
from contextlib import suppress

from bulkops.proposing.forms import ColumnReading
from bulkops.proposing.profile import SourceColumnProfile
from bulkops.sql import literal, quoted

ZONE = "${zone}"
"""The variable of the recipe with the time zone of values that have none."""


def cleaned(name: str) -> str:
    """Return the text of a column without surrounding blanks."""
    return f"clean({quoted(name)})"


def without(name: str, blanks: tuple[str, ...]) -> str:
    """Return a column in which words for a missing value are blank."""
    sql = quoted(name)
    for word in blanks:
        sql = f"nullif({sql}, {literal(word)})"
    return sql


def date(name: str, reading: ColumnReading, blanks: tuple[str, ...], *, end: bool) -> str:
    """Return a date as an instant; an end without a time is the last second of its day."""
    value = without(name, blanks)
    if reading.form == "seconds":
        return f"unix_instant({value})"
    if reading.form == "milliseconds":
        return f"unix_instant(left(clean({value}), -3))"
    if reading.form == "iso":
        if reading.has_zone:
            return f"iso_instant({value})"
        if reading.has_time or not end:
            return f"iso_instant({value}, '{ZONE}')"
        return f"end_of_day({value}, '%Y-%m-%d', '{ZONE}')"
    helper = "end_of_day" if end and not reading.has_time else "instant"
    return f"{helper}({value}, {literal(reading.form)}, '{ZONE}')"


def number(name: str, reading: ColumnReading, blanks: tuple[str, ...]) -> str:
    """Return a number with a decimal point."""
    value = without(name, blanks)
    return f"clean({value})" if reading.form == "integer" else f"decimal_{reading.form}({value})"


def list_element(name: str, profile: SourceColumnProfile) -> tuple[str, str]:
    """Return the expression of one element of a JSON list, and the `unnest:` of the step that it needs."""
    step = f"with `unnest: {{element: 'json_texts({quoted(name)})'}}` in the step"
    keys = next((list(each) for each in _elements(profile) if isinstance(each, dict)), [])
    if not keys:
        return "clean(element)", step
    members = ", ".join(keys)
    return f"json_extract_string(element, {literal(f'$.{quoted(keys[0])}')})", f"{step}; an element has {members}"


def _elements(profile: SourceColumnProfile) -> Iterator[object]:
    """Yield the elements of the example lists; nothing for one that is no JSON."""
    for example in profile.examples:
        with suppress(ValueError, RecursionError):
            yield from json.loads(example)


def undecided(text: str) -> str:
    """Return an expression that stops the run with a text."""
    return f"error({literal(text)})"
