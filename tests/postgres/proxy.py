"""A door in front of a server on loopback that a test can close and open again, as a network would."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Door:
    """Passes connections on to a port while it is open."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._pairs: list[socket.socket] = []
        self._passing: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._start()

    def cut(self) -> None:
        """Cut all connections; new ones are let in."""
        pairs, passing = self._pairs, self._passing
        self._pairs, self._passing = [], []
        for end in pairs:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in passing:
            thread.join()
        for end in pairs:
            end.close()

    def close(self) -> None:
        """Cut all connections and refuse new ones."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.cut()

    def open(self) -> None:
        """Let connections in again, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self._to))
            self._pairs += [here, there]
            for one, other in ((here, there), (there, here)):
                thread = threading.Thread(target=_pass_on, args=(one, other), daemon=True)
                self._passing.append(thread)
                thread.start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := one.recv(65536):
            other.sendall(block)
    for end in (one, other):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def door_to(port: int) -> Iterator[Door]:
    """Yield an open door to a port."""
    door = Door(port)
    try:
        yield door
    finally:
        door.close()
