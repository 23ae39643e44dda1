"""From the options of an export to one GET: the path, the ids, the query parameters. Pure functions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from bulkops.errors import UsageError
from bulkops.exporting.definition import Export, Filter, Kind, Window, placeholders
from bulkops.readback.fetch.download import GetRequest
from bulkops.readback.fetch.times import rfc3339

DOTS = ("", ".", "..")
BOUNDS = (("-after", "-before"), ("-start", "-end"))
"""How the names of two filters end that bound the same instant."""

Value = str | tuple[str, ...]
"""A filter as it is sent; several texts where its parameter is repeated."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One export with the chosen ids and filters.

    `ids` fill the path and the id filters; `values` are filters by option name.
    """

    export: Export
    ids: Mapping[str, int | str]
    values: Mapping[str, Value] = field(default_factory=dict)

    def question(self) -> GetRequest:
        """Return the GET; UsageError names the option that is missing or not valid."""
        try:
            path = self.export.path(self.ids)
        except LookupError as error:
            missing = " and ".join(f"--{name}" for name in error.args)
            raise UsageError(f"export {self.export.name} needs {missing}.") from None
        params: dict[str, Value] = {
            parameter: str(self.ids[name])
            for parameter, name in self.export.id_filters.items()
            if name in self.ids and name not in placeholders(path)
        }
        for declared in self.export.filters:
            value = self.values.get(declared.name, declared.default)
            if value is not None:
                params[declared.parameter] = checked(declared, value)
            elif declared.required:
                raise UsageError(f"export {self.export.name} needs --{declared.name}.")
        _refuse_reversed(self.export, params)
        ids = {name: self.ids[name] for name in placeholders(path)}
        for name, given in ids.items():
            if str(given).strip() in DOTS:
                raise UsageError(f"--{name} {str(given)!r} names nothing: it would lead to another path.")
        columns = frozenset(self.export.columns.lower().split(",")) - {""}
        return GetRequest(path=path, ids=ids, params=params, columns=columns)

    def between(self, window: Window, after: datetime, before: datetime) -> "Request":
        """Return the same request, bounded to a window."""
        values = {**self.values, window.after: rfc3339(after), window.before: rfc3339(before)}
        return replace(self, values=values)


def request_of(
    export: Export, ids: Mapping[str, int], names: Mapping[str, int | str], filters: Mapping[str, object]
) -> Request:
    """Return a request from values as a program has them; UsageError for a name or a filter that there is none of."""
    own, known = {p.name for p in export.path_names}, {f.name for f in export.filters}
    if unknown := sorted(set(names) - own):
        raise UsageError(f"The export {export.name} has no {unknown[0]!r}.", hint=_listed("names", own))
    if unknown := sorted(set(filters) - known):
        raise UsageError(f"The export {export.name} has no filter {unknown[0]!r}.", hint=_listed("filters", known))
    given = {name: value for name, value in ids.items() if name in export.ids}
    values = {name: _as_value(export.filter(name), value) for name, value in filters.items() if value is not None}
    return Request(export=export, ids={**given, **names}, values=values or export.all_rows)


def _as_value(declared: Filter, value: object) -> Value:
    if declared.kind is Kind.REPEATED:
        return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)
    return _as_text(value)


def _listed(what: str, known: set[str]) -> str:
    return f"Its {what}: {', '.join(sorted(known)) or 'none'}."


def _as_text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case datetime() | date():
            return value.isoformat()
        case list() | tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)


def checked(declared: Filter, value: Value) -> Value:
    """Return a filter's value in the form of the API; UsageError if it is not valid."""
    if isinstance(value, tuple):
        if not all(item.strip() for item in value):
            raise UsageError(f"--{declared.name} must not be blank.")
        return value
    match declared.kind:
        case Kind.INSTANT:
            return rfc3339(instant(value, option=declared.name))
        case Kind.CHOICE if value not in declared.choices:
            raise UsageError(f"--{declared.name} is one of {', '.join(declared.choices)}, not {value!r}.")
        case Kind.SWITCH if value not in ("true", "false"):
            raise UsageError(f"--{declared.name} is true or false, not {value!r}.")
        case Kind.INTEGER if not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            raise UsageError(f"--{declared.name} is a whole number, not {value!r}.")
        case Kind.LIST:
            items = [item.strip() for item in value.split(",") if item.strip() or declared.blank_item]
            unknown = [item for item in items if declared.known and item not in declared.known]
            if unknown:
                raise UsageError(f"--{declared.name} takes {', '.join(declared.known)}, not {unknown[0]!r}.")
            return ",".join(items)
        case _:
            return value


def _refuse_reversed(export: Export, params: Mapping[str, str | tuple[str, ...]]) -> None:
    """Raise UsageError if the lower bound of a pair of instants lies after its upper bound: no row could match."""
    instants = {declared.name: declared.parameter for declared in export.filters if declared.kind is Kind.INSTANT}
    for lower, upper in BOUNDS:
        for name, parameter in instants.items():
            other = name.removesuffix(lower) + upper
            if not name.endswith(lower) or not {parameter, instants.get(other)} <= set(params):
                continue
            first, last = params[parameter], params[instants[other]]
            if datetime.fromisoformat(str(first)) > datetime.fromisoformat(str(last)):
                raise UsageError(
                    f"--{name} {first} is later than --{other} {last}: the period ends before it begins.",
                    hint="Swap the two.",
                )


def instant(text: str, *, option: str) -> datetime:
    """Return an instant: RFC 3339, or a date, which means its midnight; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"--{option} {text!r} is not an instant.", hint="Write it like 2026-11-01T00:00:00Z, or 2026-11-01."
        ) from None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise UsageError(f"--{option} {text!r} lies outside the years 1 to 9999 in UTC.") from None
