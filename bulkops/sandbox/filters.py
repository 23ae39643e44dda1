"""Query parameters, already checked, as values and as SQL conditions with the meanings the API gives them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bulkops.sandbox.database import folded
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.responses import bad_parameter
from bulkops.sandbox.times import FOREVER, filter_instant, iso, iso_micro


def flag(call: Call, name: str) -> bool:
    """Return a boolean parameter, false if it is not given."""
    return call.query.get(name) == "true"


def given_number(call: Call, name: str) -> float | None:
    """Return a number, or None if it is not given."""
    given = call.query.get(name)
    return None if given is None else float(given)


def page(call: Call, default: int = 1000) -> tuple[int, int]:
    """Return `pageSize` (1 to 1000) and `skip`."""
    return int(call.query.get("pageSize", default)), int(call.query.get("skip", 0))


def moment(call: Call, name: str) -> datetime | None:
    """Return an instant parameter, or None if it is not given."""
    given = call.query.get(name)
    return None if given is None else filter_instant(given)


def needed_moment(call: Call, name: str) -> datetime:
    """Return an instant parameter; one that is missing is refused with 400."""
    found = moment(call, name)
    if found is None:
        raise bad_parameter(name, f"{name} is required")
    return found


def made_within(call: Call, made: str, *stems: str) -> bool:
    """Return whether an instant passes all filters `{stem}Before` and `{stem}After`."""
    for stem in stems:
        before, after = moment(call, f"{stem}Before"), moment(call, f"{stem}After")
        if (before and iso(before) <= made) or (after and iso(after) >= made):
            return False
    return True


def listed(call: Call, name: str) -> list[str] | None:
    """Return a comma-separated or repeated parameter as a list; None when it is not given."""
    if name not in call.query:
        return None
    return [each for given in call.query.getlist(name) for each in given.split(",")]


class Where:
    """Conditions and their values for one query."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._clauses: list[str] = []
        self.values: dict[str, Any] = {"now": call.state.moment(), "forever": FOREVER}

    def __str__(self) -> str:
        return " AND ".join(self._clauses) or "1"

    def also(self, clause: str, **values: Any) -> "Where":
        """Add a condition."""
        self._clauses.append(clause)
        self.values.update(values)
        return self

    def visible(self, *, versions: bool = False) -> "Where":
        """Keep the rows that reads show by now; `versions` for tables that keep replaced rows."""
        self.also("since <= :now")
        return self.also("until > :now") if versions else self

    def equal(self, parameter: str, column: str) -> "Where":
        """Compare a column with a parameter, when it is given."""
        given = self._call.query.get(parameter)
        return self.also(f"{column} = :{parameter}", **{parameter: given}) if given else self

    def number(self, parameter: str, column: str) -> "Where":
        """Compare a column of numbers with a parameter, when it is given; 1.5 equals no id."""
        given = given_number(self._call, parameter)
        return self if given is None else self.also(f"{column} = :{parameter}", **{parameter: given})

    def between(self, stem: str, column: str, *, stored: Callable[[Any], str] = iso_micro) -> "Where":
        """Apply `{stem}Before` and `{stem}After`; rows without the date never match."""
        bound = "=" if self._call.state.assumptions.created_bounds == "inclusive" else ""
        for suffix, sign in (("Before", "<"), ("After", ">")):
            found = moment(self._call, stem + suffix)
            if found is not None:
                self.also(f"{column} <> '' AND {column} {sign}{bound} :{stem}{suffix}")
                self.values[stem + suffix] = stored(found)
        return self

    def valid(self) -> "Where":
        """Apply `valid`: expired, validNow or validFuture."""
        clauses = {
            "expired": "expirydate <> '' AND expirydate < :today",
            "validNow": "(startdate = '' OR startdate <= :today) AND (expirydate = '' OR expirydate >= :today)",
            "validFuture": "startdate <> '' AND startdate > :today",
        }
        given = self._call.query.get("valid")
        return self.also(clauses[given], today=iso(self._call.state.now())) if given else self

    def usable(self) -> "Where":
        """Apply `usable` and `redeemed`; a code is usable until it was redeemed as often as its limit says."""
        given, redeemed = self._call.query.get("usable"), self._call.query.get("redeemed")
        if given and redeemed:
            raise bad_parameter("redeemed", "redeemed cannot be used together with usable")
        if redeemed:
            return self.also("counter > 0" if redeemed == "true" else "counter = 0")
        left = "(limitval = 0 OR counter < limitval)"
        return self.also(left if given == "true" else f"NOT {left}") if given else self

    def code(self, parameter: str = "value") -> "Where":
        """Apply the code filter: exact but for case with `exactMatch`, else letters and digits anywhere."""
        given = self._call.query.get(parameter)
        if not given:
            return self
        if flag(self._call, "exactMatch"):
            return self.also("lower(value) = :code", code=given.lower())
        return self.also("instr(folded(value), :code) > 0", code=folded(given))


def date_printer(call: Call, *, sample: str) -> Callable[[str], str]:
    """Return how this export prints a stored instant; `sample` is the form of the documented sample."""
    settings = call.state.assumptions
    default = sample if settings.default_date_format == "as_samples" else settings.default_date_format
    form = call.query.get("dateFormat", default)
    if form == "ISO8601":
        return _as_iso
    return _as_dashes if settings.excel_dates == "dashes" else _as_slashes


def _as_iso(stored: str) -> str:
    return f"{stored[:19]}Z" if stored else ""


def _as_dashes(stored: str) -> str:
    return stored[:19].replace("T", " ")


def _as_slashes(stored: str) -> str:
    return f"{stored[5:7]}/{stored[8:10]}/{stored[:4]} {stored[11:19]}" if stored else ""
