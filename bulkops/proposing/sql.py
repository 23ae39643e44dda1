"""The SQL of proposed columns, with the helper functions of recipes."""

from bulkops.proposing.forms import ColumnReading
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


def undecided(text: str) -> str:
    """Return an expression that stops the run with a text."""
    return f"error({literal(text)})"
