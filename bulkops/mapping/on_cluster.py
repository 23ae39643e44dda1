"""Map steps on a cluster: its workers map ranges of the source, and this process joins their records in order.

Only steps that work row by row are divided. Whatever a range cannot map is mapped again by `map_step`, so that results
and messages are those of one machine.
"""

import hashlib
import os
import shutil
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from uuid import uuid4

import polars as pl

from bulkops.cluster import Cluster
from bulkops.errors import BulkopsError, InputUnreadable
from bulkops.limits import MAX_COLUMNS, adjustable
from bulkops.mapping.engine import VALUE_ERRORS, Engine, LookupTable, bound
from bulkops.mapping.mapped import (
    MappedFile,
    Workspace,
    controlled,
    expose,
    facts_of,
    known_file,
    lookup_tables,
    map_step,
    mapping_key,
    specs_of,
    store_file,
)
from bulkops.mapping.query import SOURCE, mapping_of, refuse_unused
from bulkops.mapping.range_mapping import (
    MappedRange,
    MappingBuild,
    MappingTask,
    SourceTask,
    keys_of_range,
    map_range,
    places_of,
    sha256_of_file,
)
from bulkops.mapping.result import MappingQuery, MappingResult, query_of, write_origins
from bulkops.mapping.row_by_row import works_row_by_row
from bulkops.mapping.staging import Opened, digest_of_files, stage
from bulkops.origins import origins_path
from bulkops.reading.ranges import Span, joined_ranges
from bulkops.recipe import Step
from bulkops.remote.paths import RemotePath
from bulkops.sources.ranges import JsonReader, RangedFile, RangedSource, ranged_source
from bulkops.sources.table import LegacyTable, SourcePart
from bulkops.writing import OWN_ONLY, Permit, keep, part_file, temporary_folder

if TYPE_CHECKING:
    from bulkops.cluster import RemoteResult

_AHEAD = 3
"""Ranges submitted for each thread."""
_COPIED = 1 << 20


def map_step_on_cluster(
    step: Step, path: Path, space: Workspace, cluster: Cluster, *, permit: Permit = OWN_ONLY
) -> MappedFile:
    """Map a step as `map_step` does, with its errors; Unfinished if the cluster is lost.

    InputUnreadable if the workers cannot read the source or cannot write to the folder of the mapped file.
    """
    division = _divided(step, path, space, cluster, permit)
    found = None if division is None else division.mapped(path, permit)
    return found or map_step(step, path, space, permit=permit)


def _divided(step: Step, path: Path, space: Workspace, cluster: Cluster, permit: Permit) -> "_DividedStep | None":
    """Return how a step is divided; None if it is mapped on this machine, also to report its errors."""
    if step.source is None or isinstance(path, RemotePath) or step.joins or step.unnest or step.group:
        return None
    try:
        permit.check(path)
        source = ranged_source(step.source, cluster.threads)
    except BulkopsError:
        return None
    if source is None or sum(len(file.spans) for file in source.files) < 2:
        return None
    work = _WorkOnSource(cluster, source, path)
    if isinstance(source.files[0].reader, JsonReader):
        names = work.keys()
        if names is None:
            return None
        work.source = source = source.with_names(names)
    try:
        query, lookups, header = _prepared(step, source, space)
    except (BulkopsError, *VALUE_ERRORS):
        return None
    if query is None:
        return None
    return _DividedStep(step=step, space=space, work=work, query=query, lookups=lookups, header=header)


def _prepared(
    step: Step, source: RangedSource, space: Workspace
) -> tuple[MappingQuery | None, Mapping[str, LookupTable], bytes]:
    """Return the query of a step, its look-ups and the header of its file; no query if it cannot be divided.

    Errors as for `map_step`.
    """
    if not source.alike:
        return None, {}, b""
    empty = LegacyTable(columns=source.columns, parts=(), frames=lambda: iter(()))
    staged = {name: space.staged(spec) for name, spec in specs_of(step).items() if name != SOURCE}
    opened = Opened(spec=specs_of(step)[SOURCE], table=empty, digest="", stamps=[])
    no_rows = stage(opened, space.folder / uuid4().hex, counted=lambda rows: rows)
    mapping = mapping_of(step, {SOURCE: source.columns})
    with Engine(space.folder, threads=1) as engine:
        expose(engine, step, {SOURCE: no_rows, **staged})
        texts = bound(engine, mapping)
        refuse_unused(mapping)
        if not works_row_by_row(mapping, texts):
            return None, {}, b""
        query = query_of(mapping, texts)
        result = MappingResult(engine, query, space.folder, space.folder / "header.csv", source=no_rows)
        result.write()
    return query, dict(lookup_tables(step, staged)), result.csv.read_bytes()


