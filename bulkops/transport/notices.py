"""What a user hears of waits: nobody is left for five seconds without a word of what is waited for."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bulkops.clock import Clock

TOLD_SECONDS = 5.0  # shorter waits are no news

Say = Callable[[str], None]


def silent(text: str) -> None:
    """Say nothing."""


class Teller:
    """Passes texts on and knows until when the last one tells what is waited for. Safe to use from several threads."""

    def __init__(self, say: Say, *, clock: Clock) -> None:
        self._say = say
        self._clock = clock
        self._last = clock.monotonic()

    def say(self, text: str) -> None:
        """Pass a text on."""
        self._last = self._clock.monotonic()
        self._say(text)

    def before(self, seconds: float, text: str) -> None:
        """Say `text` before a wait at whose end nothing would have been said for five seconds."""
        end = self._clock.monotonic() + seconds
        if seconds > 0 and end - self._last >= TOLD_SECONDS:
            self.say(text)
            self._last = end

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
