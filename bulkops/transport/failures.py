"""Explain why a server could not be reached, and whether a retry can succeed."""

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from bulkops.proxies import PORTS, Proxy

PROXY_REFUSALS = ("407", "401", "403", "405")
"""Statuses with which a proxy refuses a connection permanently."""
UNKNOWN_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
BROKEN_OFF = ("UNEXPECTED_EOF_WHILE_READING", "")
"""Reasons of a TLS failure that only mean that the connection ended."""
KINDS: tuple[tuple[type[httpx.HTTPError], str], ...] = (
    (httpx.PoolTimeout, "no connection was free in time"),
    (httpx.ConnectTimeout, "no connection in time"),
    (httpx.ReadTimeout, "no response in time"),
    (httpx.WriteTimeout, "the server stopped reading the request"),
    (httpx.RemoteProtocolError, "the server closed the connection, or did not speak HTTP"),
    (httpx.ReadError, "the connection broke off"),
    (httpx.WriteError, "the connection broke off"),
    (httpx.DecodingError, "the response is damaged"),
)


@dataclass(frozen=True, kw_only=True)
class ServerRoute:
    """The route to a server: its address, and the proxy between, if there is one."""

    base_url: str
    proxy: Proxy | None = None

    @property
    def host(self) -> str:
        """The server's host name."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def peer(self) -> str:
        """The machine to connect to, for messages: host and port, of the proxy if there is one."""
        if self.proxy is not None:
            return f"the proxy {self.proxy.shown} ({self.proxy.variable})"
        parts = urlsplit(self.base_url)
        shown = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{shown}:{parts.port or PORTS[parts.scheme]}"


@dataclass(frozen=True, kw_only=True)
class FailureCause:
    """The cause of a failure, as the end of a sentence; `lasting` means that only another configuration can help."""

    text: str
    lasting: bool = False
    hint: str | None = None


def cause_of(error: Exception, route: ServerRoute) -> FailureCause:
    """Return the cause of a failed request. The error's own text is not shown: it may contain an address or a key."""
    if isinstance(error, httpx.ProxyError):
        return _of_proxy(error, route)
    for found in _chain(error):
        if isinstance(found, socket.gaierror):
            return _of_name(found, route)
        if isinstance(found, ssl.SSLCertVerificationError):
            return _of_certificate(found, route)
        if isinstance(found, ssl.SSLError):
            return _of_handshake(found, route)
        if isinstance(found, OSError) and found.errno and not isinstance(found, TimeoutError):
            return FailureCause(text=_of_system(found, route))
    words = next((text for kind, text in KINDS if isinstance(error, kind)), None)
    text = words or f"{type(error).__name__}"
    return FailureCause(text=f"{text} ({route.peer})" if isinstance(error, httpx.ConnectTimeout) else text)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, the innermost last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _of_name(error: socket.gaierror, route: ServerRoute) -> FailureCause:
    what = f"the host name of {route.peer}" if route.proxy else f"the host name {route.host}"
    if error.errno not in UNKNOWN_NAME:
        return FailureCause(text=f"{what} could not be looked up: {error.strerror}")
    where = route.proxy.variable if route.proxy else "the base address"
    hint = f"Check the spelling in {where}, and that this machine can look up names (DNS)."
    return FailureCause(text=f"{what} is unknown", lasting=True, hint=hint)


def _of_certificate(error: ssl.SSLCertVerificationError, route: ServerRoute) -> FailureCause:
    reason = error.verify_message.rstrip(".")
    if "mismatch" in reason:
        hint = "Check the base address: another server responded."
    elif "expired" in reason or "not yet valid" in reason:
        hint = "Check the clock of this machine; otherwise the server needs a new certificate."
    else:
        hint = (
            "If your network or company signs certificates itself, set SSL_CERT_FILE to the file of its certificates, "
            "such as /etc/ssl/certs/ca-certificates.crt."
        )
    whose = route.peer if route.proxy and route.proxy.secure else route.host
    return FailureCause(text=f"the certificate of {whose} is not trusted: {reason}", lasting=True, hint=hint)


def _of_handshake(error: ssl.SSLError, route: ServerRoute) -> FailureCause:
    reason = error.reason or ""
    if reason in BROKEN_OFF:
        return FailureCause(text=f"{route.peer} broke off the TLS handshake")
    hint = "Check the port and the scheme (https://) of the base address and of the proxy."
    return FailureCause(
        text=f"TLS with {route.peer} failed: {reason.replace('_', ' ').lower()}", lasting=True, hint=hint
    )


def _of_system(error: OSError, route: ServerRoute) -> str:
    if error.errno == errno.ECONNREFUSED:
        return f"{route.peer} refused the connection"
    return f"{route.peer}: {error.strerror or type(error).__name__}"


def _of_proxy(error: httpx.ProxyError, route: ServerRoute) -> FailureCause:
    """Return the cause if a proxy refused to open a tunnel; the error's message begins with the status."""
    status = str(error)[:3]
    if not status.isdecimal():
        return FailureCause(text=f"{route.peer} did not open a connection to {route.host}")
    text = f"{route.peer} returned {status} for a connection to {route.host}"
    if status not in PROXY_REFUSALS:
        return FailureCause(text=text)
    variable = route.proxy.variable if route.proxy else "HTTPS_PROXY"
    hint = f"The proxy does not allow connections to {route.host}: ask its operators."
    if status in ("407", "401"):
        text = f"{route.peer} requires a user name and a password ({status})"
        hint = f"Set {variable}=http://USER:PASSWORD@HOST:PORT, special characters percent-encoded."
    return FailureCause(text=text, lasting=True, hint=hint)
