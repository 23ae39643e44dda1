"""Convert timestamps to RFC 3339 wherever only one interpretation is possible."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bulkops.fixing.options import FileEvidence, FixOptions
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
    r" ?(?P<offset>[Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?(?P<zone>\[[A-Za-z_/+0-9-]+\])?$"
)
_RFC_1123 = re.compile(
    r"^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} "
    r"(?:GMT|UTC|UT|Z|[+-][0-9]{4})$"
)
_PLAIN_EPOCH = re.compile(
    r"^(?!20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])$)[0-9]{10}(?:\.[0-9]+)?$|^[0-9]{13}$"
)
"""Seconds or milliseconds since 1970 that cannot be a day and hour such as 2030123123.

Fewer digits are too long ago.
"""
_START, _END = timedelta(0), timedelta(hours=23, minutes=59, seconds=59)
_SERIAL_START = datetime(1899, 12, 30)  # noqa: DTZ001 - spreadsheets count local days


def repair_timestamp(
    text: str, column: str, cell: Timestamp, evidence: FileEvidence, options: FixOptions
) -> tuple[str, str] | None:
    """Return the rule and the repaired cell; None if the cell is valid or no interpretation is certain."""
    if _RIGHT.match(text) or text in cell.literals:
        return None
    if text.lower() in cell.literals:
        return "DAT108", text.lower()
    if (found := _ISO.match(text)) is not None:
        if found["zone"] and not found["offset"]:
            return None
        return _from_iso(found, cell, options)
    if _RFC_1123.match(text):
        return _from_rfc_1123(text)
    if re.match(patterns.EPOCH, text):
        return _from_epoch(text) if options.unsafe or _PLAIN_EPOCH.match(text) else None
    if (found := _LOCAL.match(text)) is not None:
        return _from_local(found, column, cell, evidence, options)
    if options.unsafe and re.match(patterns.SERIAL_DATE, text):
        moment = _SERIAL_START + timedelta(days=float(text))
        return _checked("DAT107", moment if "." in text else moment + (_time_of(cell, options) or _START), options)
    return None


def _time_of(cell: Timestamp, options: FixOptions) -> timedelta | None:
    """Return the time for a date without one; None if an end date may mean the start or the end of its day."""
    if not cell.expected_future:
        return _START
    if options.end_of_day is None:
        return _START if options.unsafe else None
    return _END if options.end_of_day else _START


def _from_iso(found: re.Match[str], cell: Timestamp, options: FixOptions) -> tuple[str, str] | None:
    code = "DAT106" if found["time"] is None else "DAT102" if found["offset"] is None else "TYP103"
    text = f"{found['day']}T{found['time'] or '00:00'}{found['seconds'] or ':00'}"
    if found["offset"] is not None:
        repaired = text + _offset(found["offset"])
        return (code, repaired) if _RIGHT.match(repaired) else None
    time = _time_of(cell, options) if found["time"] is None else _START
    if time is None:
        return None
    try:
        return _checked(code, datetime.fromisoformat(text) + time, options, fraction=text.partition(".")[2])
    except ValueError:
        return None


def _offset(text: str) -> str:
    if text in {"Z", "z", "UTC", "GMT"}:
        return "Z"
    digits = text[1:].replace(":", "").ljust(4, "0")
    return f"{text[0]}{digits[:2]}:{digits[2:]}"


def _from_rfc_1123(text: str) -> tuple[str, str] | None:
    """Return the moment of a date in the format of e-mails and web servers; None if its day of the week is wrong."""
    try:
        moment = parsedate_to_datetime(text.removesuffix("Z") + "+0000" if text.endswith("Z") else text)
    except ValueError:
        return None
    if "," in text and moment.strftime("%a") != text[:3]:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    repaired = aware.isoformat().replace("+00:00", "Z")
    return ("TYP103", repaired) if _RIGHT.match(repaired) else None


def _from_epoch(text: str) -> tuple[str, str] | None:
    seconds = float(text) / 1000 if len(text) >= 12 and "." not in text else float(text)
    moment = datetime.fromtimestamp(seconds, UTC)
    repaired = moment.isoformat().replace("+00:00", "Z")
    return ("DAT104", repaired) if _RIGHT.match(repaired) else None


def _from_local(
    found: re.Match[str], column: str, cell: Timestamp, evidence: FileEvidence, options: FixOptions
) -> tuple[str, str] | None:
    day_first = _day_first(found, column, evidence, options)
    time = _time_of(cell, options) if found["hour"] is None else _START
    if day_first is None or time is None:
        return None
    day, month = (found["first"], found["second"]) if day_first else (found["second"], found["first"])
    hour, minute, seconds = (int(found[name] or 0) for name in ("hour", "minute", "seconds"))
    try:
        moment = datetime(int(found["year"]), int(month), int(day), hour, minute, seconds)  # noqa: DTZ001 - the zone follows
    except ValueError:
        return None
    return _checked("DAT103", moment + time, options)


def _day_first(found: re.Match[str], column: str, evidence: FileEvidence, options: FixOptions) -> bool | None:
    """Return whether the day comes first in a date; None if unknown.

    The option of the user comes first, then the evidence of the column. Contradicting dates are not evidence.
    """
    first, second = int(found["first"]), int(found["second"])
    if options.day_first is not None:
        return options.day_first if (second if options.day_first else first) <= 12 else None
    if column in evidence.mixed_dates and not options.unsafe:
        return None
    shown = evidence.day_first.get(column)
    # With dots the day always comes first; with slashes and dashes this varies.
    if found["sign"] == ".":
        usual = second <= 12 and shown is not False
        return usual if usual or options.unsafe else None
    if second > 12:
        return False
    if shown is not None:
        return shown
    return True if first > 12 or options.unsafe else None


def _checked(code: str, moment: datetime, options: FixOptions, *, fraction: str = "") -> tuple[str, str] | None:
    """Return the rule and a local moment with the offset of the zone.

    None without a zone, or if the clock changes at that moment, unless `unsafe` allows a guess.
    """
    if options.zone is None:
        return None
    here = moment.replace(tzinfo=options.zone)
    # The moment occurs twice or not at all: the clock is put back or forward.
    ambiguous = here.utcoffset() != here.replace(fold=1).utcoffset()
    if ambiguous and not options.unsafe:
        return None
    offset = here.isoformat()[-6:]
    text = moment.isoformat(timespec="seconds") + (f".{fraction}" if fraction else "")
    repaired = text + ("Z" if offset == "+00:00" else offset)
    return (code, repaired) if _RIGHT.match(repaired) else None
