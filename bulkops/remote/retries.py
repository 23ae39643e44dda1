"""Retry operations on remote files a bounded number of times, and announce each wait."""

import time
from collections.abc import Callable
from typing import TypeVar

from bulkops.journal import record
from bulkops.remote.addresses import Address
from bulkops.remote.failures import described, explained, failure_of
from bulkops.remote.notices import say

T = TypeVar("T")

WAITS = (1.0, 3.0, 9.0)
"""Seconds before each retry of a transient error."""


def wait_after(error: Exception, address: Address, doing: str, attempt: int) -> None:
    """Wait before the retry that follows attempt `attempt` (0, 1, …); raise the explained error if none may follow."""
    failure = failure_of(error)
    if not failure.transient or attempt >= len(WAITS):
        raise explained(error, address, doing) from None
    why = f"{address} cannot be {doing}: {described(failure, address)}"
    record("wait", why="remote file", seconds=WAITS[attempt], text=why)
    say(f"{why}. Trying again in {WAITS[attempt]:g} s.")
    time.sleep(WAITS[attempt])


def retried(call: Callable[[], T], address: Address, doing: str) -> T:
    """Return the result of a call that may be repeated; its errors are explained, `doing` is a participle."""
    attempt = 0
    while True:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - each library raises exceptions of its own
            wait_after(error, address, doing, attempt)
            attempt += 1
