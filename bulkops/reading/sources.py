"""Where content comes from: files, compressed files, members of archives, folders, patterns, standard input."""

import gzip
import shutil
import sys
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard

from bulkops.errors import InputUnreadable

STDIN = "-"
_FOUND = ("*.csv", "*.csv.gz", "*.csv.zst", "*.zip")
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError, zipfile.BadZipFile)
"""What reading a damaged compressed file raises."""


@dataclass(frozen=True)
class Source:
    """Something that can be read from its start, any number of times. `path` is how people call it."""

    path: str
    opener: Callable[[], BinaryIO]

    def open(self) -> BinaryIO:
        """Return the content as a stream of bytes; InputUnreadable says why it cannot be read."""
        try:
            return self.opener()
        except IsADirectoryError as error:
            raise InputUnreadable(f"{self.path} is a folder.", hint="Name files, or add --recursive.") from error
        except FileNotFoundError as error:
            raise InputUnreadable(f"{self.path}: there is no such file.") from error
        except OSError as error:
            raise InputUnreadable(f"{self.path} cannot be read: {error.strerror or error}.") from error


def file_source(path: Path) -> Source:
    """Return a file as a source; what ends in .gz or .zst is decompressed as it is read."""
    if path.suffix == ".gz":
        return Source(str(path), lambda: cast("BinaryIO", gzip.open(path, "rb")))
    if path.suffix == ".zst":
        return Source(str(path), lambda: _zstandard(path))
    return Source(str(path), lambda: path.open("rb", buffering=0))


def _zstandard(path: Path) -> BinaryIO:
    raw = path.open("rb")
    return cast("BinaryIO", zstandard.ZstdDecompressor().stream_reader(raw, closefd=True, read_across_frames=True))


def _members(path: Path) -> list[Source]:
    """Return the files in an archive; the archive itself, which will say what is wrong, if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (OSError, zipfile.BadZipFile):
        return [Source(str(path), lambda: _refuse_archive(path))]
    return [Source(f"{path}/{name}", lambda name=name: _member(path, name)) for name in sorted(names)]  # type: ignore[misc] # the default binds the loop's name


def _member(path: Path, name: str) -> BinaryIO:
    return cast("BinaryIO", zipfile.ZipFile(path).open(name))


def _refuse_archive(path: Path) -> BinaryIO:
    path.open("rb").close()  # a missing file or a folder says so itself
    raise InputUnreadable(f"{path} is no zip archive, or a damaged one.")


def stdin_source() -> Source:
    """Return standard input as a source: what comes in goes to a temporary file, so that it can be read again."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the source
    filled: list[bool] = []

    def opener() -> BinaryIO:
        if not filled:
            shutil.copyfileobj(sys.stdin.buffer, spool, 1 << 20)
            filled.append(True)
        spool.seek(0)
        return cast("BinaryIO", _Lent(spool))

    source = Source(STDIN, opener)
    weakref.finalize(source, spool.close)
    return source


def stream_source(path: str, stream: IO[bytes]) -> Source:
    """Return a seekable stream that stays open as a source."""

    def opener() -> BinaryIO:
        stream.seek(0)
        return cast("BinaryIO", _Lent(stream))

    return Source(path, opener)


class _Lent:
    """A stream that stays open when whoever was given it is done."""

    def __init__(self, stream: object) -> None:
        self._stream = cast("BinaryIO", stream)
        self.read = self._stream.read
        self.seek = self._stream.seek
        self.seekable = self._stream.seekable

    def __enter__(self) -> "_Lent":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the stream open."""


def expand(words: Iterable[str], *, recursive: bool = False) -> list[Source]:
    """Return the sources that paths, patterns, folders and `-` name, each once, in the order given."""
    seen: dict[str, Source] = {}
    for word in words:
        for source in _named(word, recursive=recursive):
            seen.setdefault(source.path, source)
    return list(seen.values())


def _named(word: str, *, recursive: bool) -> Iterator[Source]:
    if word == STDIN:
        yield stdin_source()
        return
    for path in _paths(Path(word), recursive=recursive):
        if path.suffix == ".zip":
            yield from _members(path)
        else:
            yield file_source(path)


def _paths(path: Path, *, recursive: bool) -> list[Path]:
    if path.is_dir() and recursive:
        return sorted({found for pattern in _FOUND for found in path.rglob(pattern) if found.is_file()}) or [path]
    if has_magic(str(path)) and not path.exists():
        return [Path(found) for found in sorted(glob(str(path), recursive=True))] or [path]  # noqa: PTH207 - absolute patterns too
    return [path]
