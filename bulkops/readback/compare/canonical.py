"""Convert both sides of a read-back to frames of canonical text, so that equal rows are equal tuples.

A null cell is not compared: the read-back does not contain the value, or the documentation does not say how the
server stores it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum

import polars as pl

from bulkops.errors import DataError
from bulkops.readback.compare.values import decimal, id_set, instants, is_live, json_value
from bulkops_validators.model.contract import Comparison, Form, Readback, ReadColumn

IMPORT_ID, CREATED = "_import_id", "_created"
DELETED = ("deleted", "is_deleted", "isdeleted", "deleted_at", "deletedat")
"""Lower-case names of a column that marks deleted rows. An export can still contain such rows."""


class Fold(StrEnum):
    """The case in which an application stores codes: `Application.caseSensitivity` of the API."""

    SENSITIVE = "sensitive"
    UPPERCASE = "insensitive-uppercase"
    LOWERCASE = "insensitive-lowercase"


BY_VALUE: Mapping[Comparison, Callable[[str], str]] = {
    Comparison.DECIMAL: decimal,
    Comparison.JSON: json_value,
    Comparison.ID_SET: id_set,
}


def sent_frame(readback: Readback, frame: pl.DataFrame, fold: Fold = Fold.SENSITIVE) -> pl.DataFrame:
    """Return the records of an import file as canonical text, with the names and order of `readback.columns`.

    The result keeps the columns of `frame` with a name that starts with `_`. A column that the file lacks is blank.
    """
    names = by_lower(frame.columns)
    columns = [_sent(column, frame, names, fold) for column in readback.columns]
    return pl.DataFrame([*columns, *_carried(frame)])


def found_frame(readback: Readback, frame: pl.DataFrame, fold: Fold = Fold.SENSITIVE) -> pl.DataFrame:
    """Return the rows of a read-back as canonical text, with the columns of the import file.

    The result also has the columns `_import_id` and `_created`. If a CSV lacks a column, every cell of it is null;
    a missing key column raises DataError. A field that a JSON page lacks is blank, or null if the contract calls it
    optional.
    """
    names = by_lower(frame.columns)
    columns = [_found(readback, column, frame, names, fold) for column in readback.columns]
    extra = [
        canonical_ids(cells_named(frame, names, readback.import_id)).alias(IMPORT_ID),
        _distinct(cells_named(frame, names, readback.created), instants).alias(CREATED),
    ]
    return pl.DataFrame([*columns, *extra, *_carried(frame)])


def live_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a read-back without those marked as deleted: exports show recently deleted coupons."""
    names = by_lower(frame.columns)
    for name in (names[known] for known in DELETED if known in names):
        marks = frame.get_column(name).fill_null("")
        if (marks != "").any():
            deleted = [mark for mark in marks.unique() if not is_live(mark)]
            frame = frame.filter(~marks.is_in(deleted))
    return frame


def missing_columns(readback: Readback, frame: pl.DataFrame, *, filled: Collection[str]) -> list[str]:
    """Return the identifying columns that a response lacks: key columns, import id, creation time.

    A CSV must have these columns even without rows. Each item of a page must have the import id, the creation time
    and the columns of `filled`: the import columns that no record leaves blank.
    """
    pages = readback.form is Form.PAGES
    if pages and frame.is_empty():
        return []
    names = by_lower(frame.columns)
    named = [c for c in readback.columns if c.column in (filled if pages else readback.key) and not c.optional]
    wanted = [*(c.found for c in named), *((n,) for n in (readback.import_id, readback.created) if n)]
    found = [next((names[n.lower()] for n in some if n.lower() in names), None) for some in wanted]
    return [
        some[0]
        for some, name in zip(wanted, found, strict=True)
        if name is None or (pages and frame.get_column(name).has_nulls())
    ]


def by_lower(columns: Iterable[str]) -> dict[str, str]:
    """Return a mapping from lower-case to written column names, since exports differ in case.

    If two names are equal in lower case, the first one is used.
    """
    result: dict[str, str] = {}
    for name in columns:
        result.setdefault(name.strip().lower(), name)
    return result


