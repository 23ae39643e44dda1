"""Store sent and found canonical rows on disk, and run SQL over them.

Rows are written to Parquet files in batches. DuckDB reads them within a fixed memory limit and spills the rest to disk.
"""
# ruff: noqa: S608 - only column names and our own folder enter the SQL

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import polars as pl

from bulkops.errors import UsageError
from bulkops.readback.compare.canonical import CREATED, IMPORT_ID
from bulkops.readback.parse.tables import LINE, RECORD
from bulkops.sql import literal, quoted
from bulkops.temporary import temporary_folder
from bulkops_validators.model.contract import Readback

MEMORY = "400MB"
SENT, FOUND, FOREIGN = "sent", "found", "foreign_rows"
# The libraries raise these errors if memory or disk space runs out.
NO_SPACE = (duckdb.IOException, duckdb.OutOfMemoryException, pl.exceptions.PolarsError, OSError)


def no_values(_column: str, _values: Collection[str]) -> frozenset[str]:
    """Return no value: no record is set aside."""
    return frozenset()


@dataclass(frozen=True, kw_only=True)
class RowsAside:
    """What is known of equal rows that were compared elsewhere, and are not in the tables.

    `imports` counts the found rows by import id. `filled` counts the records with a value, for each column that was not
    compared. `sums` has the amounts of each table by subledger. `copies` counts, by import id, the foreign rows that
    equal a record. `sent_among` returns which values of a column these records have.
    """

    imports: Mapping[str, int] = field(default_factory=Counter)
    filled: Mapping[str, int] = field(default_factory=Counter)
    sums: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    copies: Mapping[str, int] = field(default_factory=Counter)
    sent_among: Callable[[str, Collection[str]], frozenset[str]] = no_values


@dataclass(frozen=True, kw_only=True)
class Ownership:
    """Which rows of a read-back count as found.

    If `own_ids` are known, rows of other imports are foreign; those created before `since` (canonical text) or under an
    import id of `not_ours` are skipped. If `own_ids` are unknown, multiset rows under an import id of `not_ours` are
    skipped too: they count for their own job.
    """

    own_ids: tuple[str, ...] | None
    since: str = ""
    not_ours: tuple[str, ...] = ()

    def divided(self, frame: pl.DataFrame, *, multiset: bool) -> dict[str, pl.DataFrame]:
        """Return the rows of a frame by table."""
        if self.own_ids is not None:
            own = pl.col(IMPORT_ID).is_in(self.own_ids)
            recent = (pl.col(CREATED) >= self.since) | (pl.col(CREATED) == "")
            foreign = frame.filter(~own & recent & ~pl.col(IMPORT_ID).is_in(self.not_ours))
            return {FOREIGN: foreign, FOUND: frame.filter(own)}
        if multiset and self.not_ours:
            frame = frame.filter(~pl.col(IMPORT_ID).is_in(self.not_ours))
        return {FOUND: frame}


