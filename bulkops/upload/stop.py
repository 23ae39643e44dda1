"""Stop a run: the first signal lets the current request finish, the second one ends the process at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from types import FrameType

from bulkops.clock import Clock
from bulkops.errors import Interrupted
from bulkops.interrupts import HANGUP, ending_signals

SLICE = 0.1


class Stop:
    """Whether the run should stop. The fields are plain flags, because a signal handler must not take a lock.

    `begun` is True once the ledger contains the job: before that a signal has nothing to wait for.
    """

    def __init__(self) -> None:
        self.requested = False
        self.begun = False

    def request_stop(self) -> None:
        """Ask the run to stop after the current request."""
        self.requested = True


class StoppableClock:
    """A clock that ends a sleep with Interrupted when the run should stop: no request is in flight then."""

    def __init__(self, clock: Clock, stop: Stop) -> None:
        self._clock = clock
        self._stop = stop

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return seconds of a clock that never runs backwards."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; Interrupted if the run should stop."""
        while seconds > 0:
            if self._stop.requested:
                raise Interrupted("Interrupted.")
            self._clock.sleep(min(seconds, SLICE))
            seconds -= SLICE

    def jitter(self, seconds: float) -> float:
        """Return a random share of `seconds`."""
        return self._clock.jitter(seconds)


@contextmanager
def stopping_on_signals(
    stop: Stop, *, notify: Callable[[str], None], final_messages: Callable[[], tuple[str, str]]
) -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a request to stop; the second one ends the process.

    A second SIGHUP does nothing: no person sent it; after a stop it stays ignored. Ignored signals stay ignored. Before
    the job has begun, the first signal raises KeyboardInterrupt, whichever signal it is. `final_messages` returns the
    texts that the second signal writes to stderr and to stdout. Outside the main thread nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        if stop.requested and number == HANGUP:
            return
        if stop.requested:
            # The ledger is durable and the kernel frees the locks, so nothing is left to clean up. Python's own
            # streams may be in the middle of a write, so they are not used.
            for stream, words in zip((sys.stderr, sys.stdout), final_messages(), strict=True):
                with suppress(OSError):  # the reader has closed the stream, or the disk is full
                    os.write(stream.fileno(), words.encode())
            os._exit(Interrupted.exit_code)
        stop.request_stop()
        if not stop.begun:
            raise KeyboardInterrupt
        notify("Stopping after the current request. Repeat the signal to stop at once.")

    before = {number: signal.signal(number, handle) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            # A terminal that goes away sends several hangups; later ones must not interrupt the result.
            hung_up = stop.requested and number == HANGUP
            signal.signal(number, _ignore if hung_up else handler)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing. Unlike SIG_IGN, a handler is not inherited by programs that this process starts."""
