"""Decide how long to wait before a retry: exponential backoff with jitter, unless the server names a time."""

from collections.abc import Callable
from datetime import timedelta

from tenacity import RetryCallState, Retrying, retry_if_exception

from bulkops.clock import Clock
from bulkops.errors import BulkopsError, NotDelivered, OutcomeUnknown, PageReceived, Unfinished
from bulkops.journal import record
from bulkops.transport.notices import Notifier

ATTEMPTS = 8
MAX_PAGES = 2
"""Maximum number of pages in a row that a reading request receives: a second one shows that no retry helps."""
BASE_SECONDS = 0.5
MAX_SECONDS = 60.0
LONGEST_SECONDS = 600.0


def wait_seconds(attempt: int, error: BaseException | None, *, clock: Clock, notifier: Notifier | None = None) -> float:
    """Return the seconds to wait after attempt `attempt` (1, 2, …) ended in `error`; `notifier` reports the wait.

    The wait is never shorter than the backoff: a server may request 0 seconds, or name a time in the past. Unfinished,
    with the time to resume at, if the server requests more than ten minutes.
    """
    most = min(MAX_SECONDS, BASE_SECONDS * 2.0 ** (min(attempt, 20) - 1))
    backoff = most / 2 + clock.jitter(most / 2)
    asked = error.retry_after if isinstance(error, NotDelivered | OutcomeUnknown) else None
    if asked is not None and asked > LONGEST_SECONDS:
        raise Unfinished(f"The server asks to wait {asked:,.0f} s.", hint=_resume_at(asked, clock=clock))
    record("wait", why="retry", seconds=round(max(backoff, asked or 0.0), 3), text=str(error) if error else "")
    if asked is not None and asked > backoff:
        if notifier is not None:
            notifier.announce_wait(asked, f"The server asks to wait {asked:,.0f} s before the next request.")
        return asked + clock.jitter(0.1)
    if notifier is not None and isinstance(error, BulkopsError):
        shown = f"{backoff:,.0f}" if backoff >= 1 else f"{backoff:.1f}"
        notifier.announce_retry(
            error.message, backoff, f"{error.message.removesuffix('.')}. Trying again in {shown} s."
        )
    return backoff


def _resume_at(seconds: float, *, clock: Clock) -> str:
    try:
        moment = clock.now() + timedelta(seconds=seconds)
    except OverflowError:
        return "That date is beyond the calendar; ask the operators of the server."
    return f"Continue after {moment:%Y-%m-%d %H:%M} UTC."


def retry_reads(clock: Clock, *, attempts: int = ATTEMPTS, notifier: Notifier | None = None) -> Retrying:
    """Return a tenacity controller for requests that only read: it retries every temporary failure.

    A page instead of a response is retried once.
    """
    return Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, NotDelivered | OutcomeUnknown | PageReceived)),
        stop=_stop_strategy(attempts),
        wait=_wait_strategy(clock, notifier),
        sleep=clock.sleep if notifier is None else notifier.pause,
        reraise=True,
    )


def _stop_strategy(attempts: int) -> Callable[[RetryCallState], bool]:
    pages = 0

    def stop(state: RetryCallState) -> bool:
        nonlocal pages
        error = state.outcome.exception() if state.outcome else None
        pages = pages + 1 if isinstance(error, PageReceived) else 0
        return pages == MAX_PAGES or state.attempt_number >= attempts

    return stop


def _wait_strategy(clock: Clock, notifier: Notifier | None) -> Callable[[RetryCallState], float]:
    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return wait_seconds(state.attempt_number, error, clock=clock, notifier=notifier)

    return wait
