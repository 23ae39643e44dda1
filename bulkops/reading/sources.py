"""Open content from files, compressed files, archive members, folders, patterns and standard input."""

import errno
import gzip
import os
import re
import stat
import sys
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from glob import has_magic, iglob
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard

from bulkops.disk import temporary_file
from bulkops.errors import InputUnreadable, LimitExceeded
from bulkops.limits import MAX_FILES, MAX_SPOOL_BYTES, adjustable
from bulkops.reading.archives import csv_members, open_member
from bulkops.reading.compressed import GZIP, ZSTD, expanded, opened
from bulkops.remote.addresses import is_remote, parsed
from bulkops.remote.paths import RemotePath, fetch, path_of
from bulkops.remote.searching import matching_addresses

try:
    from lzma import LZMAError
except ImportError:  # Python built without it cannot read such members at all.
    LZMAError = EOFError  # type: ignore[misc, assignment]

STDIN = "-"
_FOUND = (".csv", ".csv.gz", ".csv.zst", ".zip")
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, LZMAError, zstandard.ZstdError, zipfile.BadZipFile)
"""Exceptions raised when a damaged compressed file is read."""


class ReadFailed(OSError):
    """Raised if the content cannot be read to its end because of the disk or the network."""


@dataclass(frozen=True)
class Source:
    """Content that can be read from its start any number of times. `path` is its displayed name.

    `member` is the name of the content inside an archive, None outside archives.
    """

    path: str
    opener: Callable[[], BinaryIO]
    member: str | None = None

    @property
    def file(self) -> str:
        """The path or address of the file that contains the content: for a member, the archive."""
        return self.path if self.member is None else self.path.removesuffix(f"/{self.member}")

    def open(self) -> BinaryIO:
        """Return the content as a stream of bytes; InputUnreadable explains why it cannot be read."""
        try:
            return self.opener()
        except IsADirectoryError as error:
            raise InputUnreadable(
                f"{self.path} is a folder.", hint="Name files, or add --recursive to `bulkops validate`."
            ) from error
        except FileNotFoundError as error:
            raise InputUnreadable(f"{self.path} does not exist.") from error
        except OSError as error:
            raise InputUnreadable(f"{self.path} cannot be read: {error.strerror or error}.") from error


def file_source(path: Path) -> Source:
    """Return a file as a source; compressed content, detected by name or first bytes, is decompressed while reading.

    A remote file is copied when the source is first opened.
    """
    if isinstance(path, RemotePath):
        return Source(str(path), lambda: opened(open_regular(path), path.name, str(path)))
    mode = path.stat().st_mode if path.exists() else 0
    if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not path.samefile(os.devnull) and not _is_terminal(path)):
        return Source(str(path), lambda: _refuse_device(path))
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        # A pipe can be read only once.
        return _spooled(str(path), lambda: path.open("rb"))
    return Source(str(path), lambda: opened(open_regular(path), path.name, str(path)))


def source_in(file: str, member: str | None) -> Source:
    """Return the source that another process found: a file, the content of an address, or a member of an archive."""
    path = path_of(file)
    if member is None:
        return file_source(path)
    # An archive that cannot be listed has one source without a member, which raises the error.
    found = (source for source in _members(path) if source.member in {member, None})
    missing = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), member)
    return next(found, Source(f"{path}/{member}", partial(_raise, missing)))


def open_regular(path: Path) -> FileIO:
    """Return a regular file opened for reading, without a buffer; a remote file is copied first.

    InputUnreadable if it is now a pipe or a device: opening those may block forever, and they never end.
    """
    fetch(path)
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = FileIO(number)
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        file.close()
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise InputUnreadable(f"{path} is a pipe or a device, not a regular file.", hint="Write it to a file first.")
    return file


def _is_terminal(path: Path) -> bool:
    with path.open("rb") as file:
        return file.isatty()


def _refuse_device(path: Path) -> BinaryIO:
    raise InputUnreadable(f"{path} is a device, not a file.", hint="Name a CSV file, or `-` for standard input.")


def _members(path: Path) -> list[Source]:
    """Return the files in an archive; if they cannot be listed, a source that raises the error when it is opened."""
    try:
        # Raises the error for a missing file, a folder or a pipe.
        open_regular(path).close()
        infos = csv_members(path)
    except (OSError, InputUnreadable) as error:
        return [Source(str(path), partial(_raise, error))]
    return [Source(f"{path}/{info.filename}", partial(_member, path, info), info.filename) for info in infos]


def _raise(error: Exception) -> BinaryIO:
    raise error


def _member(path: Path, info: zipfile.ZipInfo) -> BinaryIO:
    open_regular(path).close()
    return expanded(open_member(path, info), lambda: info.compress_size)


def stdin_source() -> Source:
    """Return standard input as a source; a temporary file stores it, so that it can be read again."""
    return _spooled(STDIN, _stdin)


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise InputUnreadable("stdin is closed, so `-` cannot be read.", hint="Name a file.")
    return cast("BinaryIO", _KeptOpen(sys.stdin.buffer))


