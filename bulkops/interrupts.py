"""The signals that end a command."""

import signal

HANGUP = getattr(signal, "SIGHUP", None)
"""The signal of a terminal that goes away, which may send it several times; None where the system has none."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, *((HANGUP,) if HANGUP else ()))


def heeded() -> list[int]:
    """Return the signals that end a command: those that it was not started to ignore, as under nohup."""
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
