"""Differences between what bulkops expects of the API and what a description says of it. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bulkops.description.described import CellLimits, Described, Description, TextLimits, folded
from bulkops.description.expected import Expected, ExpectedColumn, expected_operations

_BULK = re.compile(r"^(?:import|export)(?![a-z])|/(?:import|export)(?:_\w+)?$")
_PAGING = frozenset({"pagesize", "skip", "sort", "withtotalresultsize"})


@dataclass(frozen=True, kw_only=True)
class DescriptionDifference:
    """One difference. `ours` and `theirs` are what bulkops and the description say; blank where they say nothing."""

    kind: str
    where: str
    operation: str
    name: str = ""
    ours: str = ""
    theirs: str = ""
    message: str


@dataclass(frozen=True, kw_only=True)
class DescriptionComparison:
    """The differences, how many operations were compared, and what the description does not let compare."""

    source: str
    version: str
    described: int
    compared: int
    differences: tuple[DescriptionDifference, ...]
    unchecked: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the document of `bulkops contracts --diff --json`."""
        return asdict(self)


def compare_with(description: Description) -> DescriptionComparison:
    """Return how bulkops differs from a description."""
    expected, described = expected_operations(), description.operations
    shared = [key for key in expected if key in described]
    differences: list[DescriptionDifference] = []
    if description.whole:
        differences += [_missing(each) for key, each in expected.items() if key not in described]
    for key in shared:
        differences += _compared(expected[key], described[key], details=description.states_details)
    for key, each in described.items():
        if key not in expected and (_BULK.search(each.name) or _BULK.search(each.path)):
            differences.append(_unknown(each))
    return DescriptionComparison(
        source=description.source,
        version=description.version,
        described=len(described),
        compared=len(shared),
        differences=tuple(differences),
        unchecked=tuple(_unchecked(description, expected, shared)),
    )


def _missing(expected: Expected) -> DescriptionDifference:
    operation = f"{expected.method} {expected.path}"
    return DescriptionDifference(
        kind="operation-missing", where=expected.where, operation=operation, ours=operation,
        message="bulkops requests this operation; the description does not have it.",
    )  # fmt: skip


def _unknown(described: Described) -> DescriptionDifference:
    operation = f"{described.method} {described.path}"
    return DescriptionDifference(
        kind="operation-unknown", where=described.name, operation=operation, theirs=operation,
        message="The description has this import or export; bulkops does not know it.",
    )  # fmt: skip


def _compared(expected: Expected, described: Described, *, details: bool) -> Iterator[DescriptionDifference]:
    """Yield the differences of one operation; `details`: the description can state choices and deprecations."""
    say = _Saying(expected, described)
    if details and described.deprecated != expected.deprecated:
        yield say.deprecation()
    if expected.columns is not None:
        yield from say.columns(expected.columns)
    if expected.found is not None:
        yield from say.found(expected.found)
    if expected.parameters is not None:
        yield from say.parameters(expected.parameters, choices=details)
    if expected.limits is not None:
        yield from say.limits(expected.limits, described.limits)
    yield from say.fields(expected.fields, described.fields)


