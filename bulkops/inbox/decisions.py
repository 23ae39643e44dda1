"""Decide which files of an inbox are complete, in which order they are imported, and which are unexpected. Pure."""

import json
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from fnmatch import fnmatchcase
from typing import Any, get_args
from unicodedata import normalize

from bulkops.configuration_tables import Day, ExpectTable, InboxFilesTable, InboxTable
from bulkops.names import COMPRESSED, with_ending
from bulkops.remote.versions import StoredFile
from bulkops.wording import counted

TEMPORARY = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".swp", ".lock", "~")
"""Ends of names that programs use for files that they are still writing."""
REJECTED = re.compile(r"\.rejected-([0-9a-f]{12})(?=\.|$)")
"""The mark in the name of a file of rejected records, by which its correction is recognised."""
REASONS = ".reasons.csv"
"""The end of the name of the file with the reasons, which lies beside it."""
USUAL_OF, USUAL_FROM = 10, 3
"""The usual number of records is the median of so many files at most, and of so many at least."""
LATEST_DUES = 7
"""Number of days that are searched for a file that was due."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
WEEK = get_args(Day)
EXITS = (0, 1, 5, 3, 2, 4, 130)
"""Exit codes by how much attention they need: the last one of the files of a pass is that of the pass."""


@dataclass(frozen=True, kw_only=True)
class InboxListing:
    """The files of an inbox by kind: data files, their markers or manifests, and unknown files.

    `companions` has the marker or manifest of a data file by the name of the data file.
    """

    data: Sequence[StoredFile]
    companions: Mapping[str, StoredFile]
    unknown: Sequence[StoredFile]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The properties of a file that the partner announces; None for a missing one."""

    records: int | None = None
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Why a file waits."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Due:
    """A time at which a file must be in, and whether one was: `late` if it came afterwards."""

    at: datetime
    met: bool
    late: bool = False


def seconds_of(length: str) -> float:
    """Return the seconds of a duration such as 2m."""
    return float(int(length[:-1]) * UNITS[length[-1]])


def stem_of(name: str) -> str:
    """Return a file name without the suffix of its compression and of its format."""
    for suffix in COMPRESSED:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    before, dot, _ = name.rpartition(".")
    return before if dot and before else name


def companion_name(template: str, name: str) -> str:
    """Return the name of the marker or manifest of a file."""
    return template.replace("{name}", name).replace("{stem}", stem_of(name))


def _companion_pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{name\}|\{stem\}", template)
    return re.compile(".+".join(map(re.escape, parts)))


def entry_of(table: InboxTable, name: str) -> InboxFilesTable | None:
    """Return the first table with a pattern that matches a name; None without such a table."""
    composed = normalize("NFC", name)  # some systems store an accent as a character of its own
    return next(
        (each for each in table.files if any(fnmatchcase(composed, normalize("NFC", one)) for one in each.match)), None
    )


def correction_of(name: str) -> str | None:
    """Return the mark in the name of a corrected file; None for any other file."""
    found = REJECTED.search(name)
    return found[1] if found else None


def rejected_name(name: str, mark: str) -> str:
    """Return the name of the file of rejected records of a file; it keeps the suffix and matches the same patterns.

    A very long name is shortened.
    """
    plain = name
    for suffix in COMPRESSED:
        if plain.lower().endswith(suffix):
            plain = plain[: -len(suffix)]
    plain = REJECTED.sub("", plain)
    stem, dot, suffix = plain.rpartition(".")
    ending = f".rejected-{mark}.{suffix}" if dot and stem else f".rejected-{mark}"
    return with_ending(stem if dot and stem else plain, ending, room=len(REASONS))


def sort_listing(table: InboxTable, files: Iterable[StoredFile], corrections: Iterable[str] = ()) -> InboxListing:
    """Return the files of an inbox by kind. Hidden and temporary files are left out.

    `corrections` are the marks of files of rejected records that this inbox has written.
    """
    seen = [each for each in files if not each.name.startswith(".") and not each.name.lower().endswith(TEMPORARY)]
    template = table.marker or table.manifest
    known = frozenset(corrections)
    by_name = {each.name: each for each in seen}
    is_companion = _companion_pattern(template).fullmatch if template else lambda _: None
    data, unknown, companions = [], [], {}
    for each in seen:
        if is_companion(each.name):
            continue
        if entry_of(table, each.name) is None and correction_of(each.name) not in known:
            unknown.append(each)
            continue
        data.append(each)
        if template and (companion := by_name.get(companion_name(template, each.name))) is not None:
            companions[each.name] = companion
    return InboxListing(data=in_order(table, data), companions=companions, unknown=in_order(table, unknown))


def in_order(table: InboxTable, files: Iterable[StoredFile]) -> list[StoredFile]:
    """Return files in the order in which they are imported."""
    if table.order == "name":
        return sorted(files, key=lambda each: each.name)
    return sorted(files, key=lambda each: (each.modified, each.name))


def at_rest(
    table: InboxTable, file: StoredFile, *, now: float, seen_since: float, companion: StoredFile | None
) -> Waiting | None:
    """Return why a file is not complete yet; None if it is.

    With a marker or manifest only that decides. Otherwise the file must be unchanged for `quiet`: by its own times, or
    by `seen_since`, the time since which it has been seen in this version, if the clock of the place is ahead.
    """
    template = table.marker or table.manifest
    if template is not None:
        if companion is None:
            return Waiting(reason=f"{companion_name(template, file.name)} is missing")
        return None
    quiet = seconds_of(table.quiet)
    unchanged = max(now - file.modified, now - seen_since)
    if unchanged < quiet:
        return Waiting(reason=f"it changed {max(unchanged, 0):,.0f} s ago; it must be unchanged for {table.quiet}")
    return None


