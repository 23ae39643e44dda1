"""Report a failed write with the file, the cause and the next step."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BufferedRandom, FileIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from bulkops.errors import BulkopsError, UsageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
ANOTHER_PATH = "choose a path on another disk"
ANOTHER_STATE = "set BULKOPS_STATE to a folder with enough space"
ANOTHER_TEMPORARY = "set TMPDIR to a folder with enough space"
BUFFER = 1 << 16


def next_step(error: OSError, instead: str = ANOTHER_PATH) -> str:
    """Return what to do about a failed write; `instead` is the alternative to making room."""
    if error.errno in FULL or error.errno is None:  # a library that reports a short write without the cause
        return f"Free disk space there, or {instead}."
    if error.errno == errno.EFBIG:
        return f"Raise the limit on the size of files (ulimit -f), or {instead}."
    if error.errno in FORBIDDEN:
        return f"Allow this user to write there, or {instead}."
    return f"Check the disk, or {instead}."


def not_written(
    path: Path | str,
    error: OSError,
    *,
    instead: str = ANOTHER_PATH,
    then: str = "",
    kind: type[BulkopsError] = UsageError,
) -> BulkopsError:
    """Return the error for a file or folder that cannot be written; `then` is a sentence about the consequence."""
    message = f"{path} cannot be written: {error.strerror or error}."
    return kind(f"{message} {then}" if then else message, hint=next_step(error, instead))


@contextmanager
def naming_errors(path: Path, *, instead: str = ANOTHER_PATH) -> Iterator[None]:
    """Turn an error while writing into a UsageError that names the file and the next step."""
    try:
        yield
    except OSError as error:
        raise not_written(path, error, instead=instead) from None


def temporary_file() -> BinaryIO:
    """Return an unnamed temporary file; UsageError, also from its writes, names the folder if the disk is full."""
    folder = tempfile.gettempdir()
    with (
        naming_errors(Path(folder), instead=ANOTHER_TEMPORARY),
        tempfile.TemporaryFile(prefix="bulkops-", buffering=0) as made,
    ):
        raw = _TemporaryRaw(os.dup(made.fileno()), "r+b")
    return cast("BinaryIO", BufferedRandom(raw, BUFFER))


class _TemporaryRaw(FileIO):
    """An open temporary file. A failed write raises once; later writes are dropped, so that it can be closed."""

    _failed = False

    def write(self, data: "Buffer") -> int:
        """Write data; UsageError if that fails."""
        if self._failed:
            return len(memoryview(data))
        try:
            return super().write(data)
        except OSError as error:
            self._failed = True
            raise temporary_not_written(error) from None


def temporary_writes() -> AbstractContextManager[None]:
    """Return a context in which a full disk is reported as that of the temporary files."""
    return naming_full_disk(_temporary(), instead=ANOTHER_TEMPORARY)


@contextmanager
def naming_full_disk(
    place: Path | str, *, instead: str = ANOTHER_STATE, kind: type[BulkopsError] = UsageError
) -> Iterator[None]:
    """Name the place to which a block writes if its disk is full; other errors may come from reading, and pass."""
    try:
        yield
    except Exception as error:
        if isinstance(error, BulkopsError) or not is_full(error):
            raise
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise not_written(place, full, instead=instead, kind=kind) from None


def temporary_not_written(error: OSError) -> BulkopsError:
    """Return the error for temporary files that cannot be written."""
    return not_written(_temporary(), error, instead=ANOTHER_TEMPORARY)


def _temporary() -> str:
    return f"The folder of temporary files {tempfile.gettempdir()}"


def is_full(error: BaseException) -> bool:
    """Return whether an error of the system, of SQLite or of polars means that the disk is full."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    # polars keeps only the text of an error of the system, in one of two forms.
    marks = (f"(os error {errno.ENOSPC})", f"[Errno {errno.ENOSPC}]")
    return getattr(error, "sqlite_errorname", "") == "SQLITE_FULL" or any(mark in str(error) for mark in marks)
