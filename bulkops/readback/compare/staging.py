"""Store sent and found canonical rows on disk, and run SQL over them.

Rows are written to Parquet files in batches. DuckDB reads them within a fixed memory limit and spills the rest to disk.
"""
# ruff: noqa: S608 - only column names and our own folder enter the SQL

import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
    ) -> None:
        self.readback = readback
        self.own_ids = tuple(str(i) for i in own_ids or ())
        self._scoped = own_ids is not None
        self.columns = tuple(column.column for column in readback.columns)
        self._stack = ExitStack()
        with self._reporting_full_disk():
            self.folder = self._stack.enter_context(temporary_folder(folder))
        self.sql = duckdb.connect(
            config={"memory_limit": memory, "temp_directory": str(self.folder / "spill"), "threads": 2}
        )
        # DuckDB prints a progress bar to stdout for slow queries, but stdout is for the result of the command.
        self.sql.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false")
        self._counts = {SENT: 0, FOUND: 0, FOREIGN: 0}
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
        self._write(SENT, frame.select(*self.columns, RECORD, LINE, *self._digest()))

    def count_of(self, name: str) -> int:
        """Return the number of rows of a table."""
        return self._counts[name]

    def add_found(self, frame: pl.DataFrame, *, since: str = "", not_ours: Collection[str] = ()) -> None:
        """Add canonical rows of the read-back.

        If `own_ids` are known, rows of other imports go to `foreign_rows`; rows created before `since` (canonical
        text) or under an import id of `not_ours` are skipped. If `own_ids` are unknown, multiset rows under an import
        id of `not_ours` are skipped too: they count for their own job.
        """
        if self._scoped:
            own = pl.col(IMPORT_ID).is_in(self.own_ids)
            recent = (pl.col(CREATED) >= since) | (pl.col(CREATED) == "")
            self._add(FOREIGN, frame.filter(~own & recent & ~pl.col(IMPORT_ID).is_in(list(not_ours))))
            frame = frame.filter(own)
        elif self.readback.multiset and not_ours:
            frame = frame.filter(~pl.col(IMPORT_ID).is_in(list(not_ours)))
        self._add(FOUND, frame)

    def _add(self, name: str, frame: pl.DataFrame) -> None:
        start = self._counts[name]
        rows = pl.int_range(start, start + frame.height, dtype=pl.Int64).alias("_row")
        self._write(name, frame.select(*self.columns, IMPORT_ID, rows, *self._digest()))

    def forget_found(self) -> None:
        """Remove the rows found so far, before the next read-back."""
        for name in (FOUND, FOREIGN):
            for path in self.folder.glob(f"{name}-*.parquet"):
                path.unlink()
            self._counts[name] = 0

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
        before, self._counts[FOUND] = self._counts[FOUND], self.number(f"SELECT count(*) FROM {rows}")
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

    def _digest(self) -> list[pl.Expr]:
        row = pl.concat_str(pl.col(*self.columns).fill_null(""), separator="\x1f")
        return [row.hash(seed).alias(name) for seed, name in enumerate(("_high", "_low"), start=1)]

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
        with self._reporting_full_disk():
            frame.write_parquet(self.folder / f"{name}-{self._files:06}.parquet", compression="lz4", statistics=False)
