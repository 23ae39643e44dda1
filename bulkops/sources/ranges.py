"""Divide the files of a source into ranges for several processes, and read one range as the reader of the table does.

The rows of all ranges together are the rows of the table. Lines count from the start of a range, because a process that
reads one range does not know how many lines precede it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from glob import has_magic
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO, Protocol

import duckdb
import polars as pl

from bulkops.limits import adjustable
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.ranges import Span, range_starts, spans_of
from bulkops.reading.sources import Source, source_in
from bulkops.recipe_source import SourceSpec
from bulkops.remote.paths import RemotePath
from bulkops.sources import delimited, json_lines, parquet
from bulkops.sources.delimited import Dialect
from bulkops.sources.heading import distinct_names
from bulkops.sources.opening import files_of, joined_columns
from bulkops.sources.table import batches, blank_as_null, with_origin
from bulkops.validation.on_cluster import range_bytes, shared_file
from bulkops.validation.range_check import FileVersion

_NEAR = 1 << 16
"""Bytes after a border that are read at a time to find the end of a line."""


@dataclass
class Extent:
    """The end of a range in its file, and the number of line feeds or of Parquet records in it.

    Both are complete after the last frame.
    """

    end: int
    lines: int = 0


class RangeReader(Protocol):
    """Reads ranges of the files of one format. `first_line` is the number of the first row in a file."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""

    @property
    def first_line(self) -> int:
        """The number of the first row, or of the line before it, as `frames` counts."""

    def frames(self, source: Source, span: Span, part: int, extent: Extent) -> Iterator[pl.DataFrame]:
        """Yield the rows of a range as frames of a `LegacyTable`, with lines that count from its start."""


@dataclass(frozen=True, kw_only=True)
class RangedFile:
    """A file of a source, and the ranges into which it is divided.

    `size` is the end of the last range, in bytes; for Parquet in records. `file` is the path for all processes.
    """

    name: str
    file: str
    member: str | None
    version: FileVersion
    unit: str
    size: int
    spans: tuple[Span, ...]
    reader: RangeReader

    @property
    def source(self) -> Source:
        """The content of the file, in any process."""
        return source_in(self.file, self.member)