def sent_rows(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return canonical records as rows of the table `sent`."""
    return frame.select(*columns, RECORD, LINE, *_digest(columns))


def found_rows(frame: pl.DataFrame, columns: Sequence[str], start: int) -> pl.DataFrame:
    """Return canonical rows as rows of the table `found` or `foreign_rows`, numbered from `start`."""
    numbers = pl.int_range(start, start + frame.height, dtype=pl.Int64).alias("_row")
    return frame.select(*columns, IMPORT_ID, numbers, *_digest(columns))


def _digest(columns: Sequence[str]) -> list[pl.Expr]:
    row = pl.concat_str(pl.col(*columns).fill_null(""), separator="\x1f")
    return [row.hash(seed).alias(name) for seed, name in enumerate(("_high", "_low"), start=1)]


class RowSets:
    """A folder of staged rows and a DuckDB connection over it; the end of the context removes both.

    Tables: `sent` (the read-back's columns, `_record`, `_line`), `found` and `foreign_rows` (the columns, `_row`,
    `_import_id`). Each row has a 128-bit digest of its cells in `_high` and `_low`. A null is not compared. If
    `own_ids` are given, `foreign_rows` contains the rows of other imports that may belong to this file.
    """

    def __init__(
        self,
        readback: Readback,
        *,
        folder: Path | None = None,
        memory: str = MEMORY,
        own_ids: Collection[int] | None = None,
        threads: int = 2,
    ) -> None:
        self.readback = readback
        self.own_ids = tuple(str(i) for i in own_ids or ())
        self._scoped = own_ids is not None
        self.columns = tuple(column.column for column in readback.columns)
        self._stack = ExitStack()
        with self._reporting_full_disk():
            self.folder = self._stack.enter_context(temporary_folder(folder))
        self.sql = duckdb.connect(
            config={"memory_limit": memory, "temp_directory": str(self.folder / "spill"), "threads": threads}
        )
        # DuckDB prints a progress bar to stdout for slow queries, but stdout is for the result of the command.
        self.sql.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false")
        self._counts = {SENT: 0, FOUND: 0, FOREIGN: 0}
        self._nulls: dict[str, Counter[str]] = {SENT: Counter(), FOUND: Counter(), FOREIGN: Counter()}
        self.aside = RowsAside()
        self._files = 0

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection and remove the folder."""
        self.sql.close()
        self._stack.close()

    @property
    def scoped(self) -> bool:
        """Whether only rows of known imports count as found."""
        return self._scoped

    @property
    def sent_count(self) -> int:
        """The number of records sent."""
        return self._counts[SENT]

    @property
    def found_count(self) -> int:
        """The number of rows found."""
        return self._counts[FOUND]

    def add_sent(self, frame: pl.DataFrame) -> None:
        """Add canonical records of the import file; without `_record` and `_line`, number them in order."""
        if RECORD not in frame.columns:
            start = self._counts[SENT] + 1
            numbers = pl.int_range(start, start + frame.height, dtype=pl.Int64)
            frame = frame.with_columns(numbers.alias(RECORD), (numbers + 1).alias(LINE))
        self._write(SENT, sent_rows(frame, self.columns))

    def nulls(self, name: str) -> Mapping[str, int]:
        """Return the number of nulls in each column of a table, including those of rows set aside."""
        return self._nulls[name]

    def count_of(self, name: str) -> int:
        """Return the number of rows of a table."""
        return self._counts[name]

    def add_found(self, frame: pl.DataFrame, *, since: str = "", not_ours: Collection[str] = ()) -> None:
        """Add canonical rows of the read-back; `Ownership` describes the arguments."""
        ids = self.own_ids if self._scoped else None
        owned = Ownership(own_ids=ids, since=since, not_ours=tuple(not_ours))
        for name, rows in owned.divided(frame, multiset=self.readback.multiset).items():
            self._write(name, found_rows(rows, self.columns, self._counts[name]))

    def adopt(self, tables: Iterable[tuple[str, bytes]]) -> None:
        """Add Parquet files with rows of tables, from the tables of another process; they change no count."""
        for name, content in tables:
            self._files += 1
            with self._reporting_full_disk():
                (self.folder / f"{name}-{self._files:06}.parquet").write_bytes(content)

    def count_aside(self, counts: Mapping[str, int], nulls: Mapping[str, Mapping[str, int]], aside: RowsAside) -> None:
        """Set the number of rows and nulls of each table, including those of the rows that were set aside."""
        self._counts.update(counts)
        for name, numbers in nulls.items():
            self._nulls[name] = Counter(numbers)
        self.aside = aside

    def forget_found(self) -> None:
        """Remove the rows found so far, before the next read-back."""
        self._forget(FOUND, FOREIGN)

    def clear(self) -> None:
        """Remove all rows and counts."""
        self._forget(SENT, FOUND, FOREIGN)
        self.aside = RowsAside()

    def _forget(self, *names: str) -> None:
        for name in names:
            for path in self.folder.glob(f"{name}-*.parquet"):
                path.unlink()
            self._counts[name] = 0
            self._nulls[name].clear()

    def remove_found(self, records: pl.DataFrame) -> int:
        """Remove one equal found row for each canonical record, and return the number of removed rows.

        Rows are equal if they agree in all columns that have a value in every row of both sides.
        """
        if records.is_empty() or not self.found_count:
            return 0
        reserved, kept = self.folder / "reserved.parquet", self.folder / f"{FOUND}.whole"
        with self._reporting_full_disk():
            records.select(self.columns).write_parquet(reserved)
        rows = f"read_parquet({self._pattern(FOUND)})"
        counts = ", ".join(f"count({quoted(c)})" for c in self.columns)
        filled = self.run(f"SELECT count(*), {counts} FROM {rows}")[0]
        compared = [
            c for c, n in zip(self.columns, filled[1:], strict=True) if n == filled[0] and not records[c].has_nulls()
        ]
        digest = self._md5(compared)
        numbered = (
            f"SELECT *, {digest} AS _d, row_number() OVER (PARTITION BY {digest} ORDER BY _row) AS _nth FROM {rows}"
        )
        wanted = f"SELECT {digest} AS d, count(*) AS n FROM read_parquet({literal(str(reserved))}) GROUP BY 1"
        self.run(
            f"COPY (SELECT f.* EXCLUDE (_d, _nth) FROM ({numbered}) f LEFT JOIN ({wanted}) r ON f._d = r.d "
            f"WHERE f._nth > coalesce(r.n, 0)) TO {literal(str(kept))} (FORMAT parquet)"
        )
        for path in self.folder.glob(f"{FOUND}-*.parquet"):
            path.unlink()
        kept.rename(self.folder / f"{FOUND}-000000.parquet")
        filled = self.run(f"SELECT count(*), {counts} FROM {rows}")[0]
        before, self._counts[FOUND] = self._counts[FOUND], filled[0]
        self._nulls[FOUND] = Counter({c: filled[0] - n for c, n in zip(self.columns, filled[1:], strict=True)})
        return before - self._counts[FOUND]

    def expose(self) -> None:
        """Create the SQL views of the added rows; at least one frame must have been added to each."""
        for name in (SENT, FOUND, FOREIGN) if self._scoped else (SENT, FOUND):
            self.run(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet({self._pattern(name)})")

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute one statement and return its rows."""
        with self._reporting_full_disk():
            return self.sql.execute(statement).fetchall()

    @contextmanager
    def _reporting_full_disk(self) -> Iterator[None]:
        """Raise UsageError if memory or disk space runs out."""
        try:
            yield
        except NO_SPACE as error:
            raise UsageError(
                f"The rows cannot be compared in {tempfile.gettempdir()}: {str(error).splitlines()[0]}",
                hint="Free disk space there, or set TMPDIR to a folder with enough space.",
            ) from None

    def number(self, statement: str) -> int:
        """Return the single number of a query result; 0 for NULL."""
        return int(self.run(statement)[0][0] or 0)

    def digest(self, columns: Sequence[str], *, prefix: str = "") -> str:
        """Return the SQL of a 128-bit digest of these cells of a row; a null counts as a blank."""
        if tuple(columns) == self.columns:
            return f"({prefix}_high::UHUGEINT * 18446744073709551616 + {prefix}_low)"
        return self._md5(columns, prefix=prefix)

    def _md5(self, columns: Sequence[str], *, prefix: str = "") -> str:
        cells = ", ".join(f"coalesce({prefix}{quoted(c)}, '')" for c in columns)
        return f"md5_number(concat_ws(chr(31), {cells}))"

    def _pattern(self, name: str) -> str:
        """Return the SQL text of the file pattern of a table."""
        return literal(str(self.folder / f"{name}-*.parquet"))

    def _write(self, name: str, frame: pl.DataFrame) -> None:
        self._files += 1
        self._counts[name] += frame.height
        self._nulls[name].update({column: frame.get_column(column).null_count() for column in self.columns})
        with self._reporting_full_disk():
            frame.write_parquet(self.folder / f"{name}-{self._files:06}.parquet", compression="lz4", statistics=False)
