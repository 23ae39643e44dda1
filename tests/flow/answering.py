"""A server on loopback that answers as a test says, a client of it that does not wait, and a clock that can be set."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bulkops.clock import SystemClock
from bulkops.sandbox.serve import SandboxServer
from bulkops.sandbox.state import system_now
from bulkops.settings import Secret, Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import NoLimiter

Answer = Callable[[BaseHTTPRequestHandler], None]


class NoWait(SystemClock):
    """A clock with waits that end at once."""

    def sleep(self, seconds: float) -> None:
        """Do not wait."""


@dataclass
class ServerClock:
    """The clock of a sandbox, which a test can set."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return system_now() + self.ahead


def set_clock(sandbox: SandboxServer, ahead: timedelta) -> ServerClock:
    """Set the clock of a sandbox that was made with a `ServerClock`, and return it."""
    clock = sandbox.state.now
    assert isinstance(clock, ServerClock)
    clock.ahead = ahead
    return clock


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

        def do_GET(self) -> None:
            answer(self)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Ignore a client that closed its connection."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def send(handler: BaseHTTPRequestHandler, body: bytes, *, length: int | None = None, status: int = 200) -> None:
    """Answer with a body; a length of -1 leaves it out, so that only the closing connection ends it."""
    handler.send_response(status)
    handler.send_header("Content-Type", "application/csv")
    if length != -1:
        handler.send_header("Content-Length", str(len(body) if length is None else length))
    # A connection that closes unannounced may be used once more first, and that request never arrives.
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def client(url: str) -> ApiClient:
    target = Target(base_url=url, ids={"pool": 1}, authorization=Secret("ManagementKey-v1 k"))
    return ApiClient(target, clock=NoWait(), limiter=NoLimiter())
