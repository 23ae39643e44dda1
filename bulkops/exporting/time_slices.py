"""Decide how an export is cut into windows of time."""

import re
from dataclasses import dataclass
from datetime import timedelta

from bulkops.errors import UsageError
from bulkops.exporting.definition import Export, Window

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, kw_only=True)
class Steps:
    """How an export is cut: by which pair of filters, and how long each window is."""

    window: Window
    length: timedelta


def parse_length(text: str, *, option: str = "--window", unit: str = "", zero: bool = False) -> timedelta:
    """Return a duration such as 12h, 1d or 2w; UsageError, which names the option, for another text.

    `unit` is that of a number without one, if such a number is valid; so is 0 with `zero`.
    """
    found = re.fullmatch(r"([0-9]{1,9})([smhdw]?)", text.strip())
    if found is None or not (found[2] or unit) or not (int(found[1]) or zero):
        raise UsageError(f"{option} {text[:40]!r} is not a duration.", hint="Write it like 12h, 1d or 2w.")
    try:
        return timedelta(seconds=int(found[1]) * UNITS[found[2] or unit])
    except OverflowError:
        raise UsageError(f"{option} {text!r} is longer than the calendar.") from None


def steps_of(export: Export, length: str | None, by: str | None) -> Steps | None:
    """Return how to cut an export, None for not at all; UsageError if it cannot be cut so."""
    if length is None:
        return None
    ways = {window.by: window for window in export.windows}
    if not ways:
        raise UsageError(f"export {export.name} has no filters by time, so it takes no --window.")
    if by is not None and by not in ways:
        raise UsageError(f"export {export.name} is cut by {' or '.join(ways)}, not by {by!r}.")
    return Steps(window=ways[by] if by else export.windows[0], length=parse_length(length))
