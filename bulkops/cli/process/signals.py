"""SIGINT, SIGTERM and SIGHUP end every command alike: what was begun is tidied up, and the exit code is 130."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bulkops.errors import Interrupted
from bulkops.interrupts import HANGUP, heeded


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Turn the signals into KeyboardInterrupt, and what comes of that into Interrupted.

    Commands that send handle the signals themselves while they do. A library in the middle of its work may answer an
    interrupt with an error of its own.
    """
    came: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        if number == HANGUP and came:  # a terminal that goes away sends it several times
            return
        came.append(number)
        raise KeyboardInterrupt

    for number in heeded():
        signal.signal(number, handle)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("Interrupted.") from None
    except Exception:
        if came:
            raise Interrupted("Interrupted.") from None
        raise
