"""Both sides of a read-back as frames of canonical text, so that equal rows are equal tuples.

A null cell is a value that is not compared: the read-back does not have it, or the documentation does not say
what the server makes of it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum

import polars as pl

from bulkops.errors import DataError
from bulkops.readback.compare.values import decimal, id_set, instants, is_live, json_value
from bulkops_validators.model.contract import Comparison, Form, Readback, ReadColumn

IMPORT_ID, CREATED = "_import_id", "_created"
DELETED = ("deleted", "is_deleted", "isdeleted", "deleted_at", "deletedat")
"""Names, in lower case, of a column that marks rows which an export still shows and which are gone."""


class Fold(StrEnum):
    """How an application stores codes: `Application.caseSensitivity` of the API."""

    SENSITIVE = "sensitive"
    UPPERCASE = "insensitive-uppercase"
    LOWERCASE = "insensitive-lowercase"


BY_VALUE: Mapping[Comparison, Callable[[str], str]] = {
    Comparison.DECIMAL: decimal,
    Comparison.JSON: json_value,
    Comparison.ID_SET: id_set,
}


def sent_frame(readback: Readback, frame: pl.DataFrame, fold: Fold = Fold.SENSITIVE) -> pl.DataFrame:
    """Return the records of an import file, columns named and ordered as `readback.columns`.

    Columns of `frame` whose name starts with `_` are carried along. A column the file does not have is blank.
    """
    names = by_lower(frame.columns)
    columns = [_sent(column, frame, names, fold) for column in readback.columns]
    return pl.DataFrame([*columns, *_carried(frame)])


def found_frame(readback: Readback, frame: pl.DataFrame, fold: Fold = Fold.SENSITIVE) -> pl.DataFrame:
    """Return the rows of a read-back, columns named as in the import file, plus `_import_id` and `_created`.

    A column that a CSV does not have is null throughout, DataError where it is part of what names a row;
    a field that a JSON page does not have is blank, or null where the contract calls it optional.
    """
    names = by_lower(frame.columns)
    columns = [_found(readback, column, frame, names, fold) for column in readback.columns]
    extra = [
        canonical_ids(_extra(frame, names, readback.import_id)).alias(IMPORT_ID),
        _distinct(_extra(frame, names, readback.created), instants).alias(CREATED),
    ]
    return pl.DataFrame([*columns, *extra, *_carried(frame)])


def live_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a read-back that are not marked as deleted, as coupons of the last days may be."""
    names = by_lower(frame.columns)
    for name in (names[known] for known in DELETED if known in names):
        marks = frame.get_column(name).fill_null("")
        if (marks != "").any():
            gone = [mark for mark in marks.unique() if not is_live(mark)]
            frame = frame.filter(~marks.is_in(gone))
    return frame


def missing_columns(readback: Readback, frame: pl.DataFrame, *, filled: Collection[str]) -> list[str]:
    """Return what an answer lacks that tells whose its rows are: the key, the import id, when they were created.

    A CSV must have these columns even if it has no row; items of a page must each have the fields, and of the key
    those of `filled`, the import columns that no record leaves blank.
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
    """Return the columns by their lower-case names, since exports differ in case; the first of equal ones wins."""
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
    """Return the values of one column as canonical text; what a blank may turn into becomes the first such value."""
    values = _compared(column.compare, raw, fold)
    first, *others = (_one(column.compare, text, fold) for text in column.blank_equals)
    aliases = [text for text in {"", *others} if text != first]
    if aliases:
        values = values.replace(aliases, [first] * len(aliases))
    return values


def _one(compare: Comparison, text: str, fold: Fold) -> str:
    return str(_compared(compare, pl.Series([text]), fold)[0])


def _compared(compare: Comparison, raw: pl.Series, fold: Fold) -> pl.Series:
    """Work on the distinct values: dates, limits and attributes repeat."""
    match compare:
        case Comparison.EXACT:
            return raw
        case Comparison.CODE:
            return _folded(raw, fold)
        case Comparison.INSTANT:
            return _distinct(raw, instants)
        case _:
            judge = BY_VALUE[compare]
            return _distinct(raw, lambda s: pl.Series(s.name, [judge(v) for v in s], dtype=pl.String))


def _folded(raw: pl.Series, fold: Fold) -> pl.Series:
    match fold:
        case Fold.UPPERCASE:
            return raw.str.to_uppercase()
        case Fold.LOWERCASE:
            return raw.str.to_lowercase()
        case Fold.SENSITIVE:
            return raw


def _distinct(raw: pl.Series, judge: Callable[[pl.Series], pl.Series]) -> pl.Series:
    different = raw.drop_nulls().unique()
    judged = judge(different)
    changed = different != judged
    if not changed.any():
        return raw
    if different.len() * 2 > raw.len() and not raw.has_nulls():
        return judge(raw)
    return raw.replace(different.filter(changed), judged.filter(changed))


def _null_where(values: pl.Series, mask: pl.Series) -> pl.Series:
    return pl.DataFrame({"values": values, "mask": mask}).select(pl.when(~pl.col("mask")).then("values")).to_series()


def _extra(frame: pl.DataFrame, names: Mapping[str, str], wanted: str | None) -> pl.Series:
    name = names.get((wanted or "").lower())
    return frame.get_column(name).fill_null("") if name else _constant("", frame.height)


def canonical_ids(raw: pl.Series) -> pl.Series:
    """Return ids as they are named: a table program may have made 7.0 of 7."""
    return _distinct(raw, lambda ids: ids.str.strip_chars().str.replace(r"^(\d+)\.0+$", "$1"))


def _constant(text: str | None, height: int) -> pl.Series:
    return pl.Series([text], dtype=pl.String).new_from_index(0, height)


def _carried(frame: pl.DataFrame) -> list[pl.Series]:
    return [frame.get_column(name) for name in frame.columns if name.startswith("_")]
