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
from bulkops.reading.compressed import opened

try:
    from lzma import LZMAError
except ImportError:  # built without it, Python does not read such members at all
    LZMAError = EOFError  # type: ignore[misc, assignment]

STDIN = "-"
_FOUND = (".csv", ".csv.gz", ".csv.zst", ".zip")
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, LZMAError, zstandard.ZstdError, zipfile.BadZipFile)
"""What reading a damaged compressed file raises."""


class TooLarge(Exception):
    """The content exceeds a limit; `what` and `where` in it, and the `hint` that names the option."""

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


class ReadFailed(OSError):
    """The content could not be read to its end: the disk or the network failed, not where results are written."""


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
            raise InputUnreadable(
                f"{self.path} is a folder.", hint="Name files; `bulkops validate` takes folders with --recursive."
            ) from error
        except FileNotFoundError as error:
            raise InputUnreadable(f"{self.path}: there is no such file.") from error
        except OSError as error:
            raise InputUnreadable(f"{self.path} cannot be read: {error.strerror or error}.") from error


def file_source(path: Path) -> Source:
    """Return a file as a source; compressed content, by name or by its first bytes, is decompressed as it is read."""
    if path.exists() and not path.is_file() and not path.is_dir():
        return _spooled(str(path), lambda: path.open("rb"))  # a pipe can be read only once
    return Source(str(path), lambda: opened(path.open("rb", buffering=0), path.name, str(path)))


def _members(path: Path) -> list[Source]:
    """Return the files in an archive; the archive itself, which will say what is wrong, if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if _is_wanted(info.filename)]
    except (OSError, zipfile.BadZipFile):
        return [Source(str(path), lambda: _refuse_archive(path))]
    if not names:
        return [Source(str(path), lambda: _refuse_without(path))]
    return [Source(f"{path}/{name}", lambda name=name: _member(path, name)) for name in sorted(names)]  # type: ignore[misc] # the default binds the loop's name


def _is_wanted(name: str) -> bool:
    """Tell whether a member is a CSV file; what macOS puts beside each file is none."""
    last = name.rpartition("/")[2]
    return last.lower().endswith(".csv") and not last.startswith("._") and not name.startswith("__MACOSX/")


def _refuse_without(path: Path) -> BinaryIO:
    raise InputUnreadable(f"{path} holds no .csv file.", hint="Archives in archives are not looked into: unpack it.")


def _member(path: Path, name: str) -> BinaryIO:
    try:
        with zipfile.ZipFile(path) as archive:  # whose file stays open until the member is closed
            return cast("BinaryIO", archive.open(name))
    except RuntimeError as error:  # zipfile's way to say encrypted, or compressed as it cannot read
        raise InputUnreadable(f"{path}/{name} cannot be read: {error}.", hint="Unpack the archive.") from error


def _refuse_archive(path: Path) -> BinaryIO:
    path.open("rb").close()  # a missing file or a folder says so itself
    raise InputUnreadable(f"{path} is no zip archive, or a damaged one.")


def stdin_source() -> Source:
    """Return standard input as a source: what comes in goes to a temporary file, so that it can be read again."""
    return _spooled(STDIN, lambda: cast("BinaryIO", _Lent(sys.stdin.buffer)))


def _spooled(path: str, once: Callable[[], BinaryIO]) -> Source:
    """Return what can be read only once as a source, by way of a temporary file."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the source
    filled: list[bool] = []

    def opener() -> BinaryIO:
        if not filled:
            with once() as stream:
                shutil.copyfileobj(stream, spool, 1 << 20)
            filled.append(True)
        spool.seek(0)
        return opened(cast("BinaryIO", _Lent(spool)), "", path)

    source = Source(path, opener)
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
        self.tell = self._stream.tell
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
        if path.suffix.lower() == ".zip":
            yield from _members(path)
        else:
            yield file_source(path)


def _paths(path: Path, *, recursive: bool) -> list[Path]:
    if path.is_dir() and recursive:
        return sorted(f for f in path.rglob("*") if f.name.lower().endswith(_FOUND) and f.is_file()) or [path]
    if has_magic(str(path)) and not path.exists():
        return [Path(found) for found in sorted(glob(str(path), recursive=True))] or [path]  # noqa: PTH207 - absolute patterns too
    return [path]