def _sent(column: ReadColumn, frame: pl.DataFrame, names: Mapping[str, str], fold: Fold) -> pl.Series:
    name = next((names[n.lower()] for n in (column.column, *column.earlier) if n.lower() in names), None)
    raw = frame.get_column(name).fill_null("") if name else _constant("", frame.height)
    result = canonical(column, raw, fold)
    if (other := names.get((column.unless_filled or "").lower())) is not None:
        filled = frame.get_column(other).fill_null("").str.strip_chars() != ""
        result = _null_where(result, filled)
    if column.blank_unknown:
        result = _null_where(result, raw.str.strip_chars() == "")
    return result.alias(column.column)


def _found(
    readback: Readback, column: ReadColumn, frame: pl.DataFrame, names: Mapping[str, str], fold: Fold
) -> pl.Series:
    name = next((names[n.lower()] for n in column.found if n.lower() in names), None)
    if name is None:
        if column.column in readback.key and not readback.multiset:
            wanted = " or ".join(map(repr, column.found))
            raise DataError(f"The read-back has no column {wanted}; it has {', '.join(frame.columns)}.")
        if readback.form is Form.PAGES and not column.optional:
            return canonical(column, _constant("", frame.height), fold).alias(column.column)
        return _constant(None, frame.height).alias(column.column)
    raw = frame.get_column(name)
    return canonical(column, raw if column.optional else raw.fill_null(""), fold).alias(column.column)


def canonical(column: ReadColumn, raw: pl.Series, fold: Fold) -> pl.Series:
    """Return the values of one column as canonical text.

    All values that the server may store for a blank (`blank_equals`) become the first of them.
    """
    values = _compared(column.compare, raw, fold)
    first, *others = (_one(column.compare, text, fold) for text in column.blank_equals)
    aliases = [text for text in {"", *others} if text != first]
    if aliases:
        values = values.replace(aliases, [first] * len(aliases))
    return values


def _one(compare: Comparison, text: str, fold: Fold) -> str:
    return str(_compared(compare, pl.Series([text]), fold)[0])


def _compared(compare: Comparison, raw: pl.Series, fold: Fold) -> pl.Series:
    """Convert the distinct values only: dates, limits and attributes repeat."""
    match compare:
        case Comparison.EXACT:
            return raw
        case Comparison.CODE:
            return _folded(raw, fold)
        case Comparison.INSTANT:
            return _distinct(raw, instants)
        case _:
            return by_value(raw, BY_VALUE[compare])


def by_value(raw: pl.Series, convert: Callable[[str], str]) -> pl.Series:
    """Return the converted texts; where they repeat, each distinct one is converted once."""
    return _distinct(raw, lambda s: pl.Series(s.name, [convert(text) for text in s], dtype=pl.String))


def _folded(raw: pl.Series, fold: Fold) -> pl.Series:
    match fold:
        case Fold.UPPERCASE:
            return raw.str.to_uppercase()
        case Fold.LOWERCASE:
            return raw.str.to_lowercase()
        case Fold.SENSITIVE:
            return raw


def _distinct(raw: pl.Series, convert: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return the converted series; `convert` runs once for each distinct value where values repeat."""
    different = raw.drop_nulls().unique()
    converted = convert(different)
    changed = different != converted
    if not changed.any():
        return raw
    if different.len() * 2 > raw.len() and not raw.has_nulls():
        return convert(raw)
    return raw.replace(different.filter(changed), converted.filter(changed))


def _null_where(values: pl.Series, mask: pl.Series) -> pl.Series:
    return pl.DataFrame({"values": values, "mask": mask}).select(pl.when(~pl.col("mask")).then("values")).to_series()


def cells_named(frame: pl.DataFrame, names: Mapping[str, str], wanted: str | None) -> pl.Series:
    """Return the cells of a column; blank cells if the frame lacks it. `names` are those of `by_lower`."""
    name = names.get((wanted or "").lower())
    return frame.get_column(name).fill_null("") if name else _constant("", frame.height)


def canonical_ids(raw: pl.Series) -> pl.Series:
    """Return ids without the `.0` that a spreadsheet may add: 7.0 becomes 7."""
    return _distinct(raw, lambda ids: ids.str.strip_chars().str.replace(r"^(\d+)\.0+$", "$1"))


def _constant(text: str | None, height: int) -> pl.Series:
    return pl.Series([text], dtype=pl.String).new_from_index(0, height)


def _carried(frame: pl.DataFrame) -> list[pl.Series]:
    return [frame.get_column(name) for name in frame.columns if name.startswith("_")]
