"""Three slots an endpoint: whatever the answers take, three arrivals a second is the most."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bulkops.transport.limiter import BUSY, SlotLimiter


class Hands:
    """A clock moved by hand: a sleep takes no time of ours."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def jitter(self, seconds: float) -> float:
        return seconds


@pytest.mark.parametrize("answer_takes", [0.0, 0.01, 0.2, 0.9, 5.0])
def test_four_requests_never_fit_in_a_second(answer_takes: float, tmp_path: Path) -> None:
    clock = Hands()
    limiter = SlotLimiter(folder=tmp_path, clock=clock)
    times: list[tuple[float, float]] = []
    for _ in range(40):
        with limiter.slot("POST /x"):
            left = clock.time
            clock.time += answer_takes
            times.append((left, clock.time))
    for (_, first_answered), (fourth_left, _) in zip(times, times[3:], strict=False):
        assert fourth_left - first_answered >= 1


def test_endpoints_do_not_wait_for_each_other(tmp_path: Path) -> None:
    clock = Hands()
    limiter = SlotLimiter(folder=tmp_path, clock=clock)
    for endpoint in ("GET /a", "GET /b", "POST /a"):
        for _ in range(3):
            with limiter.slot(endpoint):
                pass
    assert clock.time == 1000.0


def test_a_slot_of_a_killed_process_is_free_after_a_whole_period(tmp_path: Path) -> None:
    clock = Hands()
    limiter = SlotLimiter(folder=tmp_path, clock=clock, slots=1)
    with limiter.slot("GET /a"):
        pass
    (stamp,) = tmp_path.glob("*.at")
    stamp.write_text(BUSY)
    start = clock.time
    with limiter.slot("GET /a"):
        assert clock.time - start >= 1


def test_a_stamp_from_before_a_restart_is_not_waited_for(tmp_path: Path) -> None:
    clock = Hands()
    limiter = SlotLimiter(folder=tmp_path, clock=clock, slots=1)
    with limiter.slot("GET /a"):
        pass
    (stamp,) = tmp_path.glob("*.at")
    stamp.write_text("99999999.0")
    start = clock.time
    with limiter.slot("GET /a"):
        assert clock.time - start < 1.1
