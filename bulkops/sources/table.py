"""The common form of all sources: a table of text columns; each row has an origin."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

PART, LINE = "_part", "_line"
"""Columns of every frame: the index of the row's part, and its line, sheet row or record there, from 1."""
BATCH = 100_000
"""Maximum rows of a frame of sources that are read row by row."""


@dataclass(frozen=True, kw_only=True)
class SourcePart:
    """A file, a sheet or a query that contributes rows. `unit` is the word for a row's number there.

    `sha256` is the digest of the bytes of the file; None for a database.
    """

    name: str
    sheet: str | None = None
    unit: str = "line"
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class LegacyTable:
    """Legacy data that can be read from its start any number of times.

    `frames` yields the rows in order: the `columns` as text (null: a blank), `_part` (Int32) and `_line` (Int64). All
    frames have all columns. `notes` are the properties that were detected, for the user to check.
    """

    columns: tuple[str, ...]
    parts: tuple[SourcePart, ...]
    frames: Callable[[], Iterator[pl.DataFrame]]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The displayed name of the source."""
        first = self.parts[0].name if self.parts else "the source"
        return first if len(self.parts) < 2 else f"{first} and {len(self.parts) - 1} more"


def text_frame(columns: Sequence[str], rows: Sequence[Sequence[Any]], lines: Sequence[int], part: int) -> pl.DataFrame:
    """Return rows as a frame with their origin; blank cells become null."""
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    return with_origin(blank_as_null(frame), pl.Series(LINE, lines, dtype=pl.Int64), part)


def with_origin(frame: pl.DataFrame, lines: pl.Series | pl.Expr, part: int) -> pl.DataFrame:
    """Return a frame with the columns of the origin."""
    return frame.with_columns(pl.lit(part, pl.Int32).alias(PART), lines.cast(pl.Int64).alias(LINE))


def blank_as_null(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame of text with null for empty cells."""
    blanks = [name for name in frame.columns if (frame.get_column(name) == "").any()]
    return frame.with_columns(pl.col(name).replace("", None) for name in blanks) if blanks else frame


def empty_frame(columns: Sequence[str]) -> pl.DataFrame:
    """Return a frame without rows."""
    return pl.DataFrame(schema={**dict.fromkeys(columns, pl.String()), PART: pl.Int32(), LINE: pl.Int64()})


def batches(rows: Iterator[tuple[int, Sequence[Any]]], columns: Sequence[str], part: int) -> Iterator[pl.DataFrame]:
    """Yield numbered rows in frames of at most `BATCH` rows."""
    lines: list[int] = []
    held: list[Sequence[Any]] = []
    for line, row in rows:
        lines.append(line)
        held.append(row)
        if len(held) >= BATCH:
            yield text_frame(columns, held, lines, part)
            lines, held = [], []
    if held:
        yield text_frame(columns, held, lines, part)
