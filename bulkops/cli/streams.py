"""The streams of the process, made fit for whatever is printed: a reader that goes away ends no command."""

import errno
import io
import os
import select
import stat
import sys
from typing import TextIO, cast

from bulkops.errors import UsageError

GONE = frozenset({errno.EPIPE, errno.ECONNRESET})
"""What the system says where a pipe or a socket has no reader any more."""
PATIENCE = 1.0
"""Seconds that a message waits for a reader that has asked not to be waited for."""


class Outlet(io.RawIOBase):
    """The number of a stream, written to until that fails; what comes later is dropped.

    `failure` is how writing failed, None if it did not, or if only the reader went away.
    """

    def __init__(self, number: int, *, patience: float | None) -> None:
        self._number = number
        self._patience = patience
        self._open = True
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """Say that this is written to."""
        return True

    def fileno(self) -> int:
        """Return the number."""
        return self._number

    def isatty(self) -> bool:
        """Tell whether the stream is a terminal."""
        return os.isatty(self._number)

    def write(self, data: "memoryview[int] | bytes") -> int:  # type: ignore[override] # RawIOBase says any buffer
        """Write all of the data, or drop it where that cannot be done."""
        left = memoryview(data)
        while left and self._open:
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                if not select.select([], [self._number], [], self._patience)[1]:
                    break
            except OSError as error:
                self._fail(error)
        return len(memoryview(data))

    def _fail(self, error: OSError) -> None:
        self._open = False
        hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(self._number).st_mode)
        if error.errno not in GONE and not hung_up:
            self.failure = error


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
    sys.stdout = _lasting(sys.stdout, patience=None, buffered=True)
    # Signal handlers write to stderr, also in the middle of another write, which a buffer does not take.
    sys.stderr = _lasting(sys.stderr, patience=PATIENCE, buffered=False)


def lost_output() -> OSError | None:
    """Return why stdout could not be written, None if it could, or if nobody reads it any more."""
    sys.stdout.flush()
    outlet = getattr(sys.stdout.buffer, "raw", None) if isinstance(sys.stdout, io.TextIOWrapper) else None
    return outlet.failure if isinstance(outlet, Outlet) else None


def _lasting(stream: TextIO, *, patience: float | None, buffered: bool) -> TextIO:
    """Return a stream for the same number that is never in the way; another kind of stream stays as it is."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    try:
        number = stream.fileno()
    except OSError:
        return stream
    outlet = Outlet(number, patience=patience)
    # A raw stream that always writes all it is given will do for a buffer, as it does for `python -u`.
    buffer = cast("io.BufferedWriter", outlet)
    return io.TextIOWrapper(
        io.BufferedWriter(cast("io.RawIOBase", outlet)) if buffered else buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=not buffered,
    )


def _closed(number: int) -> None:
    """Let a closed stream's number stand for nothing."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
