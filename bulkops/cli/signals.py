"""SIGINT and SIGTERM end every command alike: what was begun is tidied up, and the exit code is 130."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bulkops.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Turn both signals into KeyboardInterrupt, and what comes of that into Interrupted.

    Commands that send handle the signals themselves while they do. A library in the middle of its work may answer an
    interrupt with an error of its own.
    """
    came: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        came.append(number)
        raise KeyboardInterrupt

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup, or in the background of a shell
            signal.signal(number, handle)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("Interrupted.") from None
    except Exception:
        if came:
            raise Interrupted("Interrupted.") from None
        raise