def parse_manifest(text: str, name: str) -> Manifest:
    """Return the properties of a file in a manifest; ValueError describes an invalid manifest.

    A manifest is an object with `records`, `bytes` and `sha256`, or with a list of such objects, each with the `name`
    of its file, under `files`. At least one of the three is required.
    """
    document: Any = json.loads(text)
    if isinstance(document, dict) and isinstance(listed := document.get("files"), list):
        named = [each for each in listed if isinstance(each, dict) and each.get("name") == name]
        if not named:
            msg = f"it does not list {name}"
            raise ValueError(msg)
        document = named[0]
    if not isinstance(document, dict):
        msg = "it must be an object with records, bytes or sha256"
        raise ValueError(msg)  # noqa: TRY004 - the caller reports every problem of a manifest alike
    found = {key: document[key] for key in ("records", "bytes", "sha256") if document.get(key) is not None}
    if not found:
        msg = "it contains none of records, bytes and sha256"
        raise ValueError(msg)
    for key, value in found.items():
        right = isinstance(value, str) if key == "sha256" else type(value) is int and value >= 0
        if not right:
            msg = f"{key} must be {'a text' if key == 'sha256' else 'a whole number'}"
            raise ValueError(msg)
    if "sha256" in found:
        found["sha256"] = found["sha256"].lower()
    return Manifest(**found)


def differs_from_manifest(manifest: Manifest, *, size: int, sha256: str) -> str | None:
    """Return how the bytes of a file differ from its manifest; None if they do not."""
    if manifest.bytes is not None and manifest.bytes != size:
        return f"it has {counted(size, 'byte')}; its manifest says {manifest.bytes:,}"
    if manifest.sha256 is not None and manifest.sha256 != sha256:
        return f"its SHA-256 is {sha256}; its manifest says {manifest.sha256[:80]}"
    return None


def usual_records(history: Sequence[int]) -> float | None:
    """Return the usual number of records, from those of earlier files, the latest last; None if there are too few."""
    latest = history[-USUAL_OF:]
    return statistics.median(latest) if len(latest) >= USUAL_FROM else None


def unexpected(expect: ExpectTable, records: int, history: Sequence[int]) -> str | None:
    """Return how the number of records differs from the expected number; None if it does not."""
    if not records and (expect.not_empty or expect.min_records):
        return "it contains no records"
    if expect.min_records is not None and records < expect.min_records:
        return f"it has {counted(records, 'record')}; at least {expect.min_records:,} are expected"
    if expect.max_records is not None and records > expect.max_records:
        return f"it has {counted(records, 'record')}; at most {expect.max_records:,} are expected"
    usual = usual_records(history)
    if expect.change is None or usual is None:
        return None
    allowed = usual * float(expect.change.rstrip("%")) / 100
    if abs(records - usual) > allowed:
        return (
            f"it has {counted(records, 'record')}; {usual:,.0f} are usual, and {expect.change} more or less is allowed"
        )
    return None


def dues(
    expect: ExpectTable, arrivals: Iterable[datetime], *, now: datetime, since: datetime, zone: tzinfo | None = None
) -> list[Due]:
    """Return the due times until now, the oldest first, and whether a file was in for each.

    A file counts for one due time only: for the first one that it is not too old for and that lacks a file. All files
    that arrive in time for the same due time count for it together. Due times before `since` are not checked. `zone` is
    the time zone of the due times.
    """
    times = _due_times(expect, now=now, since=since, zone=zone)
    left = sorted(arrivals)
    found = []
    for number, at in enumerate(times):
        before = times[number - 1] if number else at - timedelta(days=LATEST_DUES)
        on_time = [each for each in left if before < each <= at]
        if on_time:
            left = [each for each in left if each > at]
            found.append(Due(at=at, met=True))
            continue
        later = [each for each in left if each > at]
        # A late file counts only if it arrived before the next file was due.
        following = times[number + 1] if number + 1 < len(times) else now
        late = [each for each in later if each <= following]
        if late:
            left = later[1:]
        found.append(Due(at=at, met=bool(late), late=bool(late)))
    return found


def overdue(found: Sequence[Due]) -> Due | None:
    """Return the latest due time if no file was in for it; None otherwise."""
    return found[-1] if found and not found[-1].met else None


def _due_times(expect: ExpectTable, *, now: datetime, since: datetime, zone: tzinfo | None) -> list[datetime]:
    """Return the due times from `since` until now, the oldest first."""
    if expect.due is None:
        return []
    local = now.astimezone(zone)
    moment = time.fromisoformat(expect.due)
    days = [local.date() - timedelta(days=back) for back in range(LATEST_DUES, -1, -1)]
    chosen = [day for day in days if WEEK[day.weekday()] in expect.days]
    # Without a zone, each time gets the offset that this machine has on its day.
    times = [datetime.combine(day, moment, tzinfo=zone).astimezone(zone) for day in chosen]
    return [at for at in times if since < at <= now]


def exit_of(codes: Iterable[int]) -> int:
    """Return the exit code of several: the one that needs most attention."""
    return max(codes, key=lambda code: EXITS.index(code) if code in EXITS else len(EXITS), default=0)
