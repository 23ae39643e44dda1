"""Report waits to the user: no wait of five seconds or more happens without a notice of its reason."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from bulkops.clock import Clock
from bulkops.journal import record

QUIET_SECONDS = 5.0  # shorter waits need no notice
CONNECT_SECONDS = 0.6
"""Seconds after which the user learns that a connection is not open yet."""
MOST_CAUSES = 100

Notify = Callable[[str], None]
Countdown = Callable[[str, float], None]
"""Receives a text and the remaining seconds, each second of a wait; 0 at its end."""


class Amount(Protocol):
    """An amount that grows, as a tqdm bar shows it; `total` is its final value, if that is known."""

    total: float | None

    def update(self, n: float = 1) -> object:
        """Add to the amount."""


class Uncounted:
    """An amount that nobody sees."""

    total: float | None = None

    def update(self, n: float = 1) -> None:
        """Ignore the amount."""


ShowAmount = Callable[[str, str], AbstractContextManager[Amount]]
"""Shows an amount during a `with` statement; receives its name and its unit."""

COUNTED_SECONDS = 1.0


def discard_notice(text: str) -> None:
    """Discard a notice."""


@contextmanager
def counting(count: Countdown | None, text: str) -> Iterator[Callable[[float], None]]:
    """Yield a function that shows the remaining seconds of a wait; however the wait ends, its line is removed."""
    shown = count or (lambda _text, _left: None)
    try:
        yield lambda left: shown(text, left)
    finally:
        shown(text, 0.0)


def wait_counting(clock: Clock, count: Countdown | None, seconds: float, text: str) -> None:
    """Wait; `count` receives the remaining seconds of a wait of five seconds or more."""
    if count is None or seconds < QUIET_SECONDS:
        clock.sleep(max(seconds, 0.0))
        return
    end = clock.monotonic() + seconds
    with counting(count, text) as show:
        while (left := end - clock.monotonic()) > 0:
            show(left)
            clock.sleep(min(COUNTED_SECONDS, left))


class Notifier:
    """Passes notices on, and knows until when the last one explains the wait. Safe to use from several threads.

    `count` shows a countdown for longer waits, and `amount` the progress of a transfer; both need a terminal.
    """

    def __init__(self, notify: Notify, *, clock: Clock, count: Countdown | None = None) -> None:
        self._notify = notify
        self._clock = clock
        self.count = count
        self.amount: ShowAmount | None = None
        self._last = clock.monotonic()
        self._causes: set[str] = set()
        self._alarms = Alarms(self.notify, seconds=QUIET_SECONDS)

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
        """Pass a notice on as `announce_wait` does, then wait as `pause` does."""
        record("wait", why="evidence", seconds=round(max(seconds, 0.0), 3), text=text)
        self.announce_wait(seconds, text)
        self.pause(seconds, text)

    def pause(self, seconds: float, text: str = "") -> None:
        """Wait, with a countdown if there is one; a notice has announced the wait."""
        wait_counting(self._clock, self.count, seconds, text)

    def transfer(self, what: str, *, unit: str = "B") -> AbstractContextManager[Amount]:
        """Show the amount of something that arrives, during a `with` statement."""
        return nullcontext(Uncounted()) if self.amount is None else self.amount(what, unit)

    @contextmanager
    def during(self, text: str) -> Iterator[None]:
        """Pass a notice on once if the body of the `with` statement takes five seconds or more."""
        alarm = self._alarms.set(text)
        try:
            yield
        finally:
            self._alarms.cancel(alarm)


class Alarms:
    """Calls `ring` with a text some seconds after it was set, unless it is cancelled before.

    One thread serves all alarms, because starting a thread for each takes longer than a short request. It ends when no
    alarm was set for that time.
    """

    def __init__(self, ring: Notify, *, seconds: float) -> None:
        self._ring = ring
        self._seconds = seconds
        self._turn = threading.Condition()
        self._set: dict[int, tuple[float, str]] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def set(self, text: str) -> int:
        """Set an alarm and return its number."""
        with self._turn:
            number = next(self._numbers)
            self._set[number] = (time.monotonic() + self._seconds, text)
            # `ring` may have raised in the thread, and a fork copies no thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="alarms", daemon=True)
                self._thread.start()
        return number

    def cancel(self, number: int) -> None:
        """Cancel an alarm; one that has rung is ignored."""
        with self._turn:
            self._set.pop(number, None)

    def _serve(self) -> None:
        while (due := self._due()) is not None:
            for text in due:
                self._ring(text)

    def _due(self) -> list[str] | None:
        """Wait, and return the texts that are due; None if no alarm was set meanwhile, which ends the thread."""
        with self._turn:
            # An alarm that is set during the wait is due after it, so the wait need not be interrupted.
            first = min((at for at, _ in self._set.values()), default=time.monotonic() + self._seconds)
            self._turn.wait(max(first - time.monotonic(), 0.0))
            if not self._set:
                self._thread = None
                return None
            now = time.monotonic()
            due = [number for number, (at, _) in self._set.items() if at <= now]
            return [self._set.pop(number)[1] for number in due]
