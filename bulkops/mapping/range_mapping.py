"""Map one range of a source by itself, in any process that can read the file; the results are joined elsewhere.

The functions here depend on their arguments and on the bytes of the file only, so a lost range can be mapped again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import duckdb
import polars as pl

from bulkops.errors import DataError, InputUnreadable, UsageError
from bulkops.limits import Adjustable, TooLarge, limited_by
from bulkops.mapping.engine import VALUE_ERRORS, Engine, LookupTable
from bulkops.mapping.query import SOURCE
from bulkops.mapping.result import MappingQuery, MappingResult
from bulkops.mapping.staging import Opened, Staged, stage
from bulkops.reading.ranges import Span
from bulkops.recipe_source import SourceSpec
from bulkops.sources.opening import content_sha256
from bulkops.sources.ranges import Extent, RangedFile, keys_in
from bulkops.sources.table import LegacyTable, empty_frame
from bulkops.temporary import temporary_folder
from bulkops.validation.range_check import Build, require_build, this_build, unchanged

_DEFECTS = (DataError, InputUnreadable, TooLarge, *VALUE_ERRORS)
"""Errors that the content of a range causes."""


@dataclass(frozen=True, kw_only=True)
class MappingBuild:
    """The versions that must be equal in all processes that map ranges of a source."""

    bulkops: Build
    duckdb: str

    @classmethod
    def here(cls) -> "MappingBuild":
        """Return the versions of this process."""
        return cls(bulkops=this_build(), duckdb=duckdb.__version__)

    def require(self) -> None:
        """Raise UsageError if this process, which is a worker, has other versions."""
        require_build(self.bulkops)
        if self.duckdb != duckdb.__version__:
            raise UsageError(
                f"A worker has DuckDB {duckdb.__version__}; this process has DuckDB {self.duckdb}.",
                hint="Install the same version on all workers.",
            )


@dataclass(frozen=True, kw_only=True)
class SourceTask:
    """A file of a source, or a range of it, for a worker."""

    file: RangedFile
    span: Span
    limits: Adjustable
    build: MappingBuild


@dataclass(frozen=True, kw_only=True)
class MappingTask:
    """A range to map. `columns` are those of all files, and `part` is the index of the file among them.

    `folder` is shared by all processes: it contains the look-ups, and receives the results.
    """

    range: SourceTask
    part: int
    columns: tuple[str, ...]
    spec: SourceSpec
    query: MappingQuery
    lookups: Mapping[str, LookupTable]
    folder: str


@dataclass(frozen=True, kw_only=True)
class MappedRange:
    """The counts of a mapped range, and the names of its files: the records, and the places of their source rows.

    `end` is the offset after the last row, and `lines` the number of line feeds or Parquet records. `failed`: a row
    cannot be read or mapped, and no files were written.
    """

    end: int
    lines: int = 0
    rows: int = 0
    used: int = 0
    records: int = 0
    size: int = 0
    name: str = ""
    failed: bool = False


def map_range(task: MappingTask) -> MappedRange:
    """Map a range, write its files to the shared folder, and return its counts.

    InputUnreadable if the file has changed or if the folder is missing; UsageError in a process of another version.
    """
    task.range.build.require()
    folder, file, span = Path(task.folder), task.range.file, task.range.span
    if not folder.is_dir():
        raise InputUnreadable(f"{folder} does not exist.", hint="Use a folder for the files that all machines share.")
    extent = Extent(span.end)
    with limited_by(task.range.limits), unchanged(file.file, file.version), temporary_folder() as own:
        try:
            frames = (frame.select(_order(task)) for frame in file.reader.frames(file.source, span, task.part, extent))
            table = LegacyTable(columns=task.columns, parts=(), frames=lambda: frames)
            opened = Opened(spec=task.spec, table=table, digest="", stamps=[])
            staged = stage(opened, own / "staged", counted=lambda rows: rows)
            return replace(_mapped(task, staged, own), end=extent.end, lines=extent.lines)
        except _DEFECTS:
            return MappedRange(end=span.end, failed=True)


def _order(task: MappingTask) -> list[str]:
    return empty_frame(task.columns).columns


def _mapped(task: MappingTask, staged: Staged, own: Path) -> MappedRange:
    """Map the staged rows of a range; a repeated task writes files with other names."""
    folder, name = Path(task.folder), uuid4().hex
    with Engine(own, threads=1, readable=folder) as engine:
        engine.add(SOURCE, staged)
        for each, lookup in task.lookups.items():
            engine.add_lookup(each, lookup)
        csv = folder / f"{name}.csv"
        result = MappingResult(engine, task.query, own, csv, source=staged, header=False)
        used, records = result.write()
        result.write_places(folder / f"{name}.parquet")
    return MappedRange(end=0, rows=staged.rows, used=used, records=records, size=csv.stat().st_size, name=name)


def keys_of_range(task: SourceTask) -> tuple[str, ...] | None:
    """Return the keys of a range of JSON lines in the order of their first appearance; None if a line is malformed."""
    task.build.require()
    with limited_by(task.limits), unchanged(task.file.file, task.file.version):
        try:
            return keys_in(task.file.source, task.span)
        except _DEFECTS:
            return None


def sha256_of_file(task: SourceTask) -> str:
    """Return the SHA-256 of the content of a file; InputUnreadable if it has changed."""
    task.build.require()
    with limited_by(task.limits), unchanged(task.file.file, task.file.version):
        return content_sha256(task.file.source)


def places_of(path: Path, first_line: int) -> pl.DataFrame:
    """Return the places of the source rows of a range; `first_line` is the number of lines in front of the range."""
    return pl.read_parquet(path, glob=False).with_columns(pl.col("_line") + first_line)