class _Located(NamedTuple):
    """A mapped range, the index of its file, and where it ends; files follow each other in one numbering of offsets."""

    range: MappedRange
    file: int
    end: int


class _WorkOnSource:
    """The work of a cluster on the files of a source."""

    def __init__(self, cluster: Cluster, source: RangedSource, path: Path) -> None:
        self.cluster = cluster
        self.source = source
        self._what = f"The mapping into {path}"
        self._build = MappingBuild.here()
        sizes = [file.size for file in source.files]
        self._starts = [0, *accumulate(sizes[:-1])]
        self._hashes: list[RemoteResult] = []

    def keys(self) -> list[tuple[str, ...]] | None:
        """Return the keys of each file of JSON lines; None if a line is malformed or a file has none or too many."""
        found = [
            [self.cluster.submit("keys-of-range", keys_of_range, self._task(file, span)) for span in file.spans]
            for file in self.source.files
        ]
        names = []
        for futures in found:
            parts = [self._result(future) for future in futures]
            if None in parts:
                return None
            joined = tuple(dict.fromkeys(name for part in parts for name in part))
            if not 0 < len(joined) <= MAX_COLUMNS:
                return None
            names.append(joined)
        return names

    def submit_hashes(self) -> None:
        """Start to compute the SHA-256 of each file, which takes longest for a single file, before all other work."""
        self._hashes = [
            self.cluster.submit("hash-file", sha256_of_file, self._task(file, Span(0, file.size)), first=True)
            for file in self.source.files
        ]

    @cached_property
    def sha256(self) -> list[str]:
        """The SHA-256 of each file; `submit_hashes` must come before."""
        return [self._result(each) for each in self._hashes]

    def mapped(self, task: partial[MappingTask]) -> Iterator[_Located]:
        """Yield all mapped ranges in order; `task` lacks the range and the index of its file."""
        spans = [
            Span(start + span.start, start + span.end)
            for start, file in zip(self._starts, self.source.files, strict=True)
            for span in file.spans
        ]
        submit = partial(self._submit, task)
        return joined_ranges(
            spans,
            ahead=_AHEAD * self.cluster.threads,
            submit=submit,
            submit_first=partial(submit, first=True),
            result=self._located,
            drop=lambda given_up: self.cluster.release(given_up[1]),
        )

    def _submit(self, task: partial[MappingTask], span: Span, *, first: bool = False) -> tuple[int, "RemoteResult"]:
        number = bisect_right(self._starts, span.start) - 1
        start, file = self._starts[number], self.source.files[number]
        own = self._task(file, Span(span.start - start, span.end - start))
        return number, self.cluster.submit("map-range", map_range, task(range=own, part=number), first=first)

    def _located(self, submitted: tuple[int, "RemoteResult"]) -> _Located:
        number, future = submitted
        found: MappedRange = self._result(future)
        return _Located(found, number, self._starts[number] + found.end)

    def _task(self, file: RangedFile, span: Span) -> SourceTask:
        # A large file has thousands of other ranges.
        return SourceTask(file=replace(file, spans=()), span=span, limits=adjustable(), build=self._build)

    def _result(self, future: "RemoteResult") -> Any:
        found = self.cluster.result(future, self._what)
        self.cluster.release(future)
        return found


