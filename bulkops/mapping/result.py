"""Write the records and the origins of a mapping to files in the workspace."""
# ruff: noqa: S608 - checked expressions and quoted names enter the SQL

import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Any

import polars as pl

from bulkops.checksums import sha256_of
from bulkops.mapping.engine import Engine, no_space
from bulkops.mapping.query import SOURCE, StepMapping
from bulkops.mapping.records_csv import RecordsFile
from bulkops.mapping.staging import NO_SPACE, ROW, Staged
from bulkops.origins import METADATA
from bulkops.sources.table import LINE, PART
from bulkops.sql import literal, quoted

FILES = 2
"""Number of staged files that are mapped at a time; each has about 16 MB of the source, or 100,000 rows."""


class MappingResult:
    """The result of a mapping in the workspace: the CSV and the origins, before they get their names.

    `sha256` is the digest of the CSV once it is written.
    """

    def __init__(self, engine: Engine, mapping: StepMapping, texts: list[str], folder: Path, *, source: Staged) -> None:
        self._engine = engine
        self._mapping = mapping
        self._source = source
        self._folder = folder
        self.csv = folder / "mapped.csv"
        self.sha256 = ""
        self.origins = ""
        names = mapping.step.mapped_columns
        if len(names) == 1:  # a blank cell alone would be a blank line, not a record
            texts = [f"coalesce({text}, '')" for text in texts]
        self._cells = ", ".join(f"{text} AS {quoted(name)}" for name, text in zip(names, texts, strict=True))

    def write(self) -> tuple[int, int]:
        """Write the CSV; return the number of source rows in records, and of records."""
        mapping = self._mapping
        if mapping.in_order:
            records = self._write_in_order(f"SELECT {self._cells} {mapping.rows_clause()}")
            self.origins = f"SELECT {PART}, {LINE} {mapping.rows_clause()}"
            return records, records
        result = self._folder / "result.parquet"
        rows = f"SELECT {self._cells}, {mapping.origin_columns()} {mapping.rows_clause()}{mapping.order_clause()}"
        self._copy(rows, result, "FORMAT parquet, COMPRESSION lz4")
        read = f"read_parquet({literal(str(result))})"
        names = ", ".join(quoted(name) for name in mapping.step.mapped_columns)
        csv = "FORMAT csv, HEADER true, QUOTE '\"', ESCAPE '\"', NULLSTR ''"
        records = self._copy(f"SELECT {names} FROM {read}", self.csv, csv)
        self.sha256 = sha256_of(self.csv)
        self.origins = f"SELECT {PART}, {LINE}{', _rows' if mapping.group else ''} FROM {read}"
        used = f"SELECT unnest(_rows) AS r FROM {read}" if mapping.group else f"SELECT {ROW} AS r FROM {read}"
        return self._engine.number(f"SELECT count(DISTINCT r) FROM ({used})"), records

    def _write_in_order(self, rows: str) -> int:
        """Write the records of a few staged files at a time; return their number.

        polars writes CSV with a third of the processor time of DuckDB, and a few files at a time fit in memory.
        """
        records = 0
        try:
            with FileIO(self.csv, "w+") as file, ThreadPoolExecutor(1) as writer:
                target, written = RecordsFile(file), list[Future[None]]()
                for source in self._source.divided(FILES):
                    self._engine.add(SOURCE, source)
                    frame = self._frame(rows)
                    for each in written:  # one frame is written while the next is computed
                        each.result()
                    written = [writer.submit(_append, target, frame)]
                    records += frame.height
                for each in written:
                    each.result()
        finally:
            self._engine.add(SOURCE, self._source)
        self.sha256 = target.sha256
        return records

    def _frame(self, rows: str) -> pl.DataFrame:
        """Return the rows of a query as text; an error of DuckDB if it fails."""
        try:
            return self._engine.frame(rows)
        except pl.exceptions.PolarsError:
            pass  # polars raises its own error for every error of DuckDB: run the query in DuckDB alone
        piece = self._folder / "piece.parquet"
        self._copy(rows, piece, "FORMAT parquet")
        return pl.read_parquet(piece, glob=False)

    def _copy(self, rows: str, path: Path, options: str) -> int:
        """Write the rows of a query to a file, and return their number."""
        path.unlink(missing_ok=True)
        return self._engine.number(f"COPY ({rows}) TO {literal(str(path))} ({options})")

    def write_origins(self, facts: Mapping[str, Any]) -> Path:
        """Write the origins with their metadata to the workspace."""
        path = self._folder / "origins.parquet"
        stored = f"KV_METADATA {{{METADATA}: {literal(json.dumps(facts))}}}"
        self._copy(self.origins, path, f"FORMAT parquet, COMPRESSION zstd, {stored}")
        return path


def _append(target: RecordsFile, frame: pl.DataFrame) -> None:
    try:
        target.append(frame)
    except NO_SPACE as error:
        raise no_space(error) from None
