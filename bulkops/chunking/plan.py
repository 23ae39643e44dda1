"""Plan a file: divide it into chunks at record boundaries, with checksums, in one pass."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from html import escape
from io import RawIOBase
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from bulkops.chunking.limits import ChunkLimits
from bulkops.chunking.odd_files import refuse_odd_file
from bulkops.errors import DataError, InputUnreadable, LimitExceeded
from bulkops.limits import MAX_HEADER_BYTES, TooLarge
from bulkops.reading.records.boundaries import BLOCK, counted_blocks, inside_quotes, record_ends
from bulkops.reading.records.quoting import cells
from bulkops.reading.sources import open_regular

if TYPE_CHECKING:
    import polars as pl

P = ParamSpec("P")
T = TypeVar("T")
SMALL_BYTES = 64 << 10
"""Maximum bytes of a file that is planned without a thread."""
# `FilePlan` has a field named `bytes`, which hides the type.
HeaderBytes = bytes


@dataclass(frozen=True, kw_only=True)
class PlannedChunk:
    """Whole records sent in one request after the header; `bytes` and `sha256` include the header.

    `sha256` is empty in a plan without the checksums of chunks.
    """

    number: int
    first_record: int
    records: int
    start: int
    end: int
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, repr=False)
class FilePlan:
    """A file, its checksum, and its chunks. The header is everything before `header_end`.

    `sent_header` replaces the file's header in every chunk; None if the header is sent unchanged. `names` maps header
    names to the column names to send.
    """

    path: Path
    bytes: int
    sha256: str
    records: int
    header_end: int
    chunks: tuple[PlannedChunk, ...]
    sent_header: HeaderBytes | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def to_frame(self) -> "pl.DataFrame":
        """Return the chunks as a polars frame, one row per chunk."""
        import polars as pl

        return pl.DataFrame([vars(chunk) for chunk in self.chunks], infer_schema_length=None)

    def __repr__(self) -> str:
        size = f"{self.records:,} records, {self.bytes:,} bytes, {len(self.chunks):,} chunks"
        return f"FilePlan({str(self.path)!r}: {size})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.to_frame()._repr_html_()}"


def plan_file(
    path: Path, limits: ChunkLimits, *, names: Mapping[str, str] = MappingProxyType({}), checksums: bool = True
) -> FilePlan:
    """Read a file once and return its plan.

    `names` maps header names to the column names to send. Without `checksums` of chunks, a plan to look at takes half
    of the time to compute; it cannot be sent. DataError names a record larger than the maximum chunk, a
    quote that is never closed, or a file too large for an import that must not be split. Also raises the errors of
    `refuse_odd_file`.
    """
    refuse_odd_file(path)
    try:
        with open_regular(path) as file, _hashing_pool(path) as pool:
            header = read_header(file, path)
            sent = sent_header(header, names)
            reader = _HashingReader(file, pool, header)
            sums = _Sums(pool, sent) if checksums else NoSums()
            builder = ChunkBuilder(path, sent, limits, sums, start=len(header))
            try:
                for block in counted_blocks(reader.read, size=BLOCK):
                    builder.add(block)
            except TooLarge as error:
                raise LimitExceeded(f"{path}: {builder.place}: {error}.", hint=error.hint) from None
            chunks = builder.finish()
            return plan_of(path, header, chunks, size=reader.bytes, sha256=reader.digest(), names=names)
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}.") from None


def plan_of(
    path: Path, header: HeaderBytes, chunks: Sequence[PlannedChunk], *, size: int, sha256: str, names: Mapping[str, str]
) -> FilePlan:
    """Return the plan of a file with this header and these chunks."""
    sent = sent_header(header, names)
    return FilePlan(
        path=path,
        bytes=size,
        sha256=sha256,
        records=sum(c.records for c in chunks),
        header_end=len(header),
        chunks=tuple(chunks),
        sent_header=sent if sent != header else None,
        names=names,
    )


def read_header(file: RawIOBase, path: Path) -> bytes:
    """Read the header record, including its newline, and leave the file position after it."""
    head = file.read(MAX_HEADER_BYTES) or b""
    ends = record_ends(head)
    if ends:
        end = ends[0]
    elif len(head) == MAX_HEADER_BYTES:
        raise DataError(f"{path}: the header does not end within its first {MAX_HEADER_BYTES:,} bytes.")
    else:
        end = len(head)
    if not head[:end].strip():
        raise DataError(f"{path} is empty: it has no header.")
    file.seek(end)
    return head[:end]


class _AtOnce(Executor):
    """Calls each function in the thread that submits it."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Return a future with the result."""
        done: Future[T] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def _hashing_pool(path: Path) -> Executor:
    """Return the executor that computes the checksums of a file: for a small one, a thread takes longer to start."""
    return _AtOnce() if path.stat().st_size <= SMALL_BYTES else ThreadPoolExecutor(1)


