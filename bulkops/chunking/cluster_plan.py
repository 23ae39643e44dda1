"""Plan a file on a cluster: its workers count records and compute checksums, and this process divides it into chunks.

The rules for chunks are those of one machine; only the counts and the checksums are computed elsewhere.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bulkops.chunking.limits import ChunkLimits
from bulkops.chunking.odd_files import refuse_odd_file
from bulkops.chunking.plan import (
    ChunkBuilder,
    CountedBlock,
    FilePlan,
    NoSums,
    plan_file,
    plan_of,
    read_header,
    sent_header,
)
from bulkops.chunking.range_counts import CountedRange, CountTask, chunk_checksums, count_range
from bulkops.cluster import Cluster, opened_cluster
from bulkops.errors import InputUnreadable
from bulkops.limits import adjustable
from bulkops.reading.ranges import Span, joined_ranges, range_starts, spans_of
from bulkops.reading.sources import open_regular
from bulkops.remote.paths import RemotePath
from bulkops.validation.on_cluster import range_bytes
from bulkops.validation.range_check import FileVersion, sha256_of, this_build

if TYPE_CHECKING:
    from bulkops.cluster import DaskClient, RemoteResult

_AHEAD = 3
"""Ranges submitted for each thread."""
HASHED_BYTES = 64 << 20
"""Bytes of the chunks that one task computes the checksums of."""


def plan_on_cluster(
    path: Path,
    limits: ChunkLimits,
    cluster: "str | DaskClient",
    *,
    names: Mapping[str, str] = MappingProxyType({}),
    checksums: bool = True,
) -> FilePlan:
    """Return the plan of a file, as `plan_file` does, with its errors; see `opened_cluster` for those of a cluster.

    A remote file, a small file, and a file with blank lines are planned in this process.
    """
    refuse_odd_file(path)
    with opened_cluster(cluster) as opened:
        found = (
            None
            if isinstance(path, RemotePath)
            else planned_in_ranges(path, limits, opened, names, checksums=checksums)
        )
    return found or plan_file(path, limits, names=names, checksums=checksums)


def planned_in_ranges(
    path: Path, limits: ChunkLimits, cluster: Cluster, names: Mapping[str, str], *, checksums: bool = True
) -> FilePlan | None:
    """Return the plan of a local file; None if its ranges do not show the chunks of one machine."""
    try:
        with open_regular(path) as file:
            header, version = read_header(file, path), FileVersion.of_opened(file)
            spans = _spans(file, header, version.size, cluster.threads)
            if len(spans) < 2:
                return None
            work = _WorkOnFile(cluster, path, version)
            hashing = work.submit_hash()
            sent = sent_header(header, names)
            sums = _RemoteSums(work, sent) if checksums else NoSums()
            builder = ChunkBuilder(path, sent, limits, sums, start=len(header))
            for counted in work.counted(spans):
                if counted.unusual:
                    return None
                for block in _blocks(file, counted):
                    builder.add(block)
            chunks = builder.finish()
            return plan_of(path, header, chunks, size=version.size, sha256=work.result(hashing), names=names)
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}.") from None


def _spans(file: FileIO, header: bytes, size: int, threads: int) -> list[Span]:
    """Return the ranges of the records of a file; at most one if it is small."""
    if size <= len(header):
        return []
    length = range_bytes(size, threads)
    starts = range_starts(
        partial(_read_at, file),
        first=len(header),
        size=size,
        ranges=-(-size // length),
        separator=ord(","),
        width=header.count(b",") + 1,
    )
    return spans_of(starts, size)


def _read_at(file: FileIO, size: int, offset: int) -> bytes:
    file.seek(offset)
    return file.read(size) or b""


class _WorkOnFile:
    """The work of a cluster on one file."""

    def __init__(self, cluster: Cluster, path: Path, version: FileVersion) -> None:
        self.cluster = cluster
        # The workers run in folders of their own.
        self.file = os.path.abspath(path)  # noqa: PTH100 - links stay as they are
        self.version = version
        self._what = f"The plan of {path}"

    def counted(self, spans: list[Span]) -> Iterator[CountedRange]:
        """Yield the counted ranges in file order."""
        return joined_ranges(
            spans,
            ahead=_AHEAD * self.cluster.threads,
            submit=self._submit,
            submit_first=partial(self._submit, first=True),
            result=self.result,
            drop=self.cluster.release,
        )

    def _submit(self, span: Span, *, first: bool = False) -> "RemoteResult":
        task = CountTask(file=self.file, version=self.version, span=span, limits=adjustable(), build=this_build())
        return self.cluster.submit("count-range", count_range, task, first=first)

    def submit_hash(self) -> "RemoteResult":
        """Start to compute the SHA-256 of the file, which takes longest, before all other work."""
        return self.cluster.submit("hash-file", sha256_of, self.file, self.version, first=True)

    def submit_checksums(self, header: bytes, chunks: list[tuple[int, int]]) -> "RemoteResult":
        """Start to compute the SHA-256 of chunks."""
        return self.cluster.submit(
            "hash-chunks", chunk_checksums, self.file, self.version, header, chunks, this_build(), first=True
        )

    def result(self, future: "RemoteResult") -> Any:
        """Return a result, and free the memory of the worker."""
        found = self.cluster.result(future, self._what)
        self.cluster.release(future)
        return found


class _RemoteSums:
    """Computes the checksums of chunks on the workers, several chunks at a time."""

    def __init__(self, work: _WorkOnFile, header: bytes) -> None:
        self._header = header
        self._work = work
        self._batch = _Batch()

    def add(self, block: CountedBlock, start: int, end: int) -> None:
        """Do nothing: a worker reads the bytes."""

    def close(self, start: int, end: int) -> "_PlacedSum":
        batch, number = self._batch, len(self._batch.chunks)
        batch.chunks.append((start, end))
        if sum(last - first for first, last in batch.chunks) >= HASHED_BYTES:
            self._submit()
        return _PlacedSum(self, batch, number)

    def sums_of(self, batch: "_Batch") -> tuple[str, ...]:
        """Return the checksums of a batch."""
        if batch is self._batch:
            self._submit()
        if batch.sums is None:
            assert batch.future is not None
            batch.sums = self._work.result(batch.future)
        return batch.sums

    def _submit(self) -> None:
        self._batch.future = self._work.submit_checksums(self._header, self._batch.chunks)
        self._batch = _Batch()


@dataclass
class _Batch:
    """Chunks that one task reads, and their checksums once they are known."""

    chunks: list[tuple[int, int]] = field(default_factory=list)
    future: "RemoteResult | None" = None
    sums: tuple[str, ...] | None = None


@dataclass(frozen=True)
class _PlacedSum:
    """The checksum of one chunk of a batch."""

    sums: _RemoteSums
    batch: _Batch
    number: int

    def result(self) -> str:
        return self.sums.sums_of(self.batch)[self.number]


@dataclass(frozen=True)
class _BlockInFile:
    """A block of records that is read only if a chunk ends in it."""

    file: FileIO
    start: int
    size: int
    records: int
    whole: bool

    @property
    def data(self) -> bytes:
        return _read_at(self.file, self.size, self.start)


def _blocks(file: FileIO, counted: CountedRange) -> Iterator[CountedBlock]:
    """Yield the blocks of a range."""
    start = counted.end - sum(counted.sizes)
    last = len(counted.sizes) - 1
    for number, (size, records) in enumerate(zip(counted.sizes, counted.records, strict=True)):
        yield _BlockInFile(file, start, size, records, counted.whole or number < last)
        start += size
