"""Find the differences between the API that bulkops expects and a description of the API. Pure functions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bulkops.description.described import CellLimits, DescribedOperation, Description, TextLimits, folded
from bulkops.description.expected import Expected, ExpectedColumn, expected_operations

_BULK = re.compile(r"^(?:import|export)(?![a-z])|/(?:import|export)(?:_\w+)?$")
_PAGING = frozenset({"pagesize", "skip", "sort", "withtotalresultsize"})


@dataclass(frozen=True, kw_only=True)
class DescriptionDifference:
    """One difference. `ours` and `theirs` are the values of bulkops and of the description; blank if there is none."""

    kind: str
    where: str
    operation: str
    name: str = ""
    ours: str = ""
    theirs: str = ""
    message: str


@dataclass(frozen=True, kw_only=True)
class DescriptionComparison:
    """The differences, the number of compared operations, and the parts that could not be compared."""

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
    """Return the differences between bulkops and a description."""
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
        message="bulkops requests this operation; the description does not contain it.",
    )  # fmt: skip


def _unknown(described: DescribedOperation) -> DescriptionDifference:
    operation = f"{described.method} {described.path}"
    return DescriptionDifference(
        kind="operation-unknown", where=described.name, operation=operation, theirs=operation,
        message="The description contains this import or export; bulkops does not know it.",
    )  # fmt: skip


def _compared(expected: Expected, described: DescribedOperation, *, details: bool) -> Iterator[DescriptionDifference]:
    """Yield the differences of one operation; with `details`, the description can contain choices and deprecations."""
    compare = _OperationComparison(expected, described)
    if details and described.deprecated != expected.deprecated:
        yield compare.deprecation()
    if expected.columns is not None:
        yield from compare.columns(expected.columns)
    if expected.found is not None:
        yield from compare.found(expected.found)
    if expected.parameters is not None:
        yield from compare.parameters(expected.parameters, choices=details)
    if expected.limits is not None:
        yield from compare.limits(expected.limits, described.limits)
    yield from compare.fields(expected.fields, described.fields)


class _OperationComparison:
    """Compare one operation as expected and as described."""

    def __init__(self, expected: Expected, described: DescribedOperation) -> None:
        self._expected = expected
        self._described = described

    def _difference(
        self, kind: str, message: str, name: str = "", *, ours: object = "", theirs: object = ""
    ) -> DescriptionDifference:
        return DescriptionDifference(
            kind=kind, where=self._expected.where, operation=f"{self._expected.method} {self._expected.path}",
            name=name, ours=str(ours), theirs=str(theirs), message=message,
        )  # fmt: skip

    def deprecation(self) -> DescriptionDifference:
        """Return the difference between a deprecated and a current operation."""
        message = "The description calls the operation deprecated."
        if self._expected.deprecated:
            message = "bulkops calls the operation deprecated; the description does not."
        return self._difference(
            "deprecated", message, ours=self._expected.deprecated, theirs=self._described.deprecated
        )

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
                message = f"The description calls the column {renamed}; bulkops sends {column.name} by default."
                yield self._difference("column-renamed", message, column.name, ours=column.name, theirs=renamed)
            else:
                message = f"bulkops has the column {column.name}; the description does not."
                yield self._difference("column-missing", message, column.name, ours=column.name)
        known = {name for column in columns for name in (column.name, *column.earlier)}
        for name in theirs:
            if name not in known:
                message = f"The description has the column {name}; bulkops rejects it."
                yield self._difference("column-unknown", message, name, theirs=name)

    def _obligation(self, column: ExpectedColumn, stated: str) -> Iterator[DescriptionDifference]:
        wrong = (stated == "required" and not column.required) or (stated == "optional" and not column.may_be_optional)
        if wrong:
            ours = "required" if column.required else "optional" if column.may_be_optional else "not called optional"
            message = f"The description calls the column {column.name} {stated}; for bulkops it is {ours}."
            yield self._difference("column-required", message, column.name, ours=ours, theirs=stated)

    def found(self, columns: tuple[str, ...]) -> Iterator[DescriptionDifference]:
        """Yield the differences of the columns of an export; a name that occurs only in a text may not be a column."""
        described = self._described
        theirs = {name.lower(): name for name in (*described.columns, *described.sample)}
        ours = {name.lower(): name for name in columns}
        for key in theirs.keys() - ours.keys():
            message = f"The description has the column {theirs[key]}; bulkops does not know it."
            yield self._difference("column-unknown", message, theirs[key], theirs=theirs[key])
        mentioned = {name.lower() for name in described.named}
        for key in ours.keys() - theirs.keys() - mentioned if described.sample else ():
            message = f"bulkops expects the column {ours[key]}; the description does not mention it."
            yield self._difference("column-missing", message, ours[key], ours=ours[key])

    def parameters(
        self, ours: Mapping[str, tuple[tuple[str, ...], bool]], *, choices: bool
    ) -> Iterator[DescriptionDifference]:
        """Yield the differences of the query parameters; bulkops does not need every paging and sorting parameter."""
        known, theirs = {folded(name): name for name in ours}, self._described.parameters
        for key, name in known.items():
            if key not in theirs:
                message = f"bulkops can send the parameter {name}; the description does not contain it."
                yield self._difference("parameter-missing", message, name, ours=name)
                continue
            values, required = ours[name]
            if theirs[key].required != required:
                mine, other = ("required" if each else "optional" for each in (required, theirs[key].required))
                message = f"The description calls the parameter {name} {other}; for bulkops it is {mine}."
                yield self._difference("parameter-required", message, name, ours=mine, theirs=other)
            if choices and values and theirs[key].choices and set(values) != set(theirs[key].choices):
                message = f"The parameter {name} accepts other values."
                mine, other = ", ".join(values), ", ".join(theirs[key].choices)
                yield self._difference("parameter-values", message, name, ours=mine, theirs=other)
        for key, parameter in theirs.items():
            if key not in known and key not in _PAGING:
                message = f"The description has the parameter {parameter.name}; bulkops does not offer it."
                yield self._difference("parameter-unknown", message, parameter.name, theirs=parameter.name)

    def limits(self, ours: TextLimits, theirs: TextLimits) -> Iterator[DescriptionDifference]:
        """Yield the differences of the limits that the text states."""
        for name, mine in asdict(ours).items():
            other = getattr(theirs, name)
            if mine != other:
                shown, found = (f"{value:,.0f}" if value is not None else "none" for value in (mine, other))
                message = f"The limit {name} is {shown} for bulkops; the description says {found}."
                yield self._difference("limit", message, name, ours=shown, theirs=found)

    def fields(
        self, ours: Mapping[str, CellLimits], theirs: Mapping[str, CellLimits]
    ) -> Iterator[DescriptionDifference]:
        """Yield the differences of the lengths of fields, where the description states a length."""
        for name, mine in ours.items():
            other = theirs.get(name)
            for end in ("min_length", "max_length") if other is not None else ():
                stated, own = getattr(other, end), getattr(mine, end)
                if stated is not None and stated != own:
                    message = f"The {end} of the field {name} is {own} for bulkops; the description says {stated}."
                    yield self._difference("limit", message, name, ours=own, theirs=stated)


def _unchecked(description: Description, expected: Mapping[Any, Expected], shared: list[Any]) -> Iterator[str]:
    """Yield the facts that the description does not state, so that the report lists them as not compared."""
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
