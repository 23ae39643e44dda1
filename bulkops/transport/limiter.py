"""Limit requests to three in any second per endpoint, across threads and processes.

The server counts a request between its departure from this machine and the arrival of its response. A limiter that
counts departures lets two bursts meet at the server whenever one of them was delayed on the way. So each endpoint has
three slots, and a slot is free again one second after its last *response*. Arrivals that share a slot are then always
at least a second apart, and three slots allow three requests per second.

A slot is a file lock held while its request is in flight, so the kernel frees the slots of a killed process.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from bulkops.clock import Clock
from bulkops.disk import ANOTHER_STATE, FORBIDDEN, next_step
from bulkops.errors import LedgerUnusable, Unfinished
from bulkops.private import FILE, private_folder, write_private

REQUESTS_PER_SECOND = 3
PERIOD = 1.005  # one second, plus a margin for clocks with millisecond resolution
BUSY = "busy"
PAUSE = 0.01


class Limiter(Protocol):
    """Grants the right to send one request to an endpoint."""

    def slot(self, endpoint: str) -> AbstractContextManager[None]:
        """Wait until a request may leave; the slot is held until its response has arrived."""


class NoLimiter:
    """Allows every request at once, for tests and benchmarks of other parts."""

    def slot(self, endpoint: str) -> AbstractContextManager[None]:  # noqa: ARG002 - the protocol's signature
        """Allow the request at once."""
        return nullcontext()


@dataclass(frozen=True, kw_only=True)
class SlotLimiter:
    """Keeps the slots of every endpoint as files in one folder, shared by all processes that use it.

    `before` is called before each request, and raises to prevent it.
    """

    folder: Path
    clock: Clock
    slots: int = REQUESTS_PER_SECOND
    period: float = PERIOD
    before: Callable[[], None] | None = None

    @contextmanager
    def slot(self, endpoint: str) -> Iterator[None]:
        """Hold a slot of the endpoint from when it is free until the response has arrived.

        Unfinished if the folder cannot be written, because the limit could then be exceeded; LedgerUnusable if this
        user has no permission, which no later run changes.
        """
        if self.before is not None:
            self.before()
        try:
            private_folder(self.folder)
            lock, stamp = self._take(endpoint)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            try:
                self.clock.sleep(self._wait(stamp))
                write_private(stamp, BUSY)
            except OSError as error:
                raise self._unwritable(error) from None
            try:
                yield
            finally:
                # A full disk must not lose the response: a slot without a new timestamp only causes a longer wait.
                with suppress(OSError):
                    write_private(stamp, repr(self.clock.monotonic() + self.period))
        finally:
            lock.release()

    def _take(self, endpoint: str) -> tuple[FileLock, Path]:
        """Lock the slot that is free first; wait while requests are in flight in all of them."""
        stems = [self._stem(endpoint, number) for number in range(self.slots)]
        while True:
            for stem in sorted(stems, key=lambda s: self._wait(s.with_suffix(".at"))):
                lock = FileLock(stem.with_suffix(".lock"), timeout=0, mode=FILE)
                try:
                    lock.acquire()
                except Timeout:
                    continue
                return lock, stem.with_suffix(".at")
            self.clock.sleep(PAUSE)

    def _unwritable(self, error: OSError) -> Unfinished | LedgerUnusable:
        remedy = next_step(error, ANOTHER_STATE)
        kind = LedgerUnusable if error.errno in FORBIDDEN else Unfinished
        return kind(
            f"{self.folder}, which stores the rate limit, cannot be written: {error.strerror or error}. "
            "The request was not sent.",
            hint=f"{remedy} Then resume the job, or run the command again if none began.",
        )

    def _stem(self, endpoint: str, number: int) -> Path:
        readable = re.sub(r"[^A-Za-z0-9]+", "-", endpoint).strip("-")[-60:]
        return self.folder / f"{readable}-{sha256(endpoint.encode()).hexdigest()[:8]}-{number}"

    def _wait(self, stamp: Path) -> float:
        """Return the seconds until the slot is free; a whole period if its last holder left no timestamp.

        The timestamp uses a clock that restarts with the machine, so it never causes a wait above one period.
        """
        try:
            text = stamp.read_text()
        except FileNotFoundError:
            return 0.0
        try:
            return max(0.0, min(float(text) - self.clock.monotonic(), self.period))
        except ValueError:
            return self.period
