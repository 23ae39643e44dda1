"""Compressed output: the end of a file's name says whether and how."""

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
    """Tell whether a file of this name is compressed; upper and lower case are the same."""
    return path.suffix.lower() in _WRITERS


@contextmanager
def compressing(file: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """Yield what to write to so that an open file has the content that a file called `path` should have."""
    if not is_compressed(path):
        yield file
        return
    with _WRITERS[path.suffix.lower()](file) as target:
        yield target
