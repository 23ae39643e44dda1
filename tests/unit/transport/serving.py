"""A server with one connection that a test controls, and a client of it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bulkops.clock import SystemClock
from bulkops.settings import Secret, Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import NoLimiter

Serve = Callable[[socket.socket], None]


@contextmanager
def served(serve: Serve) -> Iterator[ApiClient]:
    """Yield a client of a server that does this to its one connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        connection, _ = listener.accept()
        with connection:
            serve(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    target = Target(base_url=address, ids={}, authorization=Secret("ManagementKey-v1 hush-hush"))
    with ApiClient(target, clock=SystemClock(), limiter=NoLimiter()) as client:
        yield client
    thread.join()
    listener.close()