class _HashingReader:
    """Reads a file and hashes it in another thread, at most one block behind."""

    def __init__(self, file: RawIOBase, pool: Executor, header: bytes) -> None:
        self._file = file
        self._pool = pool
        self._hash = hashlib.sha256(header)
        self._pending: Future[None] | None = None
        self.bytes = len(header)

    def read(self, size: int) -> bytes:
        block = self._file.read(size) or b""
        self.bytes += len(block)
        if self._pending is not None:
            self._pending.result()
        self._pending = self._pool.submit(self._hash.update, block)
        return block

    def digest(self) -> str:
        if self._pending is not None:
            self._pending.result()
        return self._hash.hexdigest()


class CountedBlock(Protocol):
    """Records as `RecordBlock` has them; the bytes may be read only when they are needed."""

    @property
    def data(self) -> bytes:
        """The bytes."""

    @property
    def size(self) -> int:
        """The number of bytes."""

    @property
    def records(self) -> int:
        """How many records end in it."""

    @property
    def whole(self) -> bool:
        """False only if the last record of the file has no newline."""


class Checksum(Protocol):
    """The checksum of a chunk, which is computed meanwhile."""

    def result(self) -> str:
        """Return the SHA-256 in hexadecimal."""


class ChunkSums(Protocol):
    """Computes the checksums of chunks."""

    def add(self, block: CountedBlock, start: int, end: int) -> None:
        """Add some bytes of a block to the open chunk."""

    def close(self, start: int, end: int) -> Checksum:
        """Return the checksum of the open chunk, and begin the next one. The chunk has these bytes of the file."""


class _Sums:
    """Computes the checksums of chunks from the bytes of their blocks, in another thread."""

    def __init__(self, pool: Executor, header: bytes) -> None:
        self._pool = pool
        self._header = header
        self._hash = hashlib.sha256(header)

    def add(self, block: CountedBlock, start: int, end: int) -> None:
        self._pool.submit(self._hash.update, memoryview(block.data)[start:end])

    def close(self, start: int, end: int) -> Checksum:  # noqa: ARG002 - the protocol names them
        found = self._pool.submit(self._hash.hexdigest)
        self._hash = hashlib.sha256(self._header)
        return found


class NoSums:
    """Leaves out the checksums of chunks."""

    def add(self, block: CountedBlock, start: int, end: int) -> None:
        """Do nothing."""

    def close(self, start: int, end: int) -> Checksum:  # noqa: ARG002 - the protocol names them
        """Return an empty checksum."""
        empty: Future[str] = Future()
        empty.set_result("")
        return empty


