"""List the operations that the contracts and exports of bulkops request, as data for a comparison."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bulkops.description.described import CellLimits, Key, TextLimits, path_shape
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.definition import Export
from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import Text
from bulkops_validators.model.contract import Contract, Form, Readback, Route
from bulkops_validators.model.operations import operations_of

PAGING = ("pageSize", "skip")


@dataclass(frozen=True, kw_only=True)
class ExpectedColumn:
    """A column of an import file, and its earlier names.

    `required`: every file must have it. `may_be_optional`: it is neither required nor recommended.
    """

    name: str
    required: bool = False
    may_be_optional: bool = True
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One operation. `where` is its contract or export; a field that is None is not compared.

    `columns` are the columns of an import, and `found` those of an export. `parameters` contains the choices of each
    parameter and whether it is required. `fields` are the limits of columns, by the field of the response that shows
    them.
    """

    where: str
    method: str
    path: str
    columns: tuple[ExpectedColumn, ...] | None = None
    found: tuple[str, ...] | None = None
    parameters: Mapping[str, tuple[tuple[str, ...], bool]] | None = None
    limits: TextLimits | None = None
    fields: Mapping[str, CellLimits] = field(default_factory=dict)
    deprecated: bool = False

    @property
    def key(self) -> Key:
        """The method and path that identify the operation."""
        return self.method, path_shape(self.path)


def expected_operations() -> dict[Key, Expected]:
    """Return every operation that a command can request; imports and exports precede other operations."""
    found: dict[Key, Expected] = {}
    imports = (_import(contract, route) for contract in CONTRACTS.values() for route in contract.routes)
    exports = (each for export in EXPORTS.values() for each in _export(export))
    others = (each for contract in CONTRACTS.values() for each in _others(contract))
    for each in (*imports, *exports, *others):
        found.setdefault(each.key, each)
    return found


def _import(contract: Contract, route: Route) -> Expected:
    limits = contract.limits
    options = {option.parameter: option for option in contract.options if option.parameter}
    alternatives = {name for rule in contract.exclusive if rule.whole_file for name in rule.columns}
    return Expected(
        where=contract.name,
        method="POST",
        path=route.path,
        columns=tuple(
            ExpectedColumn(
                name=column.name,
                required=column.required and column.name not in alternatives,
                may_be_optional=not (column.required or column.recommended),
                earlier=column.earlier_names,
            )
            for column in contract.columns
        ),
        parameters={name: (option.choices or (), False) for name, option in options.items()},
        limits=TextLimits(
            recommended_bytes=limits.recommended_bytes,
            max_records=limits.max_records,
            timeout_seconds=contract.timeout_seconds,
        ),
    )


def _export(export: Export) -> Iterator[Expected]:
    parameters = {f.parameter: (f.choices or f.known, f.required) for f in export.filters}
    parameters |= dict.fromkeys(export.id_filters, ((), False))
    if export.form is Form.PAGES:
        parameters |= dict.fromkeys(PAGING, ((), False))
    for path in export.paths:
        yield Expected(
            where=f"export {export.name}",
            method="GET",
            path=path,
            found=tuple(export.columns.split(",")) if export.columns else None,
            parameters=parameters,
            fields=_fields(export, path),
            deprecated=path in export.deprecated,
        )


def _fields(export: Export, path: str) -> dict[str, CellLimits]:
    """Return the limits of the columns of the contract that uses this list as its read-back."""
    for contract in CONTRACTS.values():
        for route in contract.routes:
            if export.form is Form.PAGES and route.readback is not None and route.readback.path == path:
                return _limits_of(contract, route.readback)
    return {}


def _limits_of(contract: Contract, readback: Readback) -> dict[str, CellLimits]:
    limits = {}
    for column in readback.columns:
        cell = contract.column(column.column).cell
        if isinstance(cell, Text):
            most = cell.recommended_max_length or cell.max_length
            limits[column.found[0]] = CellLimits(min_length=cell.min_length or None, max_length=most)
    return limits


def _others(contract: Contract) -> Iterator[Expected]:
    """Yield the operations that a contract needs besides its import and exports."""
    for operations in operations_of(contract).values():
        yield from (Expected(where=contract.name, method=o.method, path=o.path) for o in operations)
