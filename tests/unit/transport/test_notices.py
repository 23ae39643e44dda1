"""Nobody waits five seconds without a word, however the waits add up."""

import threading
import time

import pytest

from bulkops.clock import SystemClock
from bulkops.errors import NotDelivered
from bulkops.transport import notices
from bulkops.transport.notices import Notifier
from bulkops.transport.retries import wait_seconds


class Hands(SystemClock):
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


def test_short_waits_in_a_row_are_announced_together() -> None:
    clock, said = Hands(), list[str]()
    notifier = Notifier(said.append, clock=clock)
    for number in range(8):
        notifier.announce_wait(2, f"wait {number}")
        clock.at += 2
    assert said == ["wait 2", "wait 5"]


def test_wait_before_a_retry_is_announced_with_its_cause() -> None:
    said: list[str] = []
    notifier = Notifier(said.append, clock=SystemClock())
    assert wait_seconds(7, NotDelivered("The server cannot be reached"), clock=SystemClock(), notifier=notifier) >= 16
    (text,) = said
    assert text.startswith("The server cannot be reached. Trying again in ")


def test_notice_during_work_appears_only_after_the_quiet_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "QUIET_SECONDS", 0.05)
    said: list[str] = []
    notifier = Notifier(said.append, clock=SystemClock())
    with notifier.during("quick"):
        pass
    with notifier.during("slow"):
        time.sleep(0.5)
    assert said == ["slow"]


def test_a_receiver_that_raised_once_gets_the_later_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "QUIET_SECONDS", 0.05)
    failures, said = list[str](), list[str]()
    monkeypatch.setattr(threading, "excepthook", lambda raised: failures.append(str(raised.exc_value)))

    def receive(text: str) -> None:
        said.append(text)
        if text == "first":
            raise OSError("the terminal is gone")

    notifier = Notifier(receive, clock=SystemClock())
    for text in ("first", "second"):
        with notifier.during(text):
            time.sleep(0.5)
    assert (said, failures) == (["first", "second"], ["the terminal is gone"])


def test_a_longer_wait_counts_the_seconds_down_and_a_short_one_does_not() -> None:
    class Sleeping(Hands):
        def sleep(self, seconds: float) -> None:
            self.at += seconds

    clock, said, left = Sleeping(), list[str](), list[float]()
    notifier = Notifier(said.append, clock=clock, count=lambda _, seconds: left.append(seconds))
    notifier.wait(2, "short")
    assert (clock.at, said, left) == (2, [], [])
    notifier.wait(6.5, "long")
    assert (clock.at, said) == (8.5, ["long"])
    assert left == [6.5, 5.5, 4.5, 3.5, 2.5, 1.5, 0.5, 0.0]
