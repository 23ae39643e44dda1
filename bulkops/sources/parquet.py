"""Read Parquet files in slices, with every column as text."""

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from bulkops.errors import InputUnreadable
from bulkops.sources.table import BATCH


def schema_of(path: Path) -> pl.Schema:
    """Return the columns of a file and their types; InputUnreadable if it is not a Parquet file."""
    try:
        return pl.scan_parquet(path, glob=False).collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> InputUnreadable:
    """Return the error of a file, with the column if polars names one."""
    column = re.search(r'col\("(.*?)"\)', str(error))
    place = f"column {column[1]}: " if column else ""
    return InputUnreadable(f"{path} cannot be read as Parquet: {place}{str(error).splitlines()[0]}")


def slices(
    path: Path, schema: pl.Schema, columns: tuple[str, ...], *, start: int = 0, end: int | None = None
) -> Iterator[pl.DataFrame]:
    """Yield the rows in slices, as text: timestamps and dates as in ISO 8601, lists and structs as JSON.

    `start` and `end` select a range of rows, counted from 0. InputUnreadable if the file is damaged, or if the values
    of a column have no form as text.
    """
    scanned = pl.scan_parquet(path, glob=False)
    texts = [text(name, kind).alias(new) for (name, kind), new in zip(schema.items(), columns, strict=True)]
    while end is None or start < end:
        try:
            found = scanned.slice(start, BATCH if end is None else min(BATCH, end - start)).collect().select(texts)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _unreadable(path, error) from None
        if not found.height:
            return
        yield found
        start += found.height


def text(name: str, kind: pl.DataType) -> pl.Expr:
    """Return the expression that turns a column of a type into text."""
    column = pl.col(name)
    if isinstance(kind, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if kind.time_zone else column
        return utc.dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ" if kind.time_zone else "%Y-%m-%d %H:%M:%S%.f")
    if isinstance(kind, pl.List | pl.Array):
        # One field of a struct, because only structs are encoded as JSON.
        encoded = pl.struct(column.alias("v")).struct.json_encode()
        return pl.when(column.is_null()).then(None).otherwise(encoded.str.slice(5, encoded.str.len_chars() - 6))
    if isinstance(kind, pl.Struct):
        return pl.when(column.is_null()).then(None).otherwise(column.struct.json_encode())
    if isinstance(kind, pl.Boolean):
        return pl.when(column).then(pl.lit("true")).when(~column).then(pl.lit("false"))
    if isinstance(kind, pl.Float32 | pl.Float64):
        whole = (column == column.round()) & (column.abs() < 2**53)
        return (
            pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
        )
    return column.cast(pl.String)
