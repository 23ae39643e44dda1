"""Read a table once and describe each column: blanks, form of the values, shapes of dates and numbers, last rows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from bulkops.errors import DataError
from bulkops.proposing.forms import Decision, ValueShape, date_decision, number_decision
from bulkops.proposing.words import word_key, words
from bulkops.sources.table import LegacyTable

MOST_ROWS = 3_000_000
"""Maximum rows that are read; a larger table is judged by its first rows."""
SAMPLE = 10_000
"""Rows that decide which form the values of a column have."""
FEW = 20
"""Maximum different values that are counted and shown."""
MOST_SHAPES = 2_000
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_JSON_LIST = r"(?s)^\[.*\]$"
_FIGURE = r"^(\p{Sc}|[A-Z]{3}\s)?\s?[-+]?\d[\d.,:/TZ\s'\x{2019}+-]*\s?([AaPp]\.?[Mm]\.?|[\p{Sc}%]|[A-Za-z]{2,6})?$"
_MONTH = r"(?i)\b\d{1,2}[ -][a-z]{3,9}[ -]\d{2,4}|\b[a-z]{3,9} \d{1,2},? \d{4}"
_PLAIN_NUMBER = r"^[+-]?(9{1,7}|9{9}|9{11,12}|9{15,}|9{4,}[.,]9+|9*[.,](9{1,2}|9{4,}))$"
"""Shapes with leading numbers that prove nothing: neither a date nor a number with one group of three digits."""
_YES = frozenset({"1", "true", "t", "yes", "y", "on", "enabled", "active"})
_NO = frozenset({"0", "false", "f", "no", "n", "off", "disabled", "inactive"})


@dataclass(kw_only=True)
class SourceColumnProfile:
    """The values of a column. `values` counts them if they are few; `shapes` exist for dates and numbers.

    `email` and `distinct` are shares of the values in the first rows. `lists`: all of these are JSON lists.
    """

    name: str
    rows: int = 0
    blank: int = 0
    email: float = 0.0
    distinct: float = 0.0
    words: bool = False
    lists: bool = False
    values: Mapping[str, int] | None = None
    shapes: Sequence[ValueShape] | None = None
    examples: Sequence[str] = ()

    @property
    def filled(self) -> int:
        """The number of values."""
        return self.rows - self.blank

    @cached_property
    def dates(self) -> Decision:
        """How the column is written if it contains dates."""
        return date_decision(self.shown_shapes())

    @cached_property
    def numbers(self) -> Decision:
        """How the column is written if it contains numbers."""
        return number_decision(self.shown_shapes())

    def shown_shapes(self) -> Sequence[ValueShape]:
        """Return the shapes of the values; a column without figures has one shape, its first value."""
        if self.shapes is not None or not self.filled:
            return self.shapes or ()
        example = self.examples[0] if self.examples else ""
        return (ValueShape(text=example, rows=self.filled, example=example),)

    @property
    def is_email(self) -> bool:
        """Whether nearly all values are e-mail addresses."""
        return self.email > 0.9

    @property
    def looks_like_keys(self) -> bool:
        """Whether the values are single words that hardly repeat, as codes and ids do."""
        return self.words and self.distinct > 0.9 and bool(self.filled)

    @property
    def switches(self) -> bool:
        """Whether all values mean yes or no, as the helper `yes` reads them."""
        return bool(self.values) and {value.strip().lower() for value in self.values or ()} <= _YES | _NO


@dataclass(frozen=True, kw_only=True)
class Footer:
    """A last row with totals: the column with its word, the word, and its other cells by column."""

    column: str
    word: str
    cells: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class TableProfile:
    """The columns of a table. `complete`: all rows were read. `problem` is the error that ended the reading early."""

    columns: Mapping[str, SourceColumnProfile]
    rows: int
    complete: bool
    footer: Footer | None = None
    problem: DataError | None = None


@dataclass(kw_only=True)
class _ColumnCounts:
    """The collected facts of a column: counts of its values, and the shapes of dates and numbers."""

    profile: SourceColumnProfile
    figures: bool
    counted: bool
    values: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, ValueShape] = field(default_factory=dict)


def profile_of(table: LegacyTable) -> TableProfile:
    """Return the description of a table; reads at most `MOST_ROWS` rows of it."""
    collected: dict[str, _ColumnCounts] = {}
    footer: Footer | None = None
    rows, complete, problem = 0, True, None
    held: pl.DataFrame | None = None
    frames = table.frames()
    while True:
        try:
            frame = next(frames, None)
        except DataError as error:
            frame, problem = None, error
        if held is not None:
            if frame is None:
                held, footer = _without_footer(held, table.columns)
            collected = collected or _start_columns(held, table.columns)
            _add(collected, held)
            rows += held.height
        if frame is None:
            break
        held = frame
        if rows > MOST_ROWS:
            complete = False
            break
    columns = {
        name: _finished(collected[name], rows) if collected else SourceColumnProfile(name=name)
        for name in table.columns
    }
    return TableProfile(columns=columns, rows=rows, complete=complete, footer=footer, problem=problem)


def _without_footer(frame: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, Footer | None]:
    """Return the frame without a last row of totals: a row with blanks, and with one word for a total."""
    if frame.height < 2:
        return frame, None
    last = {name: value.strip() for name, value in frame.select(names).row(-1, named=True).items() if value}
    usual = sum(value is not None for value in frame.select(names).row(-2))
    found = [name for name, value in last.items() if word_key(value.rstrip(":")) in words().totals]
    if len(found) != 1 or len(last) >= max(usual, 2):
        return frame, None
    cells = {name: value for name, value in last.items() if name != found[0]}
    raw = str(frame.get_column(found[0])[-1])
    return frame.head(frame.height - 1), Footer(column=found[0], word=raw, cells=cells)


def _start_columns(frame: pl.DataFrame, names: Sequence[str]) -> dict[str, _ColumnCounts]:
    """Return an empty collection for each column; the first rows decide its kinds of facts."""
    sample = frame.head(SAMPLE)
    return {name: _start_column(name, sample.get_column(name).drop_nulls().str.strip_chars()) for name in names}


def _start_column(name: str, values: pl.Series) -> _ColumnCounts:
    number = max(len(values), 1)
    different = values.n_unique()
    figures = int(values.str.contains(_FIGURE).sum() or 0) + int(values.str.contains(_MONTH).sum() or 0)
    profile = SourceColumnProfile(
        name=name,
        email=int(values.str.contains(_EMAIL).sum() or 0) / number,
        distinct=different / number,
        words=not bool(values.str.contains(r"\s").any()),
        lists=bool(len(values)) and bool(values.str.contains(_JSON_LIST).all()),
        examples=values.unique(maintain_order=True).head(3).to_list(),
    )
    # A column that is blank so far may contain anything.
    several = figures * 5 >= number or not len(values)
    return _ColumnCounts(profile=profile, figures=several, counted=different <= FEW)


def _add(collected: Mapping[str, _ColumnCounts], frame: pl.DataFrame) -> None:
    for name, column in collected.items():
        values = frame.get_column(name)
        column.profile.blank += values.null_count()
        if column.counted:
            _count(column, values)
        if column.figures:
            _add_shapes(column, values)


def _count(column: _ColumnCounts, values: pl.Series) -> None:
    for value, count in _counts(values):
        column.values[value] = column.values.get(value, 0) + count
    column.counted = len(column.values) <= FEW


def _counts(values: pl.Series) -> Iterator[tuple[str, int]]:
    yield from values.drop_nulls().value_counts().iter_rows()


def _add_shapes(column: _ColumnCounts, values: pl.Series) -> None:
    """Add the shapes of the values: of each different value once, because dates and amounts repeat."""
    counts = values.drop_nulls().alias("value").value_counts(name="rows")
    text = pl.col("value").str.strip_chars()
    shaped = counts.select("rows", text.alias("value"), text.str.replace_all(r"[0-9]", "9").alias("shape"))
    plain = pl.col("shape").str.contains(_PLAIN_NUMBER)
    numbers = shaped.filter(plain).with_columns(
        pl.lit(-1, pl.Int64).alias("first"), pl.lit(-1, pl.Int64).alias("second")
    )
    others = shaped.filter(~plain).with_columns(
        pl.col("value").str.extract(r"(\d+)", 1).cast(pl.Int64, strict=False).fill_null(-1).alias("first"),
        pl.col("value").str.extract(r"\d+\D+(\d+)", 1).cast(pl.Int64, strict=False).fill_null(-1).alias("second"),
    )
    found = (
        pl.concat([numbers, others])
        .group_by("shape", maintain_order=True)
        .agg(
            pl.col("rows").sum(),
            pl.col("value").first(),
            pl.col("first").min().alias("first_low"),
            pl.col("first").max().alias("first_high"),
            pl.col("second").min().alias("second_low"),
            pl.col("second").max().alias("second_high"),
        )
    )
    for row in found.iter_rows(named=True):
        _merge(column.shapes, row)
    if len(column.shapes) > MOST_SHAPES:
        column.figures, column.shapes = False, {}


def _merge(shapes: dict[str, ValueShape], row: Mapping[str, Any]) -> None:
    first, second = (row["first_low"], row["first_high"]), (row["second_low"], row["second_high"])
    known = shapes.get(row["shape"])
    if known is None:
        shapes[row["shape"]] = ValueShape(
            text=row["shape"], rows=row["rows"], example=row["value"], first=first, second=second
        )
        return
    known.rows += row["rows"]
    known.first = min(known.first[0], first[0]), max(known.first[1], first[1])
    known.second = min(known.second[0], second[0]), max(known.second[1], second[1])


def _finished(column: _ColumnCounts, rows: int) -> SourceColumnProfile:
    profile = column.profile
    profile.rows = rows
    profile.values = (
        dict(sorted(column.values.items(), key=lambda item: (-item[1], item[0]))) if column.counted else None
    )
    profile.shapes = sorted(column.shapes.values(), key=lambda shape: -shape.rows) if column.figures else None
    return profile


def control_character(text: str) -> bool:
    """Return whether a text contains a character that YAML cannot contain."""
    return re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text) is not None
