"""The target, its key, and the state folder. The key is never shown."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from socket import inet_aton, inet_ntoa
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from bulkops.errors import UsageError
from bulkops.private import make_private
from bulkops.redaction import KEY_VARIABLES, found, remember


class Secret:
    """A text that is never printed: not by `repr`, `str` or a format, and not in a message of this process.

    `name` is a printable description of its source; empty if the source is unknown.
    """

    __slots__ = ("_text", "name")

    def __init__(self, text: str, *, name: str = "") -> None:
        self._text = text
        self.name = name
        remember(text)  # whatever shows it from now on shows asterisks

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        """Hide the text."""
        return "Secret(…)"

    __str__ = __repr__


@dataclass(frozen=True, kw_only=True)
class Target:
    """A deployment and the ids of the destination.

    `base_url` is the address of the server as `checked_base_url` returns it. `authorization` is the complete value of
    the Authorization header. `known_as` replaces the address in the target's identity if the address changes between
    runs, as for the embedded sandbox.
    """

    base_url: str
    ids: Mapping[str, int]
    authorization: Secret
    name: str | None = None
    known_as: str | None = None

    def __post_init__(self) -> None:
        """Normalise the address; UsageError if it is invalid or contains a key."""
        object.__setattr__(self, "base_url", checked_base_url(self.base_url))
        if found(self.base_url):
            raise UsageError("The base address contains the key.", hint="Give the address without the key.")

    @property
    def server(self) -> str:
        """The name that all addresses of the server share."""
        return server_name(self.base_url)

    def identity(self) -> dict[str, Any]:
        """Return the identity of the target: address and ids, never the key."""
        return {"base_url": self.known_as or self.server, "ids": dict(sorted(self.ids.items()))}


def mapped_folder() -> Path:
    """Return the folder of the mapped files of recipes."""
    return (state_folder() / "mapping").absolute()


def state_folder() -> Path:
    """Return the folder for data between runs; it is created on first use, for its owner only."""
    folder = Path(os.environ.get("BULKOPS_STATE") or _usual_state_folder())
    try:
        make_private(folder)
    except OSError as error:
        raise UsageError(
            f"The state folder {folder} cannot be made: {error.strerror}.",
            hint="Set BULKOPS_STATE to a folder that can be written.",
        ) from None
    return folder


def _usual_state_folder() -> Path:
    from platformdirs import user_state_path  # here, since it takes longer than all else that looking at a job needs

    try:
        return user_state_path("bulkops")
    except RuntimeError:  # no HOME, and no entry for the user: usual in containers and services
        raise UsageError(
            "No folder can be used for the ledger: this user has no home folder.",
            hint="Set BULKOPS_STATE to a folder that can be written, or HOME.",
        ) from None


def default_ledger_url() -> str:
    """Return the address of the default ledger."""
    return f"sqlite:///{state_folder() / 'ledger.db'}"


MAX_ADDRESS = 2_000
"""Maximum characters of a base address."""
MAX_HOST = 253
"""Maximum characters of a host name."""
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
DEFAULT_PORTS = {"https": 443, "http": 80}
LOOPBACK = "127.0.0.1"
_UNFIT = re.compile(r"[\x00-\x20\x7f-\x9f\\\ud800-\udfff]")
_HOST = re.compile(r"[a-z0-9_.-]+")
_NUMBERS = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})|%")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@lru_cache
def checked_base_url(url: str) -> str:
    """Return a normalised address; UsageError unless it is https, or http to loopback.

    Guards, locks and the rate limit use the address, so two spellings of one server must not be two targets. The rules
    are those of RFC 3986 §6.2 and UTS 46. Errors never quote the address, because it may contain a key.
    """
    parts = _split(url)
    if "@" in parts.netloc:
        raise UsageError("The base address contains a user name or a password; keys go in the environment.")
    if parts.query or parts.fragment:
        raise UsageError(
            "The base address has a query or a fragment (the part after ? or #); a base address has neither.",
            hint="A key goes in BULKOPS_MANAGEMENT_KEY, never in an address.",
        )
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise _no_address()
    host = _host(parts.hostname)
    _check_host(host)
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(
            f"Plain http:// to {host} would send the key unencrypted.", hint="Use https://, or a loopback address."
        )
    return _joined(parts.scheme, host, _port(parts), _path(parts.path))


@lru_cache
def server_name(base_url: str) -> str:
    """Return the common name of all addresses of a server: its normalised address, with 127.0.0.1 for loopback.

    A text that is not an address, such as the name of an embedded sandbox, is returned unchanged.
    """
    try:
        checked = checked_base_url(base_url)
    except UsageError:
        return base_url
    parts = urlsplit(checked)
    host = parts.hostname or ""
    same = host == "localhost" or _ip(host) in (ip_address("127.0.0.1"), ip_address("::1"))
    return _joined(parts.scheme, LOOPBACK if same else host, parts.port, parts.path)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    address = _ip(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address of a host, an IPv4-mapped IPv6 address as IPv4; None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _joined(scheme: str, host: str, port: int | None, path: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port in (None, DEFAULT_PORTS[scheme]) else f":{port}"
    return f"{scheme}://{shown}{suffix}{path}"


def _check_host(host: str) -> None:
    """Raise UsageError for an invalid host name (RFC 1123 §2.1, RFC 3986 §3.2.2)."""
    if ":" in host:
        return  # urlsplit has checked an IPv6 address
    labels = host.removesuffix(".").split(".")
    sound = all(_LABEL.fullmatch(label) for label in labels) and len(host) <= MAX_HOST
    if not sound or (labels[-1].isdecimal() and _ip(host) is None):
        raise _no_address()


def _split(url: str) -> SplitResult:
    stripped = url.strip()
    if len(url) > MAX_ADDRESS or _UNFIT.search(stripped):
        raise _no_address()
    try:
        return urlsplit(stripped)
    except ValueError:
        raise _no_address() from None


def _no_address() -> UsageError:
    return UsageError(
        "That is not a base address: it needs https:// and a host.",
        hint="Write it like https://yourcompany.europe-west1.talon.one",
    )


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise UsageError("The base address has an invalid port; a port is a number from 1 to 65535.") from None


def _host(written: str) -> str:
    """Return a normalised host: lower case, IDNA, no final dot, IPv4 as four numbers, IPv6 compressed."""
    host = unquote(written).lower()
    if "%" in host:  # the zone of an IPv6 address, which is a matter of one machine
        raise _no_address()
    if not host.isascii():
        import idna  # only few hosts need it

        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise _no_address() from None
    host = host.removesuffix(".")
    try:
        if ":" in host:
            return ip_address(host).compressed
        if _NUMBERS.fullmatch(host):
            return inet_ntoa(inet_aton(host))
    except (ValueError, OSError):
        raise _no_address() from None
    if not _HOST.fullmatch(host):
        raise _no_address()
    return host


def _path(written: str) -> str:
    """Return a normalised path: no dot or empty segments, escapes only where required."""
    segments: list[str] = []
    for segment in _ESCAPE.sub(_escape, written).split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(quote(segment, safe="%!$&'()*+,;=:@~"))
    return "".join(f"/{segment}" for segment in segments)


def _escape(match: re.Match[str]) -> str:
    if match[1] is None:
        return "%25"
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


_SCHEME = re.compile(r"(?:authorization\s*:|managementkey-v1\b|bearer\b).*", re.IGNORECASE | re.DOTALL)


def authorization_from_environment(environ: Mapping[str, str]) -> Secret:
    """Return the Authorization value made from BULKOPS_MANAGEMENT_KEY or BULKOPS_BEARER_TOKEN."""
    for name, scheme in zip(KEY_VARIABLES, ("ManagementKey-v1", "Bearer"), strict=True):
        if key := environ.get(name):
            return authorization_value(scheme, key, name=name)
    raise UsageError(
        "The key for the target is missing.",
        hint="Put a Management API key in BULKOPS_MANAGEMENT_KEY (or a session token in BULKOPS_BEARER_TOKEN).",
    )


def authorization_value(scheme: str, key: str, *, name: str = "") -> Secret:
    """Return the value of the Authorization header; UsageError for a key that a header cannot contain.

    `name` is the source of the key, which reports show. Every key passes through this function. Blanks and line ends
    around it are removed.
    """
    if not isinstance(key, str):
        raise UsageError(f"The key must be text, not {type(key).__name__}.")
    remember(key)
    key = key.strip()
    if _SCHEME.fullmatch(key):
        raise UsageError(
            "The key contains the name of a header or of a scheme, such as ManagementKey-v1.",
            hint="Give the key alone: bulkops writes the scheme in front of it.",
        )
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise UsageError(
            "The key is blank, or contains blanks, line ends or characters that are not ASCII.",
            hint="Copy the key again, without the text around it.",
        )
    return Secret(f"{scheme} {key}", name=name)
