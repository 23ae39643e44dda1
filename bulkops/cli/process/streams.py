"""The streams of the process, made fit for whatever is printed: a reader that goes away ends no command."""

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
"""What the system says where a pipe or a socket has no reader any more."""
PATIENCE = 1.0
"""Seconds that a message waits for a reader that has asked not to be waited for."""


class LastingBuffer(io.BufferedWriter):
    """The buffer of stdout: once it cannot be written, its content and what follows are dropped.

    `failure` is how writing failed, None if it did not, or if only the reader went away. All writing is left to the
    base class: a signal between two lines of Python must not let anything be written twice.
    """

    def __init__(self, number: int) -> None:
        super().__init__(io.FileIO(number, "w", closefd=False))
        self.failure: OSError | None = None

    def write(self, data: "Buffer") -> int:
        """Take all of the data."""
        left = memoryview(data)
        while left:
            try:
                left = left[super().write(left) :]
            except BlockingIOError as error:
                left = left[error.characters_written :]
                _may_be_written(self.fileno(), patience=None)
            except OSError as error:
                self._drop(error)
        return len(memoryview(data))

    def flush(self) -> None:
        """Write what is left, or drop it."""
        while True:
            try:
                return super().flush()
            except BlockingIOError:
                _may_be_written(self.fileno(), patience=None)
            except OSError as error:
                self._drop(error)

    def _drop(self, error: OSError) -> None:
        self.failure = None if _reader_is_gone(error, self.fileno()) else error
        _closed(self.fileno())


class LastingOutlet(io.RawIOBase):
    """stderr without a buffer, since signal handlers write to it in the middle of another write.

    Once it cannot be written, what follows is dropped.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._open = True

    def writable(self) -> bool:
        """Say that this is written to."""
        return True

    def fileno(self) -> int:
        """Return the number."""
        return self._number

    def isatty(self) -> bool:
        """Tell whether the stream is a terminal."""
        return os.isatty(self._number)

    def write(self, data: "Buffer") -> int:
        """Write all of the data, or drop it where that cannot be done."""
        left = memoryview(data)
        while left and self._open:
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                if not _may_be_written(self._number, patience=PATIENCE):
                    break
            except OSError:
                self._open = False
        return len(memoryview(data))


def usable_streams() -> None:
    """Let nothing that is printed end a command; UsageError if there is no stdout.

    A closed stream's number goes to the next file that is opened, and what is printed would land in that. Characters
    that a stream cannot show are written out.
    """
    if sys.stdin is None:
        _closed(0)
    if sys.stderr is None:
        _closed(2)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")
    if sys.stdout is None:
        _closed(1)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
        raise UsageError("stdout is closed.", hint="Send it to a file, or to /dev/null.")
    sys.stdout = _lasting(sys.stdout, LastingBuffer, write_through=False)
    # A raw stream that always writes all it is given will do for a buffer, as it does for `python -u`.
    unbuffered = cast("type[LastingBuffer]", LastingOutlet)
    sys.stderr = _lasting(sys.stderr, unbuffered, write_through=True)


def lost_output() -> OSError | None:
    """Return why stdout could not be written, None if it could, or if nobody reads it any more."""
    sys.stdout.flush()
    buffer = sys.stdout.buffer if isinstance(sys.stdout, io.TextIOWrapper) else None
    return buffer.failure if isinstance(buffer, LastingBuffer) else None


def _lasting(stream: TextIO, kind: Callable[[int], io.BufferedWriter], *, write_through: bool) -> TextIO:
    """Return a stream for the same number that is never in the way; another kind of stream stays as it is."""
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


def _may_be_written(number: int, *, patience: float | None) -> bool:
    """Wait for the reader of a stream that does not wait itself; return whether there is room, after `patience`."""
    return bool(select.select([], [number], [], patience)[1])


def _reader_is_gone(error: OSError, number: int) -> bool:
    """Return whether a pipe has no reader any more, or a terminal is gone."""
    hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(number).st_mode)
    return error.errno in GONE or hung_up


def _closed(number: int) -> None:
    """Let a stream's number stand for nothing."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
