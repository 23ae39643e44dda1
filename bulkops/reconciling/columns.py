"""What a file and a read-back must have to be compared at all, and what is not there to be compared."""

from collections.abc import Sequence

import polars as pl

from bulkops.errors import DataError
from bulkops.readback.compare.canonical import by_lower
from bulkops.readback.compare.keyed import Counts
from bulkops.readback.compare.staging import RowSets, quoted
from bulkops.readback.parse.tables import LINE, RECORD
from bulkops.reconciling.totals import amount_column
from bulkops_validators.model.contract import Contract, Form, Readback, ReadColumn


def core_columns(contract: Contract, readback: Readback) -> tuple[str, ...]:
    """Return the columns that every record fills: the required ones, and those of which it must fill one."""
    filled = {*contract.required_names, *_alternatives(contract)}
    return tuple(c.column for c in readback.columns if c.column in filled)


def measures(contract: Contract) -> tuple[str, ...]:
    """Return the columns of the core that say how much, not whose."""
    amount = amount_column(contract)
    return (amount,) if amount else ()


def refuse_other_file(contract: Contract, frame: pl.DataFrame, name: str) -> None:
    """Raise DataError if the file to compare lacks a column by which its records are known."""
    names = by_lower(_written(frame))
    known = {column for name, column in contract.header_names.items() if name.lower() in names}
    missing = [c for c in contract.required_names if c not in known]
    alternatives = _alternatives(contract)
    if not missing and alternatives and not any(c.lower() in names for c in alternatives):
        missing = [" or ".join(alternatives)]
    if missing:
        raise DataError(
            f"{name} has no column {missing[0]!r}; it has {_listed(frame)}.",
            hint=f"`bulkops validate {contract.name} {name}` says what is wrong with it.",
        )


def refuse_other_rows(contract: Contract, readback: Readback, frame: pl.DataFrame, name: str, *, scoped: bool) -> None:
    """Raise DataError if rows found lack a column by which they are known, as those of something else do.

    With `scoped` they must tell their import: without it no row would count. Empty pages have no columns.
    """
    written = _written(frame)
    if readback.form is Form.PAGES and frame.is_empty() and not written:
        return
    names = by_lower(written)
    alternatives = _alternatives(contract)
    wanted = readback.key if not readback.multiset else core_columns(contract, readback)
    have = {c.column for c in readback.columns if any(n.lower() in names for n in c.found)}
    missing = [c.found for c in readback.columns if c.column in wanted and c.column not in {*have, *alternatives}]
    if alternatives and not have & set(alternatives):
        missing += [c.found for c in readback.columns if c.column in alternatives][:1]
    if scoped and readback.multiset and readback.import_id and readback.import_id.lower() not in names:
        raise DataError(
            f"{name} has no column {readback.import_id!r}, which tells the rows of these imports from others; "
            f"it has {_listed(frame)}.",
            hint="Save the export with all its columns.",
        )
    if missing:
        raise DataError(
            f"{name} has no column {' or '.join(map(repr, missing[0]))}; it has {_listed(frame)}.",
            hint=f"Is it the export of {contract.name}?",
        )


def unseen(sets: RowSets, counts: Counts) -> tuple[str, ...]:
    """Return the columns that hold something in the file and are not in the read-back."""
    absent = [c for c in sets.readback.columns if c.column in counts.not_compared]
    return tuple(c.column for c in absent if _filled(sets, c))


def _filled(sets: RowSets, column: ReadColumn) -> bool:
    blanks = ", ".join(f"'{b}'" for b in ("", *column.blank_equals))
    name = quoted(column.column)
    query = f"SELECT count(*) FROM sent WHERE {name} IS NOT NULL AND {name} NOT IN ({blanks})"  # noqa: S608 - ours
    return sets.number(query) > 0


def _alternatives(contract: Contract) -> tuple[str, ...]:
    return tuple(name for rule in contract.exclusive if rule.whole_file for name in rule.columns)


def _written(frame: pl.DataFrame) -> Sequence[str]:
    return [c for c in frame.columns if c not in (RECORD, LINE)]


def _listed(frame: pl.DataFrame) -> str:
    return ", ".join(_written(frame)) or "no column"
