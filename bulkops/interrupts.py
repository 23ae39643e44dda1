"""The signals that end a command."""

import signal

HANGUP = getattr(signal, "SIGHUP", None)
"""The signal of a closed terminal, which may be sent several times; None if the system has none."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, *((HANGUP,) if HANGUP else ()))


def ending_signals() -> list[int]:
    """Return the signals that end a command, except signals that the process ignores, as under nohup."""
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
