"""Report waits to the user: no wait of five seconds or more happens without a notice of its reason."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bulkops.clock import Clock
from bulkops.journal import record

QUIET_SECONDS = 5.0  # shorter waits need no notice
CONNECT_SECONDS = 1.5
"""Seconds after which the user learns that a connection is not open yet."""
MOST_CAUSES = 100

Notify = Callable[[str], None]


Countdown = Callable[[str, float], None]
"""Receives a text and the remaining seconds, each second of a wait; 0 at its end."""

COUNTED_SECONDS = 1.0


def discard_notice(text: str) -> None:
    """Discard a notice."""


class Notifier:
    """Passes notices on, and knows until when the last one explains the wait. Safe to use from several threads.

    `count` shows a countdown for longer waits.
    """

    def __init__(self, notify: Notify, *, clock: Clock, count: Countdown | None = None) -> None:
        self._notify = notify
        self._clock = clock
        self.count = count
        self._last = clock.monotonic()
        self._causes: set[str] = set()

    def notify(self, text: str) -> None:
        """Pass a notice on."""
        self._last = self._clock.monotonic()
        record("note", text=text)
        self._notify(text)

    def announce_wait(self, seconds: float, text: str) -> None:
        """Pass a notice on before a wait, if otherwise five seconds would pass without a notice."""
        end = self._clock.monotonic() + seconds
        if seconds > 0 and end - self._last >= QUIET_SECONDS:
            self.notify(text)
            self._last = end

    def announce_retry(self, cause: str, seconds: float, text: str) -> None:
        """Pass a notice on before a retry: always for a new cause, otherwise as `announce_wait` does."""
        if cause in self._causes or len(self._causes) >= MOST_CAUSES:
            self.announce_wait(seconds, text)
            return
        self._causes.add(cause)
        end = self._clock.monotonic() + seconds
        self.notify(text)
        self._last = end

    def wait(self, seconds: float, text: str) -> None:
        """Pass a notice on as `announce_wait` does, then wait, with a countdown if there is one."""
        record("wait", why="evidence", seconds=round(max(seconds, 0.0), 3), text=text)
        self.announce_wait(seconds, text)
        if self.count is None or seconds < QUIET_SECONDS:
            self._clock.sleep(max(seconds, 0.0))
            return
        end = self._clock.monotonic() + seconds
        try:
            while (left := end - self._clock.monotonic()) > 0:
                self.count(text, left)
                self._clock.sleep(min(COUNTED_SECONDS, left))
        finally:
            self.count(text, 0.0)

    @contextmanager
    def during(self, text: str) -> Iterator[None]:
        """Pass a notice on once if the body of the `with` statement takes five seconds or more."""
        timer = threading.Timer(QUIET_SECONDS, self.notify, [text])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
