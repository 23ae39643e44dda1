"""Open the source of a recipe as a table: one function for every format."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from glob import has_magic
from itertools import chain
from pathlib import Path

import polars as pl

from bulkops.errors import DataError, InputUnreadable
from bulkops.readback.parse.tables import LINE as EXPORT_LINE
from bulkops.readback.parse.tables import RECORD, read_frames
from bulkops.reading.sources import Source, expand, open_regular
from bulkops.recipe_source import SourceSpec
from bulkops.remote.paths import RemotePath, fetch, path_of
from bulkops.remote.searching import matching_addresses
from bulkops.sources import delimited, json_lines, parquet
from bulkops.sources.heading import distinct_names
from bulkops.sources.table import LegacyTable, SourcePart, batches, blank_as_null, empty_frame, with_origin
from bulkops.sources.workbook import Sheet

_READ = 1 << 20


def open_table(spec: SourceSpec) -> LegacyTable:
    """Return the source as a table.

    UsageError or InputUnreadable if it cannot be opened, DataError if it has no table. Malformed records are found
    while its frames are read.
    """
    if spec.file is None:
        return _database_table(spec)
    tables = [_file_table(each, spec, part) for part, each in enumerate(files_of(spec.file, spec.kind))]
    return _joined(tables)


def files_of(file: Path, kind: str) -> list[Source]:
    """Return the files of a source, in the order of their names."""
    if kind in {"csv", "jsonl", "export"}:
        return expand([str(file)])
    return [Source(str(path), partial(open_regular, path)) for path in _paths(file)]


def _paths(file: Path) -> list[Path]:
    """Return the files that a path or a pattern names; remote ones are copied. InputUnreadable if there are none."""
    if isinstance(file, RemotePath):
        found = matching_addresses(file.address) or [file]
        for path in found:
            path.fetch()
        return list(found)
    several = has_magic(str(file)) and not file.exists()
    paths = sorted(file.parent.glob(file.name)) if several else [file]
    if not paths or not paths[0].is_file():
        raise InputUnreadable(f"{file} does not exist.")
    return paths


def _file_table(source: Source, spec: SourceSpec, part: int) -> LegacyTable:
    match spec.kind:
        case "workbook":
            return _workbook_table(source, spec, part)
        case "jsonl":
            names = json_lines.key_names(source)
            columns = distinct_names(names)
            return _table(source, columns, lambda: batches(json_lines.rows(source, names), columns, part))
        case "parquet":
            return _parquet_table(source, part)
        case "export":
            return _export_table(source, part)
        case _:
            decoded = delimited.decoded_source(source, spec)
            dialect = delimited.read_dialect(decoded, spec)
            frames = partial(delimited.frames_of, decoded, dialect, part)
            return replace(_table(source, dialect.names, frames), notes=dialect.notes)


def _table(source: Source, columns: tuple[str, ...], frames: object, unit: str = "line") -> LegacyTable:
    part = SourcePart(name=source.path, unit=unit, sha256=content_sha256(source))
    return LegacyTable(columns=columns, parts=(part,), frames=frames)  # type: ignore[arg-type] # partials have no type


def _workbook_table(source: Source, spec: SourceSpec, part: int) -> LegacyTable:
    sheet = Sheet(_fetched(source), spec)
    table = _table(source, sheet.columns, lambda: batches(sheet.rows(), sheet.columns, part), "row")
    return replace(table, parts=(replace(table.parts[0], sheet=sheet.name),), notes=sheet.notes)


def _fetched(source: Source) -> Path:
    """Return the path of a source; a remote file is copied first, for libraries that open files themselves."""
    path = path_of(source.path)
    fetch(path)
    return path


def _parquet_table(source: Source, part: int) -> LegacyTable:
    path = _fetched(source)
    schema = parquet.schema_of(path)
    columns = distinct_names(list(schema))

    def frames() -> Iterator[pl.DataFrame]:
        start = 1
        for frame in parquet.slices(path, schema, columns):
            yield with_origin(blank_as_null(frame), pl.int_range(start, start + frame.height, dtype=pl.Int64), part)
            start += frame.height

    return _table(source, columns, frames, "record")


def _export_table(source: Source, part: int) -> LegacyTable:
    """Return an export of a deployment, which may contain raw lists and JSON in its cells."""
    with source.open() as stream:
        first = next(read_frames(_pieces(stream), name=source.path))
    names = [name for name in first.columns if name not in (RECORD, EXPORT_LINE)]
    columns = distinct_names(names)

    def frames() -> Iterator[pl.DataFrame]:
        with source.open() as stream:
            for frame in read_frames(_pieces(stream), name=source.path):
                lines = frame.get_column(EXPORT_LINE)
                yield with_origin(
                    blank_as_null(frame.select(names).rename(dict(zip(names, columns, strict=True)))), lines, part
                )

    return _table(source, columns, frames)


def _pieces(stream: object) -> Iterator[bytes]:
    while data := stream.read(_READ):  # type: ignore[attr-defined] # a stream of bytes
        yield data


def _database_table(spec: SourceSpec) -> LegacyTable:
    from bulkops.sources import database  # here, since SQLAlchemy takes long to load

    found = database.database_of(spec)
    columns = distinct_names(database.column_names(found))
    part = SourcePart(name=found.name, sheet=spec.table, unit="row")
    return LegacyTable(columns=columns, parts=(part,), frames=lambda: batches(database.rows(found), columns, 0))


def joined_columns(columns: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the columns of all files, in the order in which they first appear."""
    return tuple(dict.fromkeys(chain.from_iterable(columns)))


def _joined(tables: Sequence[LegacyTable]) -> LegacyTable:
    """Return the tables of several files as one, with the columns of all."""
    if len(tables) == 1:
        return tables[0]
    columns = joined_columns(table.columns for table in tables)
    odd = next((table for table in tables if set(table.columns) != set(columns)), None)
    if odd is not None:
        missing = ", ".join(name for name in columns if name not in odd.columns)
        raise DataError(f"{odd.name} lacks columns of the other files of the pattern: {missing}.")

    def frames() -> Iterator[pl.DataFrame]:
        wanted = empty_frame(columns).columns
        for table in tables:
            yield from (frame.select(wanted) for frame in table.frames())

    parts = tuple(part for table in tables for part in table.parts)
    return LegacyTable(columns=columns, parts=parts, frames=frames, notes=tables[0].notes)


def content_sha256(source: Source) -> str:
    """Return the SHA-256 of the content of a source, decompressed if it is compressed."""
    digest = hashlib.sha256()
    with source.open() as stream:
        while data := stream.read(_READ):
            digest.update(data)
    return digest.hexdigest()
