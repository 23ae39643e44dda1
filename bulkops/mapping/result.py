"""Run the query of a mapping: write the records, and the place of the source row of each, to files."""
# ruff: noqa: S608 - checked expressions and quoted names enter the SQL

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
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
ROW_GROUP = 122_880
"""Records in a row group of the origins."""


@dataclass(frozen=True, kw_only=True)
class MappingQuery:
    """The SQL of a mapping over the view `source` and the look-ups of an engine.

    `cells` and `origin` are SELECT lists, and `rows` is the SQL that follows them. `order` is the ORDER BY clause; it
    is empty if the rows keep the order of the source without a sort.
    """

    names: tuple[str, ...]
    cells: str
    origin: str
    rows: str
    order: str
    grouped: bool


def query_of(mapping: StepMapping, texts: Sequence[str]) -> MappingQuery:
    """Return the query of a mapping; `texts` has the SQL of each import column."""
    names = mapping.step.mapped_columns
    if len(names) == 1:  # a blank cell alone would be a blank line, not a record
        texts = [f"coalesce({text}, '')" for text in texts]
    return MappingQuery(
        names=names,
        cells=", ".join(f"{text} AS {quoted(name)}" for name, text in zip(names, texts, strict=True)),
        origin=mapping.origin_columns(),
        rows=mapping.rows_clause(),
        order="" if mapping.in_order else mapping.order_clause(),
        grouped=bool(mapping.group),
    )


class MappingResult:
    """The result of a mapping: the CSV, and the origins in a folder, before they get their names.

    Without `header`, the CSV contains records only. `sha256` is the digest of a CSV with a header once it is written.
    """

    def __init__(
        self, engine: Engine, query: MappingQuery, folder: Path, csv: Path, *, source: Staged, header: bool = True
    ) -> None:
        self._engine = engine
        self._query = query
        self._source = source
        self._folder = folder
        self._header = header
        self.csv = csv
        self.sha256 = ""
        self._places = ""

    def write(self) -> tuple[int, int]:
        """Write the CSV; return the number of source rows in records, and of records."""
        query = self._query
        if not query.order:
            records = self._write_in_order(f"SELECT {query.cells} {query.rows}")
            self._places = f"SELECT {PART}, {LINE} {query.rows}"
            return records, records
        result = self._folder / "result.parquet"
        rows = f"SELECT {query.cells}, {query.origin} {query.rows}{query.order}"
        self._copy(rows, result, "FORMAT parquet, COMPRESSION lz4")
        read = f"read_parquet({literal(str(result))})"
        header = "true" if self._header else "false"
        form = f"FORMAT csv, HEADER {header}, QUOTE '\"', ESCAPE '\"', NULLSTR ''"
        records = self._copy(f"SELECT {', '.join(map(quoted, query.names))} FROM {read}", self.csv, form)
        self.sha256 = sha256_of(self.csv) if self._header else ""
        self._places = f"SELECT {PART}, {LINE}{', _rows' if query.grouped else ''} FROM {read}"
        used = f"SELECT unnest(_rows) AS r FROM {read}" if query.grouped else f"SELECT {ROW} AS r FROM {read}"
        return self._engine.number(f"SELECT count(DISTINCT r) FROM ({used})"), records

    def write_places(self, path: Path) -> None:
        """Write the part and the line of the source row of each record to a Parquet file."""
        self._copy(self._places, path, "FORMAT parquet, COMPRESSION lz4")

    def write_origins(self, facts: Mapping[str, Any]) -> Path:
        """Write the origins with their metadata to the folder."""
        places = self._folder / "places.parquet"
        self.write_places(places)
        return write_origins(pl.scan_parquet(places, glob=False), facts, self._folder)

    def _write_in_order(self, rows: str) -> int:
        """Write the records of a few staged files at a time; return their number.

        polars writes CSV with a third of the processor time of DuckDB, and a few files at a time fit in memory.
        """
        records = 0
        try:
            with FileIO(self.csv, "w+") as file, ThreadPoolExecutor(1) as writer:
                target, written = RecordsFile(file, header=self._header), list[Future[None]]()
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
        self.sha256 = target.sha256 if self._header else ""
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


def write_origins(places: pl.LazyFrame, facts: Mapping[str, Any], folder: Path) -> Path:
    """Write the places of all records as origins to a folder, with their metadata.

    The bytes depend on the places only: DuckDB would write row groups that depend on its input files and threads.
    """
    path = folder / "origins.parquet"
    try:
        places.sink_parquet(path, compression="zstd", row_group_size=ROW_GROUP, metadata={METADATA: json.dumps(facts)})
    except NO_SPACE as error:
        raise no_space(error) from None
    return path


def _append(target: RecordsFile, frame: pl.DataFrame) -> None:
    try:
        target.append(frame)
    except NO_SPACE as error:
        raise no_space(error) from None
