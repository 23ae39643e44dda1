"""The bytes of a chunk as they leave: read from the file as they are needed, checked before the request is whole."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import RawIOBase
from pathlib import Path

from bulkops.errors import GuardRefused, InputUnreadable
from bulkops.ledger.entries import ChunkEntry, Piece

BLOCK = 1 << 20
BLOCKS_BEHIND = 4


class ChunkBody:
    """The header and a chunk's pieces. Memory stays at one block however large the chunk is.

    Iterating raises GuardRefused after the last byte if the bytes are not the ones that were planned: the request
    is then never completed, so nothing of it can be taken in.
    """

    def __init__(self, path: Path, header_end: int, chunk: ChunkEntry) -> None:
        self._path = path
        self._pieces = [(0, header_end), *chunk.pieces]
        self._chunk = chunk

    @property
    def length(self) -> int:
        """How many bytes the file part has."""
        return self._chunk.bytes

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in blocks."""
        digest = hashlib.sha256()
        blocks = read_pieces(self._path, self._pieces)
        yield from _hashed_aside(blocks, digest) if self._chunk.bytes > BLOCK else _hashed(blocks, digest)
        if digest.hexdigest() != self._chunk.sha256:
            raise GuardRefused(
                f"{self._path} is not the file that was planned: the bytes of chunk {self._chunk.number} have changed. "
                "The request was broken off.",
                hint="Put the original file back and resume, or cancel the job and import the new file.",
            )


def _hashed(blocks: Iterator[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for block in blocks:
        digest.update(block)
        yield block


def _hashed_aside(blocks: Iterator[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    """Hash on another core, a few blocks behind what leaves; all is hashed when this ends."""
    behind: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for block in blocks:
            if len(behind) > BLOCKS_BEHIND:
                behind.popleft().result()
            behind.append(pool.submit(digest.update, block))
            yield block


def read_pieces(path: Path, pieces: Sequence[Piece]) -> Iterator[bytes]:
    """Yield the bytes of the pieces in blocks; fewer where the file ends early. InputUnreadable on failure."""
    try:
        with path.open("rb", buffering=0) as file:
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
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}.") from None
