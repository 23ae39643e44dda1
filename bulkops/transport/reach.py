"""Whether a server can be reached: its proxy, its addresses, its certificate. Nothing is sent to it."""

import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from bulkops.settings import DEFAULT_PORTS, is_loopback

SECONDS = 5.0
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """How a connection was made: the TLS version, and when the certificate ends; None over plain HTTP."""

    version: str | None
    expires: datetime | None


def place_of(base_url: str) -> tuple[str, int]:
    """Return the host and the port of a base address."""
    parts = urlsplit(base_url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]


def proxy_of(base_url: str) -> str | None:
    """Return the proxy that requests go through, without its user and password; None if there is none."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return None if proxy is None else _without_user(proxy)


def missing_certificates(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the variables that name certificates at a path that does not exist."""
    return [name for name in CERTIFICATE_VARIABLES if environ.get(name) and not Path(environ[name]).exists()]


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses of a host; OSError if its name is unknown."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def shake_hands(base_url: str) -> Handshake:
    """Connect and end the connection; OSError, of which ssl.SSLError is one, says what went wrong."""
    host, port = place_of(base_url)
    with socket.create_connection((host, port), timeout=SECONDS) as plain:
        if urlsplit(base_url).scheme == "http":
            return Handshake(version=None, expires=None)
        with httpx.create_ssl_context().wrap_socket(plain, server_hostname=host) as secure:
            end = (secure.getpeercert() or {}).get("notAfter")
            moment = datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC) if isinstance(end, str) else None
            return Handshake(version=secure.version(), expires=moment)


def _without_user(proxy: str) -> str:
    scheme, mark, rest = proxy.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"
