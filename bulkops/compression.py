"""Compressed output, chosen by the suffix of a file name, and Zstandard input with limited memory."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

_WRITERS: dict[str, Callable[[BinaryIO], BinaryIO]] = {
    ".gz": lambda file: cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0)),
    ".zst": lambda file: cast("BinaryIO", zstandard.ZstdCompressor(level=6).stream_writer(file, closefd=False)),
}


def is_compressed(path: Path) -> bool:
    """Return whether the suffix of a file name means compression; case does not matter."""
    return path.suffix.lower() in _WRITERS


@contextmanager
def compressing(file: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """Yield a stream that compresses to an open file if the suffix of `path` requires it."""
    if not is_compressed(path):
        yield file
        return
    with _WRITERS[path.suffix.lower()](file) as target:
        yield target


_ZSTD_MAGIC = 0xFD2FB528
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_RUN = 1
"""The block type of one repeated byte."""
_PIECE = 1 << 16


def zstd_content(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the content of consecutive Zstandard frames (RFC 8878), at most 128 KiB at a time.

    `read` returns the requested number of bytes, fewer only at the end. EOFError for a truncated frame, ZstdError for a
    damaged one. The library's own streams decompress their whole input at once, and four bytes can expand to 128 KiB.
    """
    while start := read(4):
        magic = int.from_bytes(start, "little")
        if magic in _SKIPPABLE:
            _skip(read, int.from_bytes(_exactly(read, 4), "little"))
            continue
        decoder = zstandard.ZstdDecompressor().decompressobj()
        for piece in _frame(start, read):
            if content := decoder.decompress(piece):
                yield content
        if not decoder.eof:
            raise EOFError(_CUT_OFF)


_CUT_OFF = "the file ends inside a compressed frame"


def _frame(start: bytes, read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the header of a frame that begins with `start`, then its blocks one by one."""
    if len(start) == 4 and int.from_bytes(start, "little") != _ZSTD_MAGIC:
        raise zstandard.ZstdError("this is not a Zstandard frame")
    first = _exactly(read, 1)
    flags = first[0]
    window = 0 if flags & 0x20 else 1
    size = (1 if flags & 0x20 else 0, 2, 4, 8)[flags >> 6]
    yield start + first + _exactly(read, window + (0, 1, 2, 4)[flags & 3] + size)
    last = 0
    while not last:
        head = _exactly(read, 3)
        number = int.from_bytes(head, "little")
        last, kind, length = number & 1, number >> 1 & 3, number >> 3
        yield head + _exactly(read, 1 if kind == _RUN else length)
    if flags & 4:
        yield _exactly(read, 4)


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = read(size) if size else b""
    if len(data) < size:
        raise EOFError(_CUT_OFF)
    return data


def _skip(read: Callable[[int], bytes], size: int) -> None:
    while size:
        size -= len(_exactly(read, min(size, _PIECE)))
