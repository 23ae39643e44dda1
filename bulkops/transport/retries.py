"""When to try again and how long to wait: exponential with jitter, unless the server names a time."""

from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from bulkops.clock import Clock
from bulkops.errors import NotDelivered, OutcomeUnknown

ATTEMPTS = 8
BASE_SECONDS = 0.5
MAX_SECONDS = 60.0


def wait_seconds(attempt: int, error: BaseException | None, *, clock: Clock) -> float:
    """Return the seconds to wait after the given attempt (1, 2, …) ended in `error`."""
    asked = error.retry_after if isinstance(error, NotDelivered) else None
    if asked is not None:
        return asked + clock.jitter(0.1)
    most = min(MAX_SECONDS, BASE_SECONDS * 2.0 ** (min(attempt, 20) - 1))
    return most / 2 + clock.jitter(most / 2)


def reading_again(clock: Clock, *, attempts: int = ATTEMPTS) -> Retrying:
    """Return a tenacity controller for requests that only read: every passing failure is tried again."""
    return Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, NotDelivered | OutcomeUnknown)),
        stop=stop_after_attempt(attempts),
        wait=_waiting(clock),
        sleep=clock.sleep,
        reraise=True,
    )


def _waiting(clock: Clock) -> Callable[[RetryCallState], float]:
    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return wait_seconds(state.attempt_number, error, clock=clock)

    return wait
