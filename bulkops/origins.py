"""The origin of each record of a mapped file: the file, sheet and line of its legacy row.

A mapped file NAME has its origins in NAME.origins.parquet: one row per record, in order, with the index of the part and
the line there, and with a list of both for a record of several rows. The metadata contains the parts, and the SHA-256
of the mapped file, so that origins are never shown for another file.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkops.checksums import sha256_of
from bulkops.sql import literal

if TYPE_CHECKING:
    import polars as pl

    from bulkops.json_documents.findings import OriginDocument
    from bulkops.json_documents.runs import MappedFromDocument

SUFFIX = ".origins.parquet"
METADATA = "bulkops"
PART, LINE, ROWS = "_part", "_line", "_rows"
BLOCK = 100_000
"""Number of origins read at a time."""


@dataclass(frozen=True, kw_only=True)
class SourceOrigin:
    """The legacy row of a record. `unit` is the word for `line`; `rows` is the number of rows behind the record."""

    file: str
    sheet: str | None
    unit: str
    line: int
    rows: int = 1

    def __str__(self) -> str:
        """Return the place for a message."""
        more = f" and {self.rows - 1} more" if self.rows > 1 else ""
        return f"{_place(self.file, self.sheet, self.unit)} {self.line}{more}"

    def to_json(self) -> "OriginDocument":
        """Return the origin as documents contain it."""
        return {"file": self.file, "sheet": self.sheet, "unit": self.unit, "line": self.line, "rows": self.rows}


def origins_path(mapped: Path) -> Path:
    """Return the path of the origins of a mapped file."""
    return mapped.with_name(mapped.name + SUFFIX)


@dataclass(kw_only=True)
class SourceOrigins:
    """The origins of the records of one mapped file. `facts` are the metadata that the mapping stored."""

    path: Path
    facts: Mapping[str, Any]
    _block: tuple[int, "pl.DataFrame"] | None = None

    @classmethod
    def beside(cls, mapped: Path) -> "SourceOrigins | None":
        """Return the origins beside a file; None if there are none that can be read."""
        path = origins_path(mapped)
        if not os.path.isfile(path):  # noqa: PTH113 - False also for a name that is too long
            return None
        import polars as pl  # only where a mapped file is read

        try:
            facts = json.loads(pl.read_parquet_metadata(path)[METADATA])
        except (OSError, ValueError, KeyError, pl.exceptions.PolarsError):
            return None
        return cls(path=path, facts=facts) if isinstance(facts, dict) else None

    @classmethod
    def of_content(cls, mapped: Path, sha256: str | None = None) -> "SourceOrigins | None":
        """Return the origins beside a file if they belong to its content; else None.

        `sha256` is the digest of the content, if it is known already.
        """
        found = cls.beside(mapped)
        if found is None:
            return None
        try:
            content = sha256 or sha256_of(mapped)
        except OSError:
            return None
        return found if found.facts.get("sha256") == content else None

    @property
    def parts(self) -> Sequence[Mapping[str, Any]]:
        """The files, sheets and tables of the rows."""
        parts: Sequence[Mapping[str, Any]] = self.facts["parts"]
        return parts

    def to_json(self) -> "MappedFromDocument":
        """Return the sources and the books of their rows."""
        source, used = self.facts["source_rows"], self.facts["rows_used"]
        return {
            "sources": [{"file": p["name"], "sheet": p["sheet"], "sha256": p["sha256"]} for p in self.parts],
            "rows": {"source": source, "used": used, "left_out": source - used},
            "records": self.facts["records"],
        }

    def of_record(self, record: int) -> SourceOrigin | None:
        """Return the origin of a record, counted from 1; None if the record does not exist."""
        import polars as pl

        number, position = divmod(record - 1, BLOCK)
        if self._block is None or self._block[0] != number:
            scanned = pl.scan_parquet(self.path, glob=False)
            self._block = (number, scanned.slice(number * BLOCK, BLOCK).collect())
        frame = self._block[1]
        return _origin(frame.row(position, named=True), self.parts) if 0 <= position < frame.height else None

    def sql(self) -> str:
        """Return the SQL of a table with the `record` and the place of its row as text."""
        names = [_place(part["name"], part["sheet"], part["unit"]) for part in self.parts]
        places = ", ".join(map(literal, names))
        read = f"read_parquet({literal(str(self.path))}, file_row_number = true)"
        return f"SELECT file_row_number + 1 AS record, ([{places}])[{PART} + 1] || ' ' || {LINE} AS place FROM {read}"  # noqa: S608 - our own words and quoted names


def _place(name: str, sheet: str | None, unit: str) -> str:
    return f"{name}, sheet {sheet}, {unit}" if sheet else f"{name}, {unit}"


def _origin(row: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> SourceOrigin:
    part = parts[row[PART]]
    rows = len(row[ROWS]) if row.get(ROWS) else 1
    return SourceOrigin(file=part["name"], sheet=part["sheet"], unit=part["unit"], line=row[LINE], rows=rows)
