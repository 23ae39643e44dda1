"""How long to wait before the next attempt, and when that is too long."""

import pytest

from bulkops.clock import SystemClock
from bulkops.errors import NotDelivered, Unfinished
from bulkops.transport.notices import Teller
from bulkops.transport.retries import wait_seconds


def asked(seconds: float) -> NotDelivered:
    return NotDelivered("no", retry_after=seconds)


def test_a_long_wait_that_the_server_asks_for_is_told() -> None:
    said: list[str] = []
    teller = Teller(said.append, clock=SystemClock())
    assert wait_seconds(1, asked(120), clock=SystemClock(), teller=teller) >= 120
    assert wait_seconds(1, asked(1), clock=SystemClock(), teller=teller) >= 1
    assert said == ["The server asks to wait 120 s before the next request."]


@pytest.mark.parametrize(("seconds", "hint"), [(86_400.0, "UTC"), (1e300, "calendar"), (float("inf"), "calendar")])
def test_a_wait_beyond_ten_minutes_ends_the_run_and_names_the_time(seconds: float, hint: str) -> None:
    with pytest.raises(Unfinished, match="asks to wait") as ended:
        wait_seconds(1, asked(seconds), clock=SystemClock())
    assert not isinstance(ended.value, NotDelivered)
    assert hint in str(ended.value)
