"""What a user hears of waits: nobody is left for five seconds without a word of what is waited for."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bulkops.clock import Clock
from bulkops.journal import record

TOLD_SECONDS = 5.0  # shorter waits are no news
CONNECT_SECONDS = 1.5
"""Seconds after which the user learns that a connection is not open yet."""
MOST_CAUSES = 100

Say = Callable[[str], None]


Count = Callable[[str, float], None]
"""Is given a text and the seconds that are left, every second of a wait; 0 at its end."""

COUNTED_SECONDS = 1.0


def silent(text: str) -> None:
    """Say nothing."""


class Teller:
    """Passes texts on and knows until when the last one tells what is waited for. Safe to use from several threads.

    `count` shows a countdown of the longer waits.
    """

    def __init__(self, say: Say, *, clock: Clock, count: Count | None = None) -> None:
        self._say = say
        self._clock = clock
        self.count = count
        self._last = clock.monotonic()
        self._causes: set[str] = set()

    def say(self, text: str) -> None:
        """Pass a text on."""
        self._last = self._clock.monotonic()
        record("note", text=text)
        self._say(text)

    def before(self, seconds: float, text: str) -> None:
        """Say `text` before a wait at whose end nothing would have been said for five seconds."""
        end = self._clock.monotonic() + seconds
        if seconds > 0 and end - self._last >= TOLD_SECONDS:
            self.say(text)
            self._last = end

    def failed(self, cause: str, seconds: float, text: str) -> None:
        """Say `text` before a retry: at once for a cause that is new, otherwise as `before` does."""
        if cause in self._causes or len(self._causes) >= MOST_CAUSES:
            self.before(seconds, text)
            return
        self._causes.add(cause)
        end = self._clock.monotonic() + seconds
        self.say(text)
        self._last = end

    def wait(self, seconds: float, text: str) -> None:
        """Say `text` as `before` does, then wait, with a countdown if there is one."""
        record("wait", why="evidence", seconds=round(max(seconds, 0.0), 3), text=text)
        self.before(seconds, text)
        if self.count is None or seconds < TOLD_SECONDS:
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
        """Say `text` once if what is done meanwhile takes five seconds or more."""
        timer = threading.Timer(TOLD_SECONDS, self.say, [text])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
