"""The sandbox as a running server: in a thread for tests and `--target sandbox`, or until a signal."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bulkops.errors import UsageError
from bulkops.sandbox.access import RateLimit
from bulkops.sandbox.app import NAMES, build_app
from bulkops.sandbox.assumptions import Assumptions
from bulkops.sandbox.database import Database
from bulkops.sandbox.endpoint import Logged, Service
from bulkops.sandbox.faults import parse_faults
from bulkops.sandbox.resources import COLUMNS, TABLES
from bulkops.sandbox.state import SandboxState, system_now
from bulkops.sandbox.wire import TRANSPORT
from bulkops.sandbox.world import World
from bulkops.sandbox.world_file import load_world


class CuttableProtocol(H11Protocol):
    """HTTP/1.1 with an application that can cut the connection, for scripted faults."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        inner = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = self.transport
            await inner(scope, receive, send)

        self.app = with_transport


class SandboxServer:
    """A sandbox on a loopback port; a context manager that serves from a thread.

    `state` is the truth (whatever exports show), `requests` the log of answered requests. `world` is a
    `World` or the path of a file, `data` a SQLite file that outlives the server, `faults` and the
    `NAME=VALUE` texts of `assumptions` as on the command line; `rate_limit` 0 means no limit.
    """

    def __init__(
        self,
        *,
        world: World | Path | str | None = None,
        data: Path | str | None = None,
        key: str | None = None,
        faults: str | None = None,
        assumptions: Iterable[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        rate_limit: int = 3,
        now: Callable[[], datetime] = system_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = Assumptions().with_values(assumptions)
        plan = parse_faults(faults, NAMES)
        found = load_world(world)
        self._socket = _listen(host, port)
        try:
            self._database = Database(Path(data) if data else None, TABLES, COLUMNS)
        except UsageError:
            self._socket.close()
            raise
        self.state = SandboxState(found, settings, self._database, now)
        self.state.seed()
        limit = RateLimit(rate_limit, self.state, monotonic)
        self._service = Service(self.state, key, limit, plan)
        config = uvicorn.Config(
            build_app(self._service),
            http=CuttableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """The address to send requests to, without a slash at the end."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    @property
    def requests(self) -> list[Logged]:
        """The requests so far, in the order of their responses; status 0 if there was no response."""
        return list(self._service.requests)

    def set_faults(self, spec: str | None) -> None:
        """Replace the scripted trouble and begin to count requests anew."""
        self._service.faults = parse_faults(spec, NAMES)

    def set_assumptions(self, *pairs: str) -> None:
        """Change assumptions while the server runs."""
        changed = self.state.assumptions.with_values(pairs)
        self.state = SandboxState(self.state.world, changed, self._database, self.state.now)
        self._service.state = self.state

    def serve(self) -> None:
        """Serve until SIGINT or SIGTERM; for the main thread."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        with self:
            stop.wait()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="sandbox", daemon=True
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._close()

    def _close(self) -> None:
        self._socket.close()
        self._database.close()


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that already listens, so that no client can come too early."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only with its protocol named does asyncio switch off Nagle's algorithm, which costs 40 ms per response.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as problem:
        listener.close()
        raise UsageError(
            f"The sandbox cannot listen on {host}:{port}: {problem.strerror or problem}.",
            hint="Choose another port, or --port 0 for a free one.",
        ) from problem
    return listener
