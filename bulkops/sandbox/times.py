"""Instants: RFC 3339 text in, UTC text and epoch seconds out, and durations such as `2W_U`."""

import calendar
import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

RFC3339 = re.compile(
    r"(?P<date>[0-9]{4}-[0-9][0-9]-[0-9][0-9])(?P<t>[Tt])(?P<time>[0-9][0-9]:[0-9][0-9]:[0-9][0-9])(?P<fraction>\.[0-9]+)?(?P<zone>[Zz]|[+-][0-9][0-9]:[0-9][0-9])"
)
DATE_ONLY = re.compile(r"[0-9]{4}-[0-9][0-9]-[0-9][0-9]")
LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]")
OFFSET_WITHOUT_COLON = re.compile(r"T.*[+-][0-9]{4}$")
DURATION = re.compile(r"(?P<count>[0-9]+)(?:(?P<clock>[smh])|(?P<unit>[DWMY])(?:_(?P<round>[DU]))?)")
FOREVER = 9e15


def iso(moment: datetime) -> str:
    """Return `moment` as UTC text with whole seconds, as the exports print it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_micro(moment: datetime) -> str:
    """Return `moment` as UTC text with microseconds. Stored texts of this form sort by time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@lru_cache(maxsize=65536)
def instant(text: str) -> datetime:
    """Read an RFC 3339 date-time; raise `ValueError` with the reason for anything else."""
    found = RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an RFC 3339 date and time")
    fraction = (found["fraction"] or ".0")[1:7].ljust(6, "0")
    zone = "+00:00" if found["zone"] in "Zz" else found["zone"]
    try:
        return datetime.fromisoformat(f"{found['date']}T{found['time']}.{fraction}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise ValueError(f"{text!r} is not a date and time that exists") from problem


def filter_instant(text: str) -> datetime:
    """Read a query parameter's instant: without a time it is midnight UTC, without a zone it is UTC.

    The official SDK writes offsets without a colon (`+0000`), so they are accepted here.
    """
    if OFFSET_WITHOUT_COLON.search(text):
        text = f"{text[:-2]}:{text[-2:]}"
    if DATE_ONLY.fullmatch(text):
        return instant(f"{text}T00:00:00Z")
    if LOCAL_TIME.fullmatch(text):
        return instant(f"{text}Z")
    return instant(text)


def seconds(moment: datetime) -> float:
    """Return `moment` as seconds since 1970."""
    return moment.timestamp()


def end_of_duration(start: datetime, duration: str, zone: tzinfo) -> datetime:
    """Return when points that start at `start` expire; the calendar units are those of the program's zone.

    Raises `ValueError` for text that is not a duration: an integer and `s m h D W M Y`, with `_D` (days only)
    or `_U` (days, weeks, months, years) to round to the calendar unit.
    """
    found = DURATION.fullmatch(duration)
    if found is None or (found["round"] == "D" and found["unit"] != "D"):
        raise ValueError(f"{duration!r} is not a duration such as 30s, 1h, 5D, 10M or 2W_U")
    count = int(found["count"])
    try:
        if found["clock"]:
            return start + timedelta(seconds=count * {"s": 1, "m": 60, "h": 3600}[found["clock"]])
        local = _add_calendar(start.astimezone(zone), found["unit"], count)
        return _rounded(local, found["unit"], found["round"]).astimezone(UTC)
    except (OverflowError, ValueError) as problem:
        raise ValueError(f"{duration!r} ends beyond the calendar") from problem


def _add_calendar(local: datetime, unit: str, count: int) -> datetime:
    if unit in "DW":
        return local + timedelta(days=count * (7 if unit == "W" else 1))
    months = local.year * 12 + local.month - 1 + count * (12 if unit == "Y" else 1)
    year, month = months // 12, months % 12 + 1
    return local.replace(year=year, month=month, day=min(local.day, calendar.monthrange(year, month)[1]))


def _rounded(local: datetime, unit: str, rounding: str | None) -> datetime:
    if rounding is None:
        return local
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if rounding == "D":
        return midnight
    if unit == "D":
        return midnight + timedelta(days=1)
    if unit == "W":
        return midnight + timedelta(days=7 - midnight.weekday())
    if unit == "M":
        return _add_calendar(midnight.replace(day=1), "M", 1)
    return _add_calendar(midnight.replace(month=1, day=1), "Y", 1)
