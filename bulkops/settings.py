"""Where to send, with which key, and where state lives; the key is never shown."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bulkops.errors import UsageError

ID_NAMES = ("application", "campaign", "program", "pool", "collection", "audience", "attribute")


class Secret:
    """A text that does not show itself: not in `repr`, not in `str`, not in a format."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        """Hide the text."""
        return "Secret(…)"

    __str__ = __repr__


@dataclass(frozen=True, kw_only=True)
class Target:
    """A deployment and the ids that name where rows go.

    `authorization` is the whole value of the Authorization header. `known_as` replaces the address in the
    target's identity where the address changes from run to run, as the embedded sandbox's does.
    """

    base_url: str
    ids: Mapping[str, int]
    authorization: Secret
    name: str | None = None
    known_as: str | None = None

    def identity(self) -> dict[str, Any]:
        """Return what makes this target itself: address and ids, never the key."""
        return {"base_url": self.known_as or self.base_url, "ids": dict(sorted(self.ids.items()))}


def state_folder() -> Path:
    """Return the folder that survives between runs; made on first use, readable by its owner only."""
    folder = Path(os.environ.get("BULKOPS_STATE") or _usual_state_folder())
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"The state folder {folder} cannot be made: {error.strerror}.",
            hint="Set BULKOPS_STATE to a folder that can be written.",
        ) from None
    return folder


def _usual_state_folder() -> Path:
    from platformdirs import user_state_path  # here, since it takes longer than all else that looking at a job needs

    return user_state_path("bulkops")


def default_ledger_url() -> str:
    """Return the address of the ledger that is used when none is named."""
    return f"sqlite:///{state_folder() / 'ledger.db'}"


MAX_ADDRESS = 2_000
"""Characters of a base address."""
MAX_HOST = 253
"""Characters of a host name."""
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
DEFAULT_PORTS = {"https": 443, "http": 80}


def checked_base_url(url: str) -> str:
    """Return the address in its one spelling; UsageError unless https, or http to loopback.

    Scheme and host are lower case, a default port and trailing slashes are left out: guards, locks and the rate
    limit go by the address, and two spellings of one server must not be two targets.
    """
    parts = _split(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise _no_address(url)
    if parts.username or parts.password:
        raise UsageError("The base address carries a user name or a password; keys go in the environment.")
    if parts.query or parts.fragment:
        raise UsageError(f"{url!r} has a query or a fragment; a base address has neither.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise UsageError(
            f"Plain http:// to {host} would send the key unencrypted.", hint="Use https://, or a loopback address."
        )
    _check_host(host, url)
    shown = f"[{host}]" if ":" in host else host
    port = _port(parts, url)
    suffix = "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{shown}{suffix}{parts.path.rstrip('/')}"


def _split(url: str) -> SplitResult:
    if len(url) > MAX_ADDRESS or not url.strip().isprintable() or not _is_utf8(url):
        raise _no_address(url)
    try:
        return urlsplit(url.strip())
    except ValueError:
        raise _no_address(url) from None


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _no_address(url: str) -> UsageError:
    url = url if len(url) <= MAX_HOST else f"{url[:MAX_HOST]}…"
    hint = "Write it like https://yourcompany.europe-west1.talon.one"
    return UsageError(f"{url!r} is not a base address.", hint=hint)


def _check_host(host: str, url: str) -> None:
    """Raise UsageError for a host that no server can have (RFC 1123 §2.1, RFC 3986 §3.2.2)."""
    if ":" in host:
        return  # urlsplit has checked an IPv6 address
    try:
        name = host.encode("idna").decode().removesuffix(".").lower()
    except UnicodeError:
        raise _no_address(url) from None
    labels = name.split(".")
    sound = all(_LABEL.fullmatch(label) for label in labels) and len(name) <= MAX_HOST
    if not sound or (labels[-1].isdecimal() and not _is_ipv4(name)):
        raise _no_address(url)


def _is_ipv4(host: str) -> bool:
    try:
        return IPv4Address(host) is not None
    except ValueError:
        return False


def _port(parts: SplitResult, url: str) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise UsageError(f"{url!r} has no port that could be.") from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def authorization_from_environment(environ: Mapping[str, str]) -> Secret:
    """Return the Authorization value made from BULKOPS_MANAGEMENT_KEY or BULKOPS_BEARER_TOKEN."""
    if key := environ.get("BULKOPS_MANAGEMENT_KEY"):
        return authorization_value("ManagementKey-v1", key)
    if token := environ.get("BULKOPS_BEARER_TOKEN"):
        return authorization_value("Bearer", token)
    raise UsageError(
        "There is no key for the target.",
        hint="Put a Management API key in BULKOPS_MANAGEMENT_KEY (or a session token in BULKOPS_BEARER_TOKEN).",
    )


def authorization_value(scheme: str, key: str) -> Secret:
    """Return the value of the Authorization header; UsageError for a key that no header can carry."""
    key = key.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise UsageError("The key is blank or holds characters that no header can carry.")
    return Secret(f"{scheme} {key}")