class ChunkBuilder:
    """Divides blocks of whole records into chunks; stores only figures of the open chunk, not its bytes.

    `header` is sent with every chunk; the records begin at byte `start` of the file.
    """

    def __init__(self, path: Path, header: bytes, limits: ChunkLimits, sums: ChunkSums, *, start: int) -> None:
        self._sums = sums
        self._path = path
        self._header = header
        self._limits = limits
        self._records_max_bytes = limits.max_bytes - len(header)
        self._chunks: list[tuple[PlannedChunk, Checksum]] = []
        self._offset = start
        self._first_record = 1
        self._open()

    @property
    def place(self) -> str:
        """The record after those already added, as messages name it."""
        return f"record {self._first_record + self._records:,} (byte {self._offset:,})"

    def _open(self) -> None:
        self._start = self._offset
        self._records = 0

    def add(self, block: CountedBlock) -> None:
        """Add the next records of the file; DataError as for `plan_file`."""
        if not block.whole:
            self._refuse_open_quote(block.data)
            self._add_cutting(block, _ends_without_newline(block.data))
            return
        fits = self._offset - self._start + block.size <= self._records_max_bytes
        if fits and self._records + block.records <= self._limits.max_records:
            self._append(block, 0, block.size, block.records)
        else:
            self._add_cutting(block, record_ends(block.data))

    def _add_cutting(self, block: CountedBlock, ends: list[int]) -> None:
        position = index = 0
        while index < len(ends):
            left = self._records_max_bytes - (self._offset - self._start)
            fitting = bisect_right(ends, position + left)
            stop = min(index + self._limits.max_records - self._records, fitting)
            if stop <= index and self._records == 0:
                self._refuse_large(self._first_record, ends[index] - position)
            if stop > index:
                self._append(block, position, ends[stop - 1], stop - index)
                position, index = ends[stop - 1], stop
            if index < len(ends):
                self._refuse_parts()
                self._close()
        self._append(block, position, block.size, 0)

    def _append(self, block: CountedBlock, start: int, end: int, records: int) -> None:
        self._sums.add(block, start, end)
        self._offset += end - start
        self._records += records

    def _close(self) -> None:
        chunk = PlannedChunk(
            number=len(self._chunks) + 1,
            first_record=self._first_record,
            records=self._records,
            start=self._start,
            end=self._offset,
            bytes=len(self._header) + self._offset - self._start,
            sha256="",
        )
        self._chunks.append((chunk, self._sums.close(self._start, self._offset)))
        self._first_record += self._records
        self._open()

    def finish(self) -> list[PlannedChunk]:
        """Return all chunks."""
        if self._limits.whole or self._records:
            self._close()
        return [replace(chunk, sha256=digest.result()) for chunk, digest in self._chunks]

    def _refuse_parts(self) -> None:
        if not self._limits.whole:
            return
        records = f"{self._limits.max_records:,} records and " if self._limits.max_records < 2**62 else ""
        raise DataError(
            f"{self._path} does not fit in one request; the maximum is {records}{self._limits.max_bytes:,} bytes. "
            "This import replaces all existing content: if it were sent in parts, only the last part would remain.",
            hint="Make the file smaller.",
        )

    def _refuse_large(self, record: int, size: int) -> None:
        raise DataError(
            f"{self._path}: record {record:,} (byte {self._offset:,}) has {size:,} bytes; with the header it exceeds "
            f"the maximum size of a chunk ({self._limits.max_bytes:,} bytes).",
            hint="Shorten the record, or raise --max-bytes (up to 500MB).",
        )

    def _refuse_open_quote(self, block: bytes) -> None:
        if not inside_quotes(block):
            return
        ends = record_ends(block)
        record = self._first_record + self._records + len(ends)
        byte = self._offset + (ends[-1] if ends else 0)
        raise DataError(
            f"{self._path}: a quote in record {record:,} (byte {byte:,}) is never closed.",
            hint="Run `bulkops validate` to find it.",
        )


def _ends_without_newline(block: bytes) -> list[int]:
    """Return the ends of the records of the last block of a file; its last record may have no newline."""
    ends = record_ends(block)
    rest = block[ends[-1] if ends else 0 :]
    return [*ends, len(block)] if rest.strip(b"\r\n") else ends


def sent_header(header: bytes, names: Mapping[str, str]) -> bytes:
    """Return a header line with some columns renamed and every other byte unchanged.

    `names` maps header names to the column names to send.
    """
    if not names:
        return header
    line = header.rstrip(b"\r\n")
    fields = [_renamed(line[start:end], names) for start, end in cells(line, 0, ord(","))]
    return b",".join(fields) + header[len(line) :]


def _renamed(field: bytes, names: Mapping[str, str]) -> bytes:
    quoted = len(field) > 1 and field.startswith(b'"') and field.endswith(b'"')
    written = (field[1:-1] if quoted else field).decode("utf-8", "replace")
    if written not in names:
        return field
    name = names[written].encode()
    return b'"' + name + b'"' if quoted else name
