"""The only module that reads the time and random numbers, so that tests can control both."""

import random
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The time and the random numbers that the stages use."""

    def now(self) -> datetime:
        """Return the current instant, in UTC."""

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""

    def jitter(self, seconds: float) -> float:
        """Return a random number of seconds from 0 to `seconds`."""


class SystemClock:
    """The system clock."""

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        time.sleep(seconds)

    def jitter(self, seconds: float) -> float:
        """Return a random number of seconds from 0 to `seconds`."""
        return random.uniform(0, seconds)
