"""The bytes of a chunk as they leave: read from the file as they are needed, checked before the request is whole."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path

from bulkops.errors import FileChanged, InputUnreadable
from bulkops.ledger.models import ChunkEntry, Piece
from bulkops.reading.sources import open_regular

BLOCK = 1 << 20
LARGE = 64 << 20
SETTLED_NS = 2_000_000_000
PUT_BACK = "Put the original file back and resume the job, or name it with `bulkops jobs resume JOB --file PATH`."


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What changes when a file is written to or replaced; times in nanoseconds."""

    device: int
    inode: int
    size: int
    written: int
    changed: int


class ChunkBody:
    """The header and a chunk's pieces. Memory stays at one block however large the chunk is.

    `header` is sent instead of the file's own, where a job sends another one.

    Iterating raises FileChanged if the file cannot be read, and after the last byte if the bytes are not the ones
    that were planned: the request is then never completed, so nothing of it can be imported. `completed` is when the
    last byte had been read, in seconds of `time.monotonic`.
    """

    def __init__(self, path: Path, header_end: int, chunk: ChunkEntry, *, header: bytes | None = None) -> None:
        self._path = path
        self._header = header
        self._pieces = [*([(0, header_end)] if header is None else []), *chunk.pieces]
        self._chunk = chunk
        self._checked: Stamp | None = None
        self.completed: float | None = None

    @property
    def length(self) -> int:
        """How many bytes the file part has."""
        return self._chunk.bytes

    def check(self) -> None:
        """Hash a large chunk ahead of its request, which then goes at full speed; FileChanged if it has changed.

        What counts then is that the file's own times stay as they are until the last byte has left. A file written
        to within the last seconds could change without showing it, so it is hashed as it leaves, like small chunks.
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
        """Yield what is read; a file that cannot be read any more leaves the request incomplete as well."""
        try:
            yield from self._read()
        except InputUnreadable as error:
            raise FileChanged(
                f"{error.message} The request of chunk {self._chunk.number} was not completed.", hint=PUT_BACK
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
            f"{self._path} is not the file that was planned: the bytes of chunk {self._chunk.number} have changed. "
            "Its request was not completed.",
            hint=PUT_BACK,
        )


def stamp_of(path: Path) -> Stamp:
    """Return what the file system says of a file; InputUnreadable if it cannot be read."""
    try:
        found = path.stat()
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}.") from None
    return Stamp(
        device=found.st_dev,
        inode=found.st_ino,
        size=found.st_size,
        written=found.st_mtime_ns,
        changed=found.st_ctime_ns,
    )


def settled_stamp(path: Path) -> Stamp | None:
    """Return the stamp of a file, None if a write within the clock's resolution could leave it as it is.

    A later write changes the stamp of a file that was last written some time ago. InputUnreadable if it cannot be read.
    """
    stamp = stamp_of(path)
    return stamp if time.time_ns() - max(stamp.written, stamp.changed) > SETTLED_NS else None


def read_pieces(path: Path, pieces: Sequence[Piece]) -> Iterator[bytes]:
    """Yield the bytes of the pieces in blocks; fewer where the file ends early. InputUnreadable on failure."""
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