@dataclass(frozen=True, kw_only=True)
class RangedSource:
    """The files of a source with their ranges. `notes` are those of the table."""

    files: tuple[RangedFile, ...]
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all files."""
        return joined_columns(each.reader.columns for each in self.files)

    @property
    def alike(self) -> bool:
        """Whether each file has all columns."""
        return all(set(each.reader.columns) == set(self.columns) for each in self.files)

    def with_names(self, names: Sequence[tuple[str, ...]]) -> "RangedSource":
        """Return the source of JSON lines with the keys of each file."""
        pairs = zip(self.files, names, strict=True)
        return replace(self, files=tuple(replace(each, reader=JsonReader(names=found)) for each, found in pairs))


def ranged_source(spec: SourceSpec, threads: int) -> RangedSource | None:
    """Return the ranges of a source for so many threads; None if its files cannot be read in several processes.

    Errors as for `open_table`. The keys of JSON lines are not known yet.
    """
    if spec.file is None or isinstance(spec.file, RemotePath) or spec.kind not in _OPENERS:
        return None
    found: list[tuple[Source, FileVersion]] = []
    for source in files_of(spec.file, spec.kind):
        # Opening a pipe would take its content away.
        shared_file(source)
        version = FileVersion.of(source.file)
        if version is None:
            return None
        found.append((source, version))
    length = range_bytes(sum(version.size for _, version in found), threads)
    files = tuple(_OPENERS[spec.kind](source, version, spec, length) for source, version in found)
    notes = files[0].reader.dialect.notes if isinstance(files[0].reader, CsvReader) else ()
    return RangedSource(files=files, notes=notes)


def _ranged(
    source: Source, version: FileVersion, reader: RangeReader, spans: Sequence[Span], unit: str = "line"
) -> RangedFile:
    return RangedFile(
        name=source.path, file=shared_file(source), member=source.member, version=version, unit=unit,
        size=spans[-1].end if spans else 0, spans=tuple(spans), reader=reader,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CsvReader:
    """Reads ranges of a CSV file; the first one contains the header."""

    dialect: Dialect
    spec: SourceSpec

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self.dialect.names

    @property
    def first_line(self) -> int:
        """The line of the first record."""
        return self.dialect.first_line

    @property
    def first_record(self) -> int:
        """The offset of the first record."""
        return self.dialect.mark + self.dialect.skipped

    def frames(self, source: Source, span: Span, part: int, extent: Extent) -> Iterator[pl.DataFrame]:
        """Yield the rows of a range; errors as for `frames_of`, and TooLarge for a record that is too long."""
        counted = replace(self.dialect, first_line=0)
        with source.open() as stream:
            if not divisible(stream, self.dialect, self.spec):
                extent.end = span.end
                yield from delimited.frames_of(delimited.decoded_source(source, self.spec), counted, part)
                return
            start = span.start or self.first_record
            stream.seek(start)
            reader = ContentReader(stream, hashed=False, start=start)
            width, until = len(counted.names), span.end - start
            extent.end = start
            for block in blocks(
                reader, separator=counted.separator, width=width, size=delimited.BLOCK_BYTES, until=until
            ):
                yield delimited.block_frame(block, source.path, counted, extent.lines, part)
                extent.end += len(block.data)
                extent.lines += block.feeds


def divisible(stream: BinaryIO, dialect: Dialect, spec: SourceSpec) -> bool:
    """Return whether a CSV file can be read from any record on: a plain file in UTF-8 with usual quotes."""
    plain = ContentReader(stream, dialect.form, hashed=False).divisible and spec.encoding is None
    # Blocks longer than a record may be decide where an endless record ends, and ranges have other blocks.
    return plain and dialect.usual and adjustable().record_bytes >= delimited.BLOCK_BYTES


def _csv(source: Source, version: FileVersion, spec: SourceSpec, length: int) -> RangedFile:
    dialect = delimited.read_dialect(delimited.decoded_source(source, spec), spec)
    reader = CsvReader(dialect=dialect, spec=spec)
    starts = [0]
    with source.open() as stream:
        if divisible(stream, dialect, spec):
            starts = range_starts(
                partial(_read_at, stream),
                first=reader.first_record,
                size=version.size,
                ranges=-(-version.size // length),
                separator=dialect.separator,
                width=len(dialect.names),
            )
    return _ranged(source, version, reader, spans_of([0, *starts[1:]], version.size))


def _read_at(file: BinaryIO, size: int, offset: int) -> bytes:
    file.seek(offset)
    return file.read(size) or b""


@dataclass(frozen=True, kw_only=True)
class JsonReader:
    """Reads ranges of JSON lines with the keys `names`; each range begins with a line."""

    names: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return distinct_names(self.names)

    @property
    def first_line(self) -> int:
        """The line before the first one, because lines count from 1."""
        return 0

    def frames(self, source: Source, span: Span, part: int, extent: Extent) -> Iterator[pl.DataFrame]:
        """Yield the rows of a range; errors as for `json_lines.records`."""
        found = ((line, [record.get(name) for name in self.names]) for line, record in _records(source, span, extent))
        yield from batches(found, self.columns, part)


def keys_in(source: Source, span: Span) -> tuple[str, ...]:
    """Return the names of all keys in a range of JSON lines, in the order of their first appearance."""
    names: dict[str, None] = {}
    for _, record in _records(source, span, Extent(span.start)):
        names.update(dict.fromkeys(record))
    return tuple(names)


def _records(source: Source, span: Span, extent: Extent) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    extent.end = span.end
    with source.open() as stream:
        if not isinstance(stream, FileIO):  # compressed: the file is one range
            yield from json_lines.records(source)
            return
        stream.seek(span.start)
        yield from json_lines.records_in(_lines(stream, span, extent), source.path)


def _lines(stream: FileIO, span: Span, extent: Extent) -> Iterator[str]:
    """Yield the lines of a range without a byte order mark, and count them."""
    offset = span.start
    with BufferedReader(stream) as lines:
        for line in lines:
            yield line.decode("utf-8" if offset else "utf-8-sig")
            extent.lines += 1
            offset += len(line)
            if offset >= span.end:
                return


def _json(source: Source, version: FileVersion, _spec: SourceSpec, length: int) -> RangedFile:
    starts = [0]
    with source.open() as stream:
        borders = range(length, version.size, length) if isinstance(stream, FileIO) else ()
        for border in borders:
            if (start := _line_start(stream, border)) > starts[-1]:
                starts.append(start)
    return _ranged(
        source, version, JsonReader(), spans_of([each for each in starts if each < version.size], version.size)
    )


def _line_start(stream: BinaryIO, border: int) -> int:
    """Return the offset of the first line that begins at a border or after it; the size of the file if none does."""
    offset = border - 1
    while data := _read_at(stream, _NEAR, offset):
        if (end := data.find(b"\n")) >= 0:
            return offset + end + 1
        offset += len(data)
    return offset


@dataclass(frozen=True, kw_only=True)
class ParquetReader:
    """Reads ranges of the records of a Parquet file."""

    columns: tuple[str, ...]

    @property
    def first_line(self) -> int:
        """The record before the first one, because records count from 1."""
        return 0

    def frames(self, source: Source, span: Span, part: int, extent: Extent) -> Iterator[pl.DataFrame]:
        """Yield the rows of a range; errors as for `parquet.slices`."""
        path, start = Path(source.path), 1
        schema = parquet.schema_of(path)
        extent.end, extent.lines = span.end, span.end - span.start
        for frame in parquet.slices(path, schema, self.columns, start=span.start, end=span.end):
            numbers = pl.int_range(start, start + frame.height, dtype=pl.Int64)
            yield with_origin(blank_as_null(frame), numbers, part)
            start += frame.height


def _parquet(source: Source, version: FileVersion, _spec: SourceSpec, length: int) -> RangedFile:
    """Return a Parquet file with its ranges: row groups with about `length` bytes of values."""
    path = Path(source.path)
    columns = distinct_names(list(parquet.schema_of(path)))
    starts, held, rows = [0], 0, 0
    for records, size in _row_groups(path):
        if held and held + size > length:
            starts.append(rows)
            held = 0
        held, rows = held + size, rows + records
    return _ranged(source, version, ParquetReader(columns=columns), spans_of(starts, rows) if rows else (), "record")


def _row_groups(path: Path) -> list[tuple[int, int]]:
    """Return the number of records and of uncompressed bytes of each row group.

    A path that DuckDB would read as a pattern has one group.
    """
    if has_magic(str(path)):
        return [(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item(), 0)]
    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.execute(
            "SELECT any_value(row_group_num_rows), sum(total_uncompressed_size) FROM parquet_metadata(?) "
            "GROUP BY row_group_id ORDER BY row_group_id",
            [str(path)],
        ).fetchall()
    return [(int(records), int(size)) for records, size in rows]


_OPENERS = {"csv": _csv, "jsonl": _json, "parquet": _parquet}