@dataclass(frozen=True, kw_only=True)
class _DividedStep:
    """A step with a source that is mapped in ranges. `header` is the first line of its file."""

    step: Step
    space: Workspace
    work: _WorkOnSource
    query: MappingQuery
    lookups: Mapping[str, LookupTable]
    header: bytes

    def mapped(self, path: Path, permit: Permit) -> MappedFile | None:
        """Return the mapped file; None if a range failed. A complete file of the same content is used again."""
        self.work.submit_hashes()
        if path.is_file() and (known := self._known(path)) is not None:
            return known
        with part_file(path, permit) as (file, part):
            joined = _Joined(file, self.space.folder / uuid4().hex, self.work.source)
            if not self._join(path, joined):
                self.work.cluster.cancel()
                return None
            file.flush()
            found = self._found(path, joined)
            with Engine(self.space.folder, readable=path.parent) as engine:
                found = controlled(self.step, engine, found, written=part)
            store_file(joined.write_origins(facts_of(found)), origins_path(path), permit)
            keep(file, part, path, permit)
        return found

    def _known(self, path: Path) -> MappedFile | None:
        digests = self._digests()
        known = known_file(self.step, path, mapping_key(self.step, digests), self.space)
        return None if known is None else replace(known, digests=digests)

    def _join(self, path: Path, joined: "_Joined") -> bool:
        """Join all ranges; return whether none failed."""
        with temporary_folder(path) as folder:
            # The workers run in folders of their own.
            shared = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay as they are
            joined.add_bytes(self.header)
            task = partial(
                MappingTask, columns=self.work.source.columns, spec=specs_of(self.step)[SOURCE], query=self.query,
                lookups=self._shared_lookups(shared), folder=str(shared),
            )  # fmt: skip
            for found in self.work.mapped(task):
                if found.range.failed:
                    return False
                joined.add(found, shared)
                self.space.progress(found.range.rows)
        return True

    def _shared_lookups(self, folder: Path) -> dict[str, LookupTable]:
        """Copy the sources of the look-ups to the shared folder, and return the look-ups as workers read them."""
        shared = {}
        for name, table in self.lookups.items():
            shared[name] = table
            if table.staged is not None:
                place = folder / f"lookup-{name}"
                place.mkdir()
                files = tuple(Path(shutil.copy(each, place)) for each in table.staged.files)
                shared[name] = replace(table, staged=replace(table.staged, files=files))
        return shared

    def _digests(self) -> dict[str, str]:
        """Return the digest of each source's content."""
        others = {name: spec for name, spec in specs_of(self.step).items() if name != SOURCE}
        known = {
            name: self.space.opened(spec).digest or self.space.staged(spec).digest for name, spec in others.items()
        }
        return {SOURCE: digest_of_files(self.work.sha256), **known}

    def _found(self, path: Path, joined: "_Joined") -> MappedFile:
        digests = self._digests()
        source = self.work.source
        return MappedFile(
            path=path, key=mapping_key(self.step, digests), sha256=joined.sha256, records=joined.records,
            source_rows=joined.rows, rows_used=joined.used, digests=digests, notes=source.notes,
            parts=tuple(
                SourcePart(name=file.name, unit=file.unit, sha256=sha256)
                for file, sha256 in zip(source.files, self.work.sha256, strict=True)
            ),
        )  # fmt: skip


class _Joined:
    """The records of mapped ranges in one file, and the places of their source rows in a private folder."""

    def __init__(self, file: BinaryIO, folder: Path, source: RangedSource) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._folder = folder
        self._lines = [each.reader.first_line for each in source.files]
        self._places: list[Path] = []
        self.rows = self.used = self.records = 0

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes."""
        return self._hash.hexdigest()

    def add_bytes(self, data: bytes) -> None:
        """Append bytes to the file."""
        self._file.write(data)
        self._hash.update(data)

    def add(self, found: _Located, shared: Path) -> None:
        """Append the files of a range, and remove them; InputUnreadable if they are not complete on this machine."""
        mapped = found.range
        records, places = shared / f"{mapped.name}.csv", shared / f"{mapped.name}.parquet"
        try:
            self._append(records, mapped.size)
            self._add_places(places, self._lines[found.file])
        except OSError as error:
            raise InputUnreadable(
                f"{shared.parent} does not contain all that a worker wrote there: {error.strerror or error}.",
                hint="Use a folder for the files that all machines share.",
            ) from None
        records.unlink()
        places.unlink()
        self._lines[found.file] += mapped.lines
        self.rows += mapped.rows
        self.used += mapped.used
        self.records += mapped.records

    def write_origins(self, facts: Mapping[str, Any]) -> Path:
        """Write the origins of all records to the private folder."""
        return write_origins(pl.scan_parquet(self._places, glob=False), facts, self._folder)

    def _append(self, path: Path, size: int) -> None:
        with path.open("rb") as records:
            while data := records.read(_COPIED):
                self.add_bytes(data)
                size -= len(data)
        if size:
            raise OSError("a file has another size")

    def _add_places(self, path: Path, first_line: int) -> None:
        self._folder.mkdir(exist_ok=True)
        self._places.append(self._folder / f"{len(self._places):06}.parquet")
        places_of(path, first_line).write_parquet(self._places[-1], compression="lz4", statistics=False)
