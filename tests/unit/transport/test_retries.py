"""How long to wait before the next attempt, and when that is too long."""

import pytest

from bulkops.clock import SystemClock
from bulkops.errors import NotDelivered, Unfinished
from bulkops.transport.notices import Notifier
from bulkops.transport.responses import parse_retry_after, refusal
from bulkops.transport.retries import wait_seconds


def asked(seconds: float) -> NotDelivered:
    return NotDelivered("no", retry_after=seconds)


def test_long_retry_after_is_announced() -> None:
    said: list[str] = []
    notifier = Notifier(said.append, clock=SystemClock())
    assert wait_seconds(1, asked(120), clock=SystemClock(), notifier=notifier) >= 120
    assert wait_seconds(1, asked(1), clock=SystemClock(), notifier=notifier) >= 1
    assert said == ["The server asks to wait 120 s before the next request."]


@pytest.mark.parametrize(("seconds", "hint"), [(86_400.0, "UTC"), (1e300, "calendar"), (float("inf"), "calendar")])
def test_a_wait_beyond_ten_minutes_ends_the_run_and_names_the_time(seconds: float, hint: str) -> None:
    with pytest.raises(Unfinished, match="asks to wait") as ended:
        wait_seconds(1, asked(seconds), clock=SystemClock())
    assert not isinstance(ended.value, NotDelivered)
    assert hint in str(ended.value)


@pytest.mark.parametrize("header", ["0", "Mon, 01 Jan 2024 00:00:00 GMT"])
def test_retry_after_of_zero_waits_for_the_backoff(header: str) -> None:
    clock = SystemClock()
    seconds = parse_retry_after(header, now=clock.now())
    assert seconds == 0
    waits = [wait_seconds(attempt, asked(seconds), clock=clock) for attempt in range(1, 8)]
    assert all(wait >= 0.25 * 2**place for place, wait in enumerate(waits))
    assert sum(waits) > 30


def test_retry_after_of_an_unavailable_server_is_honoured() -> None:
    error = refusal(503, b"", where="GET /x", headers={"retry-after": "7"}, now=SystemClock().now())
    assert 7 <= wait_seconds(1, error, clock=SystemClock()) < 8


def test_first_failure_of_each_cause_is_announced_at_once() -> None:
    said: list[str] = []
    notifier = Notifier(said.append, clock=SystemClock())
    for attempt, cause in ((1, "one"), (1, "one"), (1, "two")):
        wait_seconds(attempt, NotDelivered(f"The server is away: {cause}."), clock=SystemClock(), notifier=notifier)
    assert [text[:24] for text in said] == ["The server is away: one.", "The server is away: two."]
