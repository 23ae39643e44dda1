"""Signals stop a run; a terminal that goes away sends several hangups, and none may interrupt the result."""

import signal
from collections.abc import Iterator

import pytest

from bulkops.upload.stop import Stop, stopping_on_signals


class Received(Exception):
    """The handler outside of the run was called."""


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    def handle(*_: object) -> None:
        raise Received

    before = {number: signal.signal(number, handle) for number in (signal.SIGHUP, signal.SIGTERM)}
    yield
    for number, former in before.items():
        signal.signal(number, former)


def test_hangups_after_a_stop_are_ignored_during_the_run_and_after_it() -> None:
    stop, said = Stop(), list[str]()
    stop.begun = True
    with stopping_on_signals(stop, notify=said.append, final_messages=lambda: ("", "")):
        for _ in range(3):
            signal.raise_signal(signal.SIGHUP)
        assert stop.requested
    signal.raise_signal(signal.SIGHUP)
    assert len(said) == 1
    with pytest.raises(Received):  # another signal still ends the command
        signal.raise_signal(signal.SIGTERM)


def test_a_run_without_a_signal_leaves_the_former_handlers() -> None:
    with stopping_on_signals(Stop(), notify=print, final_messages=lambda: ("", "")):
        pass
    with pytest.raises(Received):
        signal.raise_signal(signal.SIGHUP)
