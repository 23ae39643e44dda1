"""The streams of the process, made fit for whatever is printed."""

import io
import os
import sys

from bulkops.errors import UsageError


def usable_streams() -> None:
    """Let characters that a stream cannot show be written out; UsageError if there is no stdout.

    A closed stream's number goes to the next file that is opened, and what is printed would land in that.
    """
    if sys.stderr is None:
        _closed(2)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")
    if sys.stdout is None:
        _closed(1)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
        raise UsageError("stdout is closed.", hint="Send it to a file, or to /dev/null.")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_stdout() -> None:
    """Send what is left in the buffer of stdout nowhere, so that the interpreter's end does not try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _closed(number: int) -> None:
    """Let a closed stream's number stand for nothing."""
    opened = os.open(os.devnull, os.O_WRONLY)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
