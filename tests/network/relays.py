"""A TLS front before a server of plain HTTP, and proxies: real ones, on loopback."""

import base64
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Accept = Callable[[socket.socket], None]


@contextmanager
def listening(accept: Accept) -> Iterator[int]:
    """Yield the port of a server that gives each connection to `accept`, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_one, args=(accept, connection), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _one(accept: Accept, connection: socket.socket) -> None:
    with suppress(OSError), connection:
        accept(connection)


@contextmanager
def tls_front(context: ssl.SSLContext, port: int) -> Iterator[int]:
    """Yield the port of a server that speaks TLS and passes everything on to a port of plain HTTP."""

    def accept(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured, _connected(port) as behind:
            _pass_on(secured, behind)

    with listening(accept) as front:
        yield front


@contextmanager
def connect_proxy(port: int, asked: list[str], *, login: str = "") -> Iterator[int]:
    """Yield the port of a CONNECT proxy behind which every host is a port of this machine.

    `asked` receives the host of each request; with `login` (USER:PASSWORD) others are refused with 407.
    """
    wanted = f"proxy-authorization: basic {base64.b64encode(login.encode()).decode()}"

    def accept(connection: socket.socket) -> None:
        head = _head(connection)
        asked.append(head.split()[1])
        if login and wanted.lower() not in head.lower():
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        with _connected(port) as behind:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pass_on(connection, behind)

    with listening(accept) as proxy:
        yield proxy


@contextmanager
def socks_proxy(port: int, asked: list[str]) -> Iterator[int]:
    """Yield the port of a SOCKS5 proxy (RFC 1928) behind which every host is a port of this machine."""

    def accept(connection: socket.socket) -> None:
        connection.recv(262)
        connection.sendall(b"\x05\x00")
        request = connection.recv(262)
        asked.append(request[5 : 5 + request[4]].decode())
        connection.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        with _connected(port) as behind:
            _pass_on(connection, behind)

    with listening(accept) as proxy:
        yield proxy


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def _head(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data and (block := connection.recv(65_536)):
        data += block
    return data.decode("latin-1")


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Copy both ways until one side ends."""
    ends = {one: other, other: one}
    while True:
        pending = [end for end in ends if isinstance(end, ssl.SSLSocket) and end.pending()]
        ready = pending or select.select(list(ends), [], [], 30)[0]
        for end in ready:
            block = end.recv(65_536)
            if not block:
                return
            ends[end].sendall(block)
