"""Let SIGINT, SIGTERM and SIGHUP end every command in the same way: clean up, exit code 130."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bulkops.errors import Interrupted
from bulkops.interrupts import HANGUP, ending_signals


@contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt on a signal, and Interrupted when it leaves the block.

    Commands that upload handle signals themselves during the upload. If a library turns the interrupt into its own
    error, that error becomes Interrupted too.
    """
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        if number == HANGUP and received:  # a terminal that goes away sends it several times
            return
        received.append(number)
        raise KeyboardInterrupt

    for number in ending_signals():
        signal.signal(number, handle)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("Interrupted.") from None
    except Exception:
        if received:
            raise Interrupted("Interrupted.") from None
        raise
