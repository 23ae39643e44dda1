"""Report the waits that remote files cause: copies, uploads, and retries."""

from collections.abc import Callable

_listeners: list[Callable[[str], None]] = []


def listen(listener: Callable[[str], None]) -> None:
    """Pass each report to `listener` from now on, instead of an earlier one."""
    _listeners[:] = [listener]


def say(text: str) -> None:
    """Report something."""
    for listener in _listeners:
        listener(text)
