"""The rate limit: at most three requests in any second per endpoint, across threads and processes.

The server counts a request somewhere between the moment it leaves us and the moment its answer is here. A limiter
that counts departures lets two bursts meet at the server whenever one of them was slow on the way. So an endpoint
has three slots here, and a slot is free again one second after its last *answer*: whatever the network does,
arrivals that share a slot lie a second apart, and three slots make three requests.

A slot is a file lock held while its request is under way, so the kernel frees what a killed process held.
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
from bulkops.errors import Unfinished
from bulkops.private import FILE, private_folder, write_private

REQUESTS_PER_SECOND = 3
PERIOD = 1.005  # a second, and a little for clocks that count in milliseconds
BUSY = "busy"
PAUSE = 0.01


class Limiter(Protocol):
    """Hands out the right to send one request to an endpoint."""

    def slot(self, endpoint: str) -> AbstractContextManager[None]:
        """Wait until a request may leave; held until its answer is here."""


class NoLimiter:
    """Lets everything through, for tests and benchmarks of other things."""

    def slot(self, endpoint: str) -> AbstractContextManager[None]:  # noqa: ARG002 - the protocol's signature
        """Do not wait."""
        return nullcontext()


@dataclass(frozen=True, kw_only=True)
class SlotLimiter:
    """Keeps the slots of every endpoint as files in one folder, shared by all processes that use it.

    `before` is called before each request, and raises to keep it from being sent.
    """

    folder: Path
    clock: Clock
    slots: int = REQUESTS_PER_SECOND
    period: float = PERIOD
    before: Callable[[], None] | None = None

    @contextmanager
    def slot(self, endpoint: str) -> Iterator[None]:
        """Hold a slot of the endpoint, from when it is free until the answer is here.

        Unfinished if the folder cannot be written: the limit could not be kept.
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
                # A full disk must not cost the answer that was just received: a stamp left busy only waits longer.
                with suppress(OSError):
                    write_private(stamp, repr(self.clock.monotonic() + self.period))
        finally:
            lock.release()

    def _take(self, endpoint: str) -> tuple[FileLock, Path]:
        """Lock the slot that is free soonest; wait for one while requests are under way in all of them."""
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

    def _unwritable(self, error: OSError) -> Unfinished:
        return Unfinished(
            f"{self.folder}, where the rate limit is kept, cannot be written: {error.strerror}. "
            "The request was not sent.",
            hint="Make room, or make the folder writable. Then resume the job, or run the command again if none began.",
        )

    def _stem(self, endpoint: str, number: int) -> Path:
        readable = re.sub(r"[^A-Za-z0-9]+", "-", endpoint).strip("-")[-60:]
        return self.folder / f"{readable}-{sha256(endpoint.encode()).hexdigest()[:8]}-{number}"

    def _wait(self, stamp: Path) -> float:
        """Return the seconds until the slot is free; a whole period where its last holder left no word.

        The stamp counts on a clock that starts anew with the machine, so it is never believed beyond a period.
        """
        try:
            text = stamp.read_text()
        except FileNotFoundError:
            return 0.0
        try:
            return max(0.0, min(float(text) - self.clock.monotonic(), self.period))
        except ValueError:
            return self.period
