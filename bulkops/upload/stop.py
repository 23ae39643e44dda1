"""Stopping a run: the first signal lets the request under way finish, the second stops at once."""

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
    """Whether the run was asked to stop. Plain flags, since a signal handler must take no lock.

    `begun` says that the ledger has the job: before that there is nothing a signal should wait for.
    """

    def __init__(self) -> None:
        self.asked = False
        self.begun = False

    def ask(self) -> None:
        """Ask the run to stop after what is under way."""
        self.asked = True


class StoppableClock:
    """A clock whose sleep ends with Interrupted when the run is asked to stop: nothing is under way in a sleep."""

    def __init__(self, clock: Clock, stop: Stop) -> None:
        self._clock = clock
        self._stop = stop

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; Interrupted if asked to stop."""
        while seconds > 0:
            if self._stop.asked:
                raise Interrupted("Interrupted.")
            self._clock.sleep(min(seconds, SLICE))
            seconds -= SLICE

    def jitter(self, seconds: float) -> float:
        """Return a random share of `seconds`."""
        return self._clock.jitter(seconds)


@contextmanager
def stopping_on_signals(
    stop: Stop, *, say: Callable[[str], None], last_words: Callable[[], tuple[str, str]]
) -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a request to stop, and a second one into the end of the process.

    A second SIGHUP does nothing: nobody decided on it. Signals that are ignored stay so. Before the job has begun the
    first one is a KeyboardInterrupt, whichever signal it is. `last_words` are what the second one says to stderr and
    to stdout. Outside the main thread nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        if stop.asked and number == HANGUP:
            return
        if stop.asked:
            # The ledger is durable and the kernel frees the locks, so there is nothing left to tidy up. Python's own
            # streams may be in the middle of a write, so they are left alone.
            for stream, words in zip((sys.stderr, sys.stdout), last_words(), strict=True):
                with suppress(OSError):  # nobody reads it any more, or the disk is full
                    os.write(stream.fileno(), words.encode())
            os._exit(Interrupted.exit_code)
        stop.ask()
        if not stop.begun:
            raise KeyboardInterrupt
        say("Stopping after the request under way; once more to stop at once.")

    before = {number: signal.signal(number, handle) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
