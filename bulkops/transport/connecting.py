"""Report a connection that takes long to open, before it times out."""

import threading
from types import TracebackType
from typing import Any, Self

from bulkops.transport.failures import ServerRoute
from bulkops.transport.notices import CONNECT_SECONDS, Notifier


class Connecting:
    """Watches one request: after CONNECT_SECONDS without a connection, it reports which host the request waits for.

    `extensions` are those of the httpx request to watch. With `stop`, it raises `Open` as soon as the connection is
    open, so that no request leaves.
    """

    class Open(Exception):
        """The connection is open."""

    def __init__(self, notifier: Notifier, route: ServerRoute, *, stop: bool = False) -> None:
        self._notifier = notifier
        self._text = f"No connection to {route.peer} yet. Waiting for it."
        self._stop = stop
        self._timer: threading.Timer | None = None
        self.extensions: dict[str, Any] = {"trace": self._on_event}

    def __enter__(self) -> Self:
        """Return the watcher itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._cancel()

    def _on_event(self, event: str, info: dict[str, Any]) -> None:
        """Follow the events of httpcore: a new connection, and the headers of the request or of CONNECT."""
        if event.endswith(".connect_tcp.started"):
            self._cancel()
            self._timer = threading.Timer(CONNECT_SECONDS, self._notifier.notify, [self._text])
            self._timer.daemon = True
            self._timer.start()
        elif event.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
            self._cancel()
            if self._stop:
                raise self.Open

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
