"""Servers on loopback for tests of remote files: SFTP by asyncssh, and HTTPS with a certificate of its own."""

import asyncio
import hashlib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncssh
import trustme

USER = "partner"


@dataclass
class SftpPlace:
    """An SFTP server with a folder as root, and a home folder with the user's key and the host key."""

    port: int
    root: Path
    home: Path
    host_key: str

    def address(self, path: str) -> str:
        return f"sftp://{USER}@127.0.0.1:{self.port}/{path}"

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    def trust(self) -> None:
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {self.host_key}\n")


@contextmanager
def sftp_server(folder: Path) -> Iterator[SftpPlace]:
    """Run an SFTP server in a thread with an event loop of its own."""
    root, home = folder / "root", folder / "home"
    root.mkdir()
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    host, user = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    user.write_private_key(str(home / ".ssh" / "id_ed25519"))
    (home / ".ssh" / "id_ed25519").chmod(0o600)
    permitted = asyncssh.import_authorized_keys(user.export_public_key().decode())
    loop = asyncio.new_event_loop()
    connections: list[asyncssh.SSHServerConnection] = []

    class Server(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> Any:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Server,
            server_host_keys=[host],
            authorized_client_keys=permitted,
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode()),
            allow_scp=False,
        )

    async def close() -> None:
        acceptor.close()
        await acceptor.wait_closed()
        for connection in connections:
            connection.abort()
            await connection.wait_closed()

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    place = SftpPlace(acceptor.get_port(), root, home, host.export_public_key().decode().strip())
    place.trust()
    try:
        yield place
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@dataclass
class Page:
    """A file of an HTTPS server. `cut` bytes are sent in the first responses, each taking one from `cuts`."""

    content: bytes
    cut: int = 0
    cuts: int = 0
    ranges: bool = True
    etag: str | None = None
    status: int = 200
    location: str = ""
    login: str = ""
    after: Callable[["Page"], None] | None = None
    requests: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)

    @property
    def tag(self) -> str:
        return self.etag or f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


@dataclass
class HttpsPlace:
    """An HTTPS server: its port, its pages by path, and the file of the authority that signed its certificate."""

    port: int
    authority: Path
    pages: dict[str, Page]

    def address(self, path: str) -> str:
        return f"https://127.0.0.1:{self.port}/{path}"


@contextmanager
def https_server(folder: Path) -> Iterator[HttpsPlace]:
    """Run an HTTPS server."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    pages: dict[str, Page] = {}

    class Handler(_Handler):
        known = pages

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield HttpsPlace(server.server_port, trusted, pages)
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    known: dict[str, Page]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of http.server
        """Print nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        page = self.known.get(self.path.lstrip("/"))
        if page is None:
            self._end(404)
            return
        page.requests.append(f"{self.command} {self.headers.get('Range', '')}".strip())
        if page.login and self.headers.get("Authorization") != page.login:
            self._end(401)
        elif page.status != 200:
            self._end(page.status, Location=page.location)
        else:
            self._content(page, body=body)

    def _end(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _content(self, page: Page, *, body: bool) -> None:
        start, tag = 0, page.tag
        asked = self.headers.get("Range", "")
        page.conditions += self.headers.get_all("If-Match", [])
        if page.ranges and asked:
            # The comparison for If-Match is the strong one: a weak tag equals no tag.
            if "If-Match" in self.headers and (tag.startswith("W/") or self.headers["If-Match"] != tag):
                self._end(412)
                return
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        data = page.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(data)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(page.content) - 1}/{len(page.content)}")
        self.end_headers()
        if not body:
            return
        if page.cuts:
            page.cuts -= 1
            data = data[: page.cut]
            self.close_connection = True
        self.wfile.write(data)
        if page.after is not None:
            page.after(page)
