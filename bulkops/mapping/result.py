"""Write the records and the origins of a mapping to files in the workspace."""
# ruff: noqa: S608 - checked expressions and quoted names enter the SQL

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bulkops.mapping.engine import Engine
from bulkops.mapping.query import StepMapping
from bulkops.mapping.staging import ROW
from bulkops.origins import METADATA
from bulkops.sources.table import LINE, PART
from bulkops.sql import literal, quoted


class MappingResult:
    """The result of a mapping in the workspace: the CSV and the origins, before they get their names."""

    def __init__(self, engine: Engine, mapping: StepMapping, texts: list[str], folder: Path) -> None:
        self._engine = engine
        self._mapping = mapping
        self._folder = folder
        self.csv = folder / "mapped.csv"
        self.origins = ""
        names = mapping.step.mapped_columns
        if len(names) == 1:  # a blank cell alone would be a blank line, not a record
            texts = [f"coalesce({text}, '')" for text in texts]
        self._cells = ", ".join(f"{text} AS {quoted(name)}" for name, text in zip(names, texts, strict=True))

    def write(self) -> tuple[int, int]:
        """Write the CSV; return the number of source rows in records, and of records."""
        mapping = self._mapping
        if mapping.in_order:
            records = self._copy_csv(f"SELECT {self._cells} {mapping.rows_clause()}")
            self.origins = f"SELECT {PART}, {LINE} {mapping.rows_clause()}"
            return records, records
        result = self._folder / "result.parquet"
        rows = f"SELECT {self._cells}, {mapping.origin_columns()} {mapping.rows_clause()}{mapping.order_clause()}"
        self._copy(rows, result, "FORMAT parquet, COMPRESSION lz4")
        read = f"read_parquet({literal(str(result))})"
        names = ", ".join(quoted(name) for name in mapping.step.mapped_columns)
        records = self._copy_csv(f"SELECT {names} FROM {read}")
        self.origins = f"SELECT {PART}, {LINE}{', _rows' if mapping.group else ''} FROM {read}"
        used = f"SELECT unnest(_rows) AS r FROM {read}" if mapping.group else f"SELECT {ROW} AS r FROM {read}"
        return self._engine.number(f"SELECT count(DISTINCT r) FROM ({used})"), records

    def _copy_csv(self, rows: str) -> int:
        return self._copy(rows, self.csv, "FORMAT csv, HEADER true, QUOTE '\"', ESCAPE '\"', NULLSTR ''")

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
