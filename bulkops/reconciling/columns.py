"""Check that a file and a read-back have the columns that a comparison needs, and list the ones that are missing."""

from collections.abc import Collection, Sequence

import polars as pl

from bulkops.errors import DataError
from bulkops.readback.compare.canonical import by_lower
from bulkops.readback.compare.staging import SENT, RowSets
from bulkops.readback.parse.tables import LINE, RECORD
from bulkops.sql import quoted
from bulkops_validators.model.contract import Contract, Form, Readback, ReadColumn


def core_columns(contract: Contract, readback: Readback) -> tuple[str, ...]:
    """Return the columns that identify a record: the required ones, and groups in which one must be filled."""
    filled = {*contract.required_names, *_alternatives(contract)}
    return tuple(c.column for c in readback.columns if c.column in filled)


def measures(contract: Contract) -> tuple[str, ...]:
    """Return the core columns that contain an amount instead of an identifier."""
    amount = contract.amount_column
    return (amount,) if amount else ()


def refuse_other_file(contract: Contract, frame: pl.DataFrame, name: str) -> None:
    """Raise DataError if the file to compare lacks a column that identifies its records."""
    names = by_lower(_written(frame))
    known = {column for name, column in contract.header_names.items() if name.lower() in names}
    missing = [c for c in contract.required_names if c not in known]
    alternatives = _alternatives(contract)
    if not missing and alternatives and not any(c.lower() in names for c in alternatives):
        missing = [" or ".join(alternatives)]
    if missing:
        raise DataError(
            f"{name} has no column {missing[0]!r}; it has {_listed(frame)}.",
            hint=f"Run `bulkops validate {contract.name} {name}` to see all findings.",
        )


def refuse_other_rows(contract: Contract, readback: Readback, frame: pl.DataFrame, name: str, *, scoped: bool) -> None:
    """Raise DataError if found rows lack an identifying column, as the rows of another export do.

    With `scoped`, only rows of known imports count, so multiset rows must also have the import id.
    """
    written = _written(frame)
    if readback.form is Form.PAGES and frame.is_empty() and not written:
        return  # an empty page has no columns
    names = by_lower(written)
    if scoped and readback.multiset and readback.import_id and readback.import_id.lower() not in names:
        raise DataError(
            f"{name} has no column {readback.import_id!r}, so the rows of these imports cannot be identified; "
            f"it has {_listed(frame)}.",
            hint="Save the export with all its columns.",
        )
    if missing := _missing_identifier(contract, readback, names):
        raise DataError(
            f"{name} has no column {' or '.join(map(repr, missing))}; it has {_listed(frame)}.",
            hint=f"Is it the export of {contract.name}?",
        )


def _missing_identifier(contract: Contract, readback: Readback, names: Collection[str]) -> Sequence[str]:
    """Return the accepted names of the first identifying column that is not in `names` (lower case); empty if none.

    Of the alternative columns of a contract, one is enough.
    """
    identifying = core_columns(contract, readback) if readback.multiset else readback.key
    alternatives = _alternatives(contract)
    present = {c.column for c in readback.columns if any(n.lower() in names for n in c.found)}
    required = [c for c in readback.columns if c.column in identifying and c.column not in alternatives]
    choices = [] if present & set(alternatives) else [c for c in readback.columns if c.column in alternatives]
    return next((c.found for c in (*required, *choices) if c.column not in present), ())


def unseen(sets: RowSets, not_compared: Collection[str]) -> tuple[str, ...]:
    """Return those of the columns that were not compared that the file fills."""
    absent = [c for c in sets.readback.columns if c.column in not_compared]
    return tuple(c.column for c in absent if _filled(sets, c))


def _filled(sets: RowSets, column: ReadColumn) -> bool:
    return bool(sets.aside.filled.get(column.column)) or records_filled(sets, SENT, column) > 0


def records_filled(sets: RowSets, table: str, column: ReadColumn) -> int:
    """Return the number of records in a table with a value in a column."""
    blanks = ", ".join(f"'{b}'" for b in ("", *column.blank_equals))
    name = quoted(column.column)
    query = f"SELECT count(*) FROM {table} WHERE {name} IS NOT NULL AND {name} NOT IN ({blanks})"  # noqa: S608 - ours
    return sets.number(query)


def _alternatives(contract: Contract) -> tuple[str, ...]:
    return tuple(name for rule in contract.exclusive if rule.whole_file for name in rule.columns)


def _written(frame: pl.DataFrame) -> Sequence[str]:
    return [c for c in frame.columns if c not in (RECORD, LINE)]


def _listed(frame: pl.DataFrame) -> str:
    return ", ".join(_written(frame)) or "no column"
