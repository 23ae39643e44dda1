"""Standard streams that never end a command: closed pipes, full disks and odd encodings are handled."""

import errno
import io
import os
import select
import stat
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO, cast

from bulkops.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

GONE = frozenset({errno.EPIPE, errno.ECONNRESET})
"""Errors of a pipe or socket without a reader."""
PATIENCE = 1.0
"""Maximum seconds that a message waits for a slow reader of a non-blocking stderr."""


class StdoutBuffer(io.BufferedWriter):
    """The buffer of stdout. After a failed write it drops its content and everything written later.

    `failure` is the error of that write; None without an error, or if the reader closed the pipe. The base class does
    all writing, because a signal between two Python lines must not write anything twice.
    """

    def __init__(self, number: int) -> None:
        super().__init__(io.FileIO(number, "w", closefd=False))
        self.failure: OSError | None = None

    def write(self, data: "Buffer") -> int:
        """Accept all of the data."""
        left = memoryview(data)
        while left:
            try:
                left = left[super().write(left) :]
            except BlockingIOError as error:
                left = left[error.characters_written :]
                _wait_until_writable(self.fileno(), patience=None)
            except OSError as error:
                self._drop(error)
        return len(memoryview(data))

    def flush(self) -> None:
        """Write the buffered data, or drop it if that fails."""
        while True:
            try:
                return super().flush()
            except BlockingIOError:
                _wait_until_writable(self.fileno(), patience=None)
            except OSError as error:
                self._drop(error)

    def _drop(self, error: OSError) -> None:
        self.failure = None if _reader_is_gone(error, self.fileno()) else error
        _connect_to_null(self.fileno())


class StderrStream(io.RawIOBase):
    """stderr without a buffer, because signal handlers write to it during another write.

    After a failed write it drops everything written later.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._open = True

    def writable(self) -> bool:
        """Return True: the stream is writable."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return os.isatty(self._number)

    def write(self, data: "Buffer") -> int:
        """Write all of the data, or drop it if that fails."""
        left = memoryview(data)
        while left and self._open:
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                if not _wait_until_writable(self._number, patience=PATIENCE):
                    break
            except OSError:
                self._open = False
        return len(memoryview(data))


def prepare_streams() -> None:
    """Replace stdout and stderr so that printing never ends a command; UsageError if stdout is closed.

    A closed stream is opened on the null device: otherwise the next opened file would get its descriptor, and printed
    text would be written to that file. Characters that a stream cannot encode are written as escapes.
    """
    if sys.stdin is None:
        _connect_to_null(0)
    if sys.stderr is None:
        _connect_to_null(2)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")
    if sys.stdout is None:
        _connect_to_null(1)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
        raise UsageError("stdout is closed.", hint="Redirect it to a file, or to /dev/null.")
    sys.stdout = _replaced(sys.stdout, StdoutBuffer, write_through=False)
    # A raw stream that always writes all it is given will do for a buffer, as it does for `python -u`.
    unbuffered = cast("type[StdoutBuffer]", StderrStream)
    sys.stderr = _replaced(sys.stderr, unbuffered, write_through=True)


def output_failure() -> OSError | None:
    """Return the error of a failed write to stdout; None without an error, or if the reader closed the pipe."""
    sys.stdout.flush()
    buffer = sys.stdout.buffer if isinstance(sys.stdout, io.TextIOWrapper) else None
    return buffer.failure if isinstance(buffer, StdoutBuffer) else None


def _replaced(stream: TextIO, kind: Callable[[int], io.BufferedWriter], *, write_through: bool) -> TextIO:
    """Return a stream for the same descriptor that never raises; other kinds of streams are returned unchanged."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    try:
        number = stream.fileno()
    except OSError:
        return stream
    return io.TextIOWrapper(
        kind(number),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=write_through,
    )


def _wait_until_writable(number: int, *, patience: float | None) -> bool:
    """Wait until a non-blocking stream is writable, at most `patience` seconds; return whether it is."""
    return bool(select.select([], [number], [], patience)[1])


def _reader_is_gone(error: OSError, number: int) -> bool:
    """Return whether the reader of a pipe, or the terminal, is gone."""
    hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(number).st_mode)
    return error.errno in GONE or hung_up


def _connect_to_null(number: int) -> None:
    """Connect a file descriptor to the null device."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
