"""Read the bytes of a chunk from the file while they are sent, and check them before the request is complete."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path

from bulkops.errors import FileChanged, InputUnreadable
from bulkops.ledger.models import ChunkEntry, Piece
from bulkops.reading.sources import open_regular
from bulkops.remote.paths import fetch

BLOCK = 1 << 20
LARGE = 64 << 20
SETTLED_NS = 2_000_000_000
RESTORE_FILE = "Put the original file back and resume the job, or name it with `bulkops jobs resume JOB --file PATH`."


@dataclass(frozen=True, kw_only=True)
class FileStamp:
    """Identify one version of a file: a write or a replacement changes a field. Times in nanoseconds."""

    device: int
    inode: int
    size: int
    written: int
    changed: int


class ChunkBody:
    """Yield the header and the records of a chunk. Memory stays at one block, however large the chunk is.

    `header` replaces the file's own header if a job sends another one.

    Iterating raises FileChanged if the file cannot be read, and after the last byte if the bytes differ from the plan.
    The request is then never completed, so the server cannot import any of it. `completed` is the time at which the
    last byte was read, in seconds of `time.monotonic`.
    """

    def __init__(self, path: Path, header_end: int, chunk: ChunkEntry, *, header: bytes | None = None) -> None:
        self._path = path
        self._header = header
        self._pieces = [*([(0, header_end)] if header is None else []), *chunk.pieces]
        self._chunk = chunk
        self._checked: FileStamp | None = None
        self.completed: float | None = None

    @property
    def length(self) -> int:
        """The number of bytes of the file part."""
        return self._chunk.bytes

    def check(self) -> None:
        """Hash a large chunk before its request, so that this runs at full speed; FileChanged if the bytes differ.

        From then on only the file's times are compared, after the last byte has left. A file that was written to within
        the last two seconds could change without a new time, so it is hashed while it is sent, as small chunks are.
        """
        if self._chunk.bytes < LARGE:
            return
        before = settled_stamp(self._path)
        self._compare(self._digest())
        self._checked = before

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in blocks."""
        blocks = self._blocks()
        if self._checked is not None:
            yield from blocks
            if stamp_of(self._path) != self._checked:
                raise self._changed()
        else:
            digest = hashlib.sha256()
            for block in blocks:
                digest.update(block)
                yield block
            self._compare(digest.hexdigest())
        self.completed = time.monotonic()

    def _blocks(self) -> Iterator[bytes]:
        """Yield the bytes; FileChanged if the file can no longer be read, so that the request stays incomplete."""
        try:
            yield from self._read()
        except InputUnreadable as error:
            raise FileChanged(
                f"{error.message} The request of chunk {self._chunk.number} was not completed.", hint=RESTORE_FILE
            ) from None

    def _read(self) -> Iterator[bytes]:
        if self._header is not None:
            yield self._header
        yield from read_pieces(self._path, self._pieces)

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for block in self._read():
            digest.update(block)
        return digest.hexdigest()

    def _compare(self, sha256: str) -> None:
        if sha256 != self._chunk.sha256:
            raise self._changed()

    def _changed(self) -> FileChanged:
        return FileChanged(
            f"{self._path} has changed since it was planned: the bytes of chunk {self._chunk.number} differ. "
            "Its request was not completed.",
            hint=RESTORE_FILE,
        )


def stamp_of(path: Path) -> FileStamp:
    """Return the stamp of a file, or of the copy of a remote file; InputUnreadable if the file cannot be read."""
    fetch(path)
    try:
        found = path.stat()
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}.") from None
    return FileStamp(
        device=found.st_dev,
        inode=found.st_ino,
        size=found.st_size,
        written=found.st_mtime_ns,
        changed=found.st_ctime_ns,
    )


def settled_stamp(path: Path) -> FileStamp | None:
    """Return the stamp of a file; None if a write within the clock's resolution could leave the stamp unchanged.

    A later write changes the stamp of a file that was last written more than two seconds ago. InputUnreadable if the
    file cannot be read.
    """
    stamp = stamp_of(path)
    return stamp if time.time_ns() - max(stamp.written, stamp.changed) > SETTLED_NS else None


def read_pieces(path: Path, pieces: Sequence[Piece]) -> Iterator[bytes]:
    """Yield the bytes of the pieces in blocks, fewer if the file ends early; InputUnreadable if it cannot be read."""
    try:
        with open_regular(path) as file:
            for start, end in pieces:
                file.seek(start)
                yield from _blocks(file, end - start)
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}.") from None


def _blocks(file: RawIOBase, length: int) -> Iterator[bytes]:
    while length and (block := file.read(min(BLOCK, length))):
        length -= len(block)
        yield block


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file; InputUnreadable if it cannot be read."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}.") from None
