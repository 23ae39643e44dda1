"""Timestamps brought to RFC 3339, as far as only one reading is possible."""

import re
from datetime import UTC, datetime, timedelta

from bulkops.fixing.options import FixOptions, Knowledge
from bulkops_validators.model import patterns
from bulkops_validators.model.cells import Timestamp

_RIGHT = re.compile(patterns.TIMESTAMP)
_LOCAL = re.compile(
    r"^(?P<first>[0-9]{1,2})(?P<sign>[/.-])(?P<second>[0-9]{1,2})[/.-](?P<year>[0-9]{4})"
    r"(?:,?[ T]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<seconds>[0-9]{2}))?)?$"
)
_ISO = re.compile(
    r"^(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2})(?P<seconds>:[0-9]{2}(?:\.[0-9]+)?)?"
    r" ?(?P<offset>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
_SERIAL_START = datetime(1899, 12, 30)  # noqa: DTZ001 - spreadsheets count local days


def repair_timestamp(
    text: str, column: str, cell: Timestamp, knowledge: Knowledge, options: FixOptions
) -> tuple[str, str] | None:
    """Return the rule and the repaired cell, or None if it is right or no reading is certain."""
    if _RIGHT.match(text) or text in cell.literals:
        return None
    if text.lower() in cell.literals:
        return "DAT108", text.lower()
    if (found := _ISO.match(text)) is not None:
        return _from_iso(found, options)
    if re.match(patterns.EPOCH, text):
        return _from_epoch(text)
    if (found := _LOCAL.match(text)) is not None:
        return _from_local(found, column, knowledge, options)
    if options.unsafe and re.match(patterns.SERIAL_DATE, text):
        return _checked("DAT107", _SERIAL_START + timedelta(days=float(text)), options)
    return None


def _from_iso(found: re.Match[str], options: FixOptions) -> tuple[str, str] | None:
    code = "DAT106" if found["time"] is None else "DAT102" if found["offset"] is None else "TYP103"
    text = f"{found['day']}T{found['time'] or '00:00'}{found['seconds'] or ':00'}"
    if found["offset"] is not None:
        repaired = text + _offset(found["offset"])
        return (code, repaired) if _RIGHT.match(repaired) else None
    try:
        return _checked(code, datetime.fromisoformat(text), options, fraction=text.partition(".")[2])
    except ValueError:
        return None


def _offset(text: str) -> str:
    if text in {"Z", "z"}:
        return "Z"
    digits = text[1:].replace(":", "").ljust(4, "0")
    return f"{text[0]}{digits[:2]}:{digits[2:]}"


def _from_epoch(text: str) -> tuple[str, str] | None:
    seconds = float(text) / 1000 if len(text) >= 12 and "." not in text else float(text)
    moment = datetime.fromtimestamp(seconds, UTC)
    repaired = moment.isoformat().replace("+00:00", "Z")
    return ("DAT104", repaired) if _RIGHT.match(repaired) else None


def _from_local(found: re.Match[str], column: str, knowledge: Knowledge, options: FixOptions) -> tuple[str, str] | None:
    day_first = _day_first(found, options, shown=knowledge.day_first.get(column))
    if day_first is None:
        return None
    day, month = (found["first"], found["second"]) if day_first else (found["second"], found["first"])
    hour, minute, seconds = (int(found[name] or 0) for name in ("hour", "minute", "seconds"))
    try:
        moment = datetime(int(found["year"]), int(month), int(day), hour, minute, seconds)  # noqa: DTZ001 - the zone follows
    except ValueError:
        return None
    return _checked("DAT103", moment, options)


def _day_first(found: re.Match[str], options: FixOptions, *, shown: bool | None) -> bool | None:
    """Return whether the day comes first in a date; `shown` is what its column shows. None: nobody knows."""
    first, second = int(found["first"]), int(found["second"])
    if found["sign"] == ".":  # written with the day first wherever dots are used, which slashes and dashes are not
        return True if second <= 12 else False if options.unsafe else None
    if second > 12:
        return False
    if shown is not None:
        return shown
    return True if first > 12 or options.unsafe else None


def _checked(code: str, moment: datetime, options: FixOptions, *, fraction: str = "") -> tuple[str, str] | None:
    """Return a local moment with the zone's offset, if there is a zone and the moment exists there once."""
    if options.zone is None:
        return None
    here = moment.replace(tzinfo=options.zone)
    twice = here.utcoffset() != here.replace(fold=1).utcoffset()  # the clock is put back, or forward
    if twice and not options.unsafe:
        return None
    offset = here.isoformat()[-6:]
    text = moment.isoformat(timespec="seconds") + (f".{fraction}" if fraction else "")
    repaired = text + ("Z" if offset == "+00:00" else offset)
    return (code, repaired) if _RIGHT.match(repaired) else None