class _Saying:
    """The differences of one operation, as they are reported."""

    def __init__(self, expected: Expected, described: Described) -> None:
        self._expected = expected
        self._described = described

    def _told(
        self, kind: str, message: str, name: str = "", *, ours: object = "", theirs: object = ""
    ) -> DescriptionDifference:
        return DescriptionDifference(
            kind=kind, where=self._expected.where, operation=f"{self._expected.method} {self._expected.path}",
            name=name, ours=str(ours), theirs=str(theirs), message=message,
        )  # fmt: skip

    def deprecation(self) -> DescriptionDifference:
        """Return the difference that the operation is deprecated, or is not any more."""
        told = "The description calls the operation deprecated."
        if self._expected.deprecated:
            told = "bulkops calls the operation deprecated; the description does not."
        return self._told("deprecated", told, ours=self._expected.deprecated, theirs=self._described.deprecated)

    def columns(self, columns: tuple[ExpectedColumn, ...]) -> Iterator[DescriptionDifference]:
        """Yield the differences of the columns of an import file."""
        theirs = dict(self._described.columns) or dict.fromkeys(self._described.sample, "")
        theirs = {**dict.fromkeys(self._described.sample, ""), **theirs}
        if not theirs:
            return
        for column in columns:
            if column.name in theirs:
                yield from self._obligation(column, theirs[column.name])
            elif renamed := next((name for name in column.earlier if name in theirs), None):
                told = f"The description calls the column {renamed}; bulkops sends {column.name} unless told otherwise."
                yield self._told("column-renamed", told, column.name, ours=column.name, theirs=renamed)
            else:
                told = f"bulkops has the column {column.name}; the description does not."
                yield self._told("column-missing", told, column.name, ours=column.name)
        known = {name for column in columns for name in (column.name, *column.earlier)}
        for name in theirs:
            if name not in known:
                told = f"The description has the column {name}; bulkops refuses it."
                yield self._told("column-unknown", told, name, theirs=name)

    def _obligation(self, column: ExpectedColumn, said: str) -> Iterator[DescriptionDifference]:
        wrong = (said == "required" and not column.required) or (said == "optional" and not column.may_be_optional)
        if wrong:
            ours = "required" if column.required else "optional" if column.may_be_optional else "not called optional"
            told = f"The description calls the column {column.name} {said}; for bulkops it is {ours}."
            yield self._told("column-required", told, column.name, ours=ours, theirs=said)

    def found(self, columns: tuple[str, ...]) -> Iterator[DescriptionDifference]:
        """Yield the differences of the columns of an export; names in its texts alone are no columns for certain."""
        described = self._described
        theirs = {name.lower(): name for name in (*described.columns, *described.sample)}
        ours = {name.lower(): name for name in columns}
        for key in theirs.keys() - ours.keys():
            told = f"The description has the column {theirs[key]}; bulkops does not know it."
            yield self._told("column-unknown", told, theirs[key], theirs=theirs[key])
        mentioned = {name.lower() for name in described.named}
        for key in ours.keys() - theirs.keys() - mentioned if described.sample else ():
            told = f"bulkops expects the column {ours[key]}; the description does not mention it."
            yield self._told("column-missing", told, ours[key], ours=ours[key])

    def parameters(
        self, ours: Mapping[str, tuple[tuple[str, ...], bool]], *, choices: bool
    ) -> Iterator[DescriptionDifference]:
        """Yield the differences of the query parameters; those of paging and sorting are not offered everywhere."""
        known, theirs = {folded(name): name for name in ours}, self._described.parameters
        for key, name in known.items():
            if key not in theirs:
                told = f"bulkops can send the parameter {name}; the description does not have it."
                yield self._told("parameter-missing", told, name, ours=name)
                continue
            values, required = ours[name]
            if theirs[key].required != required:
                mine, other = ("required" if each else "optional" for each in (required, theirs[key].required))
                told = f"The description calls the parameter {name} {other}; for bulkops it is {mine}."
                yield self._told("parameter-required", told, name, ours=mine, theirs=other)
            if choices and values and theirs[key].choices and set(values) != set(theirs[key].choices):
                told = f"The parameter {name} takes other values."
                mine, other = ", ".join(values), ", ".join(theirs[key].choices)
                yield self._told("parameter-values", told, name, ours=mine, theirs=other)
        for key, parameter in theirs.items():
            if key not in known and key not in _PAGING:
                told = f"The description has the parameter {parameter.name}; bulkops does not offer it."
                yield self._told("parameter-unknown", told, parameter.name, theirs=parameter.name)

    def limits(self, ours: TextLimits, theirs: TextLimits) -> Iterator[DescriptionDifference]:
        """Yield the differences of the limits that the text states."""
        for name, mine in asdict(ours).items():
            other = getattr(theirs, name)
            if mine != other:
                shown, found = (f"{value:,.0f}" if value is not None else "none" for value in (mine, other))
                told = f"The limit {name} is {shown} for bulkops; the description says {found}."
                yield self._told("limit", told, name, ours=shown, theirs=found)

    def fields(
        self, ours: Mapping[str, CellLimits], theirs: Mapping[str, CellLimits]
    ) -> Iterator[DescriptionDifference]:
        """Yield the differences of the lengths of fields, where the description states a length."""
        for name, mine in ours.items():
            other = theirs.get(name)
            for end in ("min_length", "max_length") if other is not None else ():
                said, own = getattr(other, end), getattr(mine, end)
                if said is not None and said != own:
                    told = f"The {end} of the field {name} is {own} for bulkops; the description says {said}."
                    yield self._told("limit", told, name, ours=own, theirs=said)


def _unchecked(description: Description, expected: Mapping[Any, Expected], shared: list[Any]) -> Iterator[str]:
    """Yield what the description does not say, so that nobody takes it for compared."""
    if not description.states_details:
        yield "The values of parameters, lengths of fields and deprecations: pages of an SDK do not state them."
    if not description.whole:
        yield "Other operations: the file describes one path."
    silent = [
        expected[key]
        for key in shared
        if (expected[key].columns is not None and not description.operations[key].columns)
        or (expected[key].found is not None and not description.operations[key].sample)
    ]
    if silent:
        names = ", ".join(dict.fromkeys(each.where for each in silent))
        yield f"Whether columns are missing: the description lists them in part or not at all ({names})."
