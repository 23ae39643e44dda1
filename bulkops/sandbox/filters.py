"""Query parameters as SQL conditions, with the meanings the API gives them."""

from collections.abc import Callable
from typing import Any

from bulkops.sandbox.answers import bad_parameter
from bulkops.sandbox.database import folded
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.times import FOREVER, filter_instant, iso, iso_micro


def one_of(call: Call, name: str, values: tuple[str, ...], default: str = "") -> str:
    """Return a parameter that takes one of some values, or refuse it with 400."""
    given = call.query.get(name, default)
    if given and given not in values:
        raise bad_parameter(name, f"{name} takes {', '.join(values)}, not {given!r}")
    return given


def flag(call: Call, name: str, *, default: bool = False) -> bool:
    """Return a boolean parameter."""
    return one_of(call, name, ("true", "false"), "true" if default else "false") == "true"


def whole(call: Call, name: str, *, default: int, least: int = 0, most: int = 2**62) -> int:
    """Return a whole number within limits, or refuse it with 400."""
    given = call.query.get(name)
    if given is None or not given:
        return default
    try:
        found = int(float(given))
    except (ValueError, OverflowError) as problem:
        raise bad_parameter(name, f"{given!r} is not a number") from problem
    if not least <= found <= most:
        raise bad_parameter(name, f"{name} is between {least} and {most}, not {found}")
    return found


def page(call: Call, default: int = 1000) -> tuple[int, int]:
    """Return `pageSize` (1 to 1000) and `skip`."""
    return whole(call, "pageSize", default=default, least=1, most=1000), whole(call, "skip", default=0)


def moment(call: Call, name: str, *, needed: bool = False) -> Any:
    """Return an instant parameter or None; a needed one that is missing is refused with 400."""
    given = call.query.get(name)
    if not given:
        if needed:
            raise bad_parameter(name, f"{name} is required")
        return None
    try:
        return filter_instant(given)
    except ValueError as problem:
        raise bad_parameter(name, str(problem)) from problem


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
        """Keep the rows that reads show by now; `versions` for tables whose rows are superseded."""
        self.also("since <= :now")
        return self.also("until > :now") if versions else self

    def equal(self, parameter: str, column: str) -> "Where":
        """Compare a column with a parameter, when it is given."""
        given = self._call.query.get(parameter)
        return self.also(f"{column} = :{parameter}", **{parameter: given}) if given else self

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
        given = one_of(self._call, "valid", tuple(clauses))
        return self.also(clauses[given], today=iso(self._call.state.now())) if given else self

    def usable(self) -> "Where":
        """Apply `usable`; nothing is ever redeemed here, so every code is usable and none is redeemed."""
        given = one_of(self._call, "usable", ("true", "false"))
        redeemed = one_of(self._call, "redeemed", ("true", "false"))
        if given and redeemed:
            raise bad_parameter("redeemed", "redeemed cannot be used together with usable")
        return self.also("0") if given == "false" or redeemed == "true" else self

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
    form = one_of(call, "dateFormat", ("excel", "ISO8601"), default)
    if form == "ISO8601":
        return _as_iso
    return _as_dashes if settings.excel_dates == "dashes" else _as_slashes


def _as_iso(stored: str) -> str:
    return f"{stored[:19]}Z" if stored else ""


def _as_dashes(stored: str) -> str:
    return stored[:19].replace("T", " ")


def _as_slashes(stored: str) -> str:
    return f"{stored[5:7]}/{stored[8:10]}/{stored[:4]} {stored[11:19]}" if stored else ""