def _spooled(path: str, once: Callable[[], BinaryIO]) -> Source:
    """Return a source for content that can be read only once; a temporary file stores it."""
    spool = temporary_file()
    filled: list[bool] = []

    def opener() -> BinaryIO:
        if not filled:
            with once() as stream:
                _spool(stream, spool, path)
            filled.append(True)
        spool.seek(0)
        return opened(cast("BinaryIO", _KeptOpen(spool)), "", path)

    source = Source(path, opener)
    weakref.finalize(source, spool.close)
    return source


def _spool(stream: BinaryIO, spool: IO[bytes], path: str) -> None:
    """Copy a stream to a temporary file; LimitExceeded if it is too long or contains too long a line."""
    spool.seek(0)
    spool.truncate()
    line, most = 0, adjustable().record_bytes
    first = stream.read(len(ZSTD))
    spool.write(first)
    plain = not first.startswith((GZIP, ZSTD))
    while data := stream.read(1 << 20):
        spool.write(data)
        end = max(data.rfind(b"\n"), data.rfind(b"\r"))
        line = len(data) - end - 1 if end >= 0 else line + len(data)
        if plain and line > most:
            raise LimitExceeded(
                f"{path} contains a line of more than {most:,} bytes.",
                hint="If that is intended, raise --max-record-bytes.",
            )
        if spool.tell() > MAX_SPOOL_BYTES:
            raise LimitExceeded(
                f"{path} has more than {MAX_SPOOL_BYTES:,} bytes.", hint="Write it to a file first, and name the file."
            )


def stream_source(path: str, stream: IO[bytes]) -> Source:
    """Return a seekable stream as a source; the stream stays open."""

    def opener() -> BinaryIO:
        stream.seek(0)
        return cast("BinaryIO", _KeptOpen(stream))

    return Source(path, opener)


class _KeptOpen:
    """A stream that stays open when its user closes it."""

    def __init__(self, stream: object) -> None:
        self._stream = cast("BinaryIO", stream)
        self.read = self._stream.read
        self.seek = self._stream.seek
        self.tell = self._stream.tell
        self.seekable = self._stream.seekable

    def __enter__(self) -> "_KeptOpen":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the stream open."""


def expand(words: Iterable[str | Path], *, recursive: bool = False) -> list[Source]:
    """Return the sources that paths, addresses, patterns, folders and `-` name, each once, in the order given."""
    seen: dict[str, Source] = {}
    for word in words:
        for source in _named(word, recursive=recursive):
            seen.setdefault(source.path, source)
    return list(seen.values())


def _named(word: str | Path, *, recursive: bool) -> Iterator[Source]:
    if str(word) == STDIN:
        yield stdin_source()
        return
    for path in _paths(word, recursive=recursive):
        if path.suffix.lower() == ".zip":
            yield from _members(path)
        else:
            yield file_source(path)


def _paths(word: str | Path, *, recursive: bool) -> Sequence[Path]:
    if isinstance(word, RemotePath):
        return [word]
    if is_remote(str(word)):
        address = parsed(str(word))
        return matching_addresses(address, suffixes=_FOUND if recursive else ()) or [RemotePath(address)]
    path = Path(word)
    if path.is_dir() and recursive:
        wanted = (f for f in path.rglob("*") if f.name.lower().endswith(_FOUND) and f.is_file())
        return limited(wanted, str(path)) or [path]
    if has_magic(str(path)) and not path.exists():
        return limited(matching(str(path)), str(path)) or [path]
    return [path]


def matching(pattern: str) -> Iterator[Path]:
    """Yield the files that match a pattern; `**` does not follow links to folders, which may form loops.

    As in a shell, a name that begins with a dot matches only a pattern with a dot at that position.
    """
    before, stars, _ = pattern.partition("**")
    if not stars:
        yield from map(Path, iglob(pattern))  # noqa: PTH207 - absolute patterns too
        return
    folder = before.rpartition("/")[0] or ("/" if before.startswith("/") else ".")
    rest = pattern[len(before.rpartition("/")[0]) :].lstrip("/")
    hidden = re.search(r"(?:^|/)\.", rest) is not None
    for root in sorted(map(Path, iglob(folder))):  # noqa: PTH207 - as above
        for path in root.glob(rest):
            if hidden or not any(part.startswith(".") for part in path.relative_to(root).parts):
                yield path


def limited(paths: Iterable[Path], called: str) -> list[Path]:
    """Return the paths, sorted; LimitExceeded if there are more than one pattern may match."""
    found = list(islice(paths, MAX_FILES + 1))
    if len(found) > MAX_FILES:
        raise LimitExceeded(f"{called} names more than {MAX_FILES:,} files.", hint="Name fewer files at a time.")
    return sorted(found)
