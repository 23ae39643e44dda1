"""Send a JSON document to a URL of the user's own, for example a chat service. It never carries a key of bulkops."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from bulkops.errors import NotDelivered, ServerRefused, UsageError
from bulkops.proxies import proxy_for
from bulkops.redaction import remember
from bulkops.settings import is_loopback
from bulkops.transport.failures import ServerRoute, cause_of
from bulkops.trust import trusted_context
from bulkops.version import __version__

SECONDS = 10.0
"""Maximum seconds to connect, and to wait for each part of the response."""
CONNECT_ATTEMPTS = 2
"""Further attempts to connect."""


def host_of_hook(url: str) -> str:
    """Return the host of a URL for messages, and hide the rest of it, which is often a secret.

    UsageError unless it is an https:// address, or http:// to loopback. The message does not show the URL.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or ""))
    if not host or not secure or any(character.isspace() for character in url):
        raise UsageError(
            "The URL of [on_end] must begin with https://; http:// is allowed for a loopback address only.",
            hint="Write it like https://hooks.example.com/bulkops",
        )
    if parts.password:
        remember(unquote(parts.password))
    return host


def post_json(url: str, document: Mapping[str, Any]) -> None:
    """Send a document with one POST request. NotDelivered or ServerRefused if it was not accepted."""
    host = host_of_hook(url)
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    proxy = None if is_loopback(host) else proxy_for(base, os.environ)
    context = trusted_context(os.environ) if parts.scheme == "https" else None
    over = httpx.Proxy(proxy.url, ssl_context=context if proxy.secure else None) if proxy else None
    transport = httpx.HTTPTransport(verify=context or False, proxy=over, retries=CONNECT_ATTEMPTS)
    try:
        with httpx.Client(transport=transport, timeout=SECONDS, trust_env=False) as client:
            response = client.post(url, json=dict(document), headers={"User-Agent": f"bulkops/{__version__}"})
    except httpx.HTTPError as error:
        cause = cause_of(error, ServerRoute(base_url=base, proxy=proxy))
        raise NotDelivered(f"{host} did not receive it: {cause.text}.") from None
    if not response.is_success:
        raise ServerRefused(f"{host} returned {response.status_code}.", status=response.status_code)
