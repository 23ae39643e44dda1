"""Run the query of a mapping: write the import file, and the place of the source row of each record."""
# ruff: noqa: S608 - checked expressions and quoted names enter the SQL

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from bulkops.errors import UsageError
from bulkops.mapping.engine import Engine
from bulkops.mapping.query import StepMapping
from bulkops.mapping.staging import NO_SPACE, ROW
from bulkops.origins import METADATA
from bulkops.sources.table import LINE, PART
from bulkops.sql import literal, quoted

ROW_GROUP = 122_880
"""Records in a row group of the origins."""


@dataclass(frozen=True, kw_only=True)
class MappingQuery:
    """The SQL of a mapping over the view `source` and the look-ups of an engine.

    `cells` and `origin` are SELECT lists, and `rows` is what follows them. `order` is the ORDER BY clause; it is empty
    if the rows keep the order of the source without a sort.
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
    """The result of a mapping in a folder: the CSV, and the places of the source rows.

    Without `header`, the CSV contains records only.
    """

    def __init__(self, engine: Engine, query: MappingQuery, folder: Path, csv: Path, *, header: bool = True) -> None:
        self._engine = engine
        self._query = query
        self._folder = folder
        self._header = header
        self.csv = csv
        self._places = ""

    def write(self) -> tuple[int, int]:
        """Write the CSV; return the number of source rows in records, and of records."""
        query = self._query
        if not query.order:
            records = self._copy_csv(f"SELECT {query.cells} {query.rows}")
            self._places = f"SELECT {PART}, {LINE} {query.rows}"
            return records, records
        result = self._folder / "result.parquet"
        self._copy(
            f"SELECT {query.cells}, {query.origin} {query.rows}{query.order}", result, "FORMAT parquet, COMPRESSION lz4"
        )
        read = f"read_parquet({literal(str(result))})"
        records = self._copy_csv(f"SELECT {', '.join(map(quoted, query.names))} FROM {read}")
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

    def _copy_csv(self, rows: str) -> int:
        header = "true" if self._header else "false"
        return self._copy(rows, self.csv, f"FORMAT csv, HEADER {header}, QUOTE '\"', ESCAPE '\"', NULLSTR ''")

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
        raise UsageError(
            f"The origins cannot be written to {folder}: {str(error).splitlines()[0]}",
            hint="Free disk space there, or set BULKOPS_STATE to a folder with enough space.",
        ) from None
    return path
