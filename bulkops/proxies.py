"""Find the proxy for a server in the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit

from bulkops.errors import UsageError
from bulkops.redaction import remember

SCHEMES = ("http", "https", "socks5", "socks5h")
PORTS = {"http": 80, "https": 443}
EXAMPLE = "http://proxy.example.com:3128"


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy: its address, which may contain a password, and the variable that names it.

    `shown` is its host and port, without the password.
    """

    url: str = field(repr=False)
    variable: str
    shown: str

    @property
    def secure(self) -> bool:
        """Whether the connection to the proxy itself uses TLS."""
        return self.url.startswith("https://")


def proxy_for(base_url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a checked address; None for a direct connection. UsageError if the variable is invalid.

    The lower-case variable has priority over the upper-case one. The message never contains the value, because that may
    contain a password.
    """
    parts = urlsplit(base_url)
    variables = (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    variable = next((name for name in variables if environ.get(name, "").strip()), None)
    if variable is None or _is_excepted(parts, environ.get("no_proxy") or environ.get("NO_PROXY", "")):
        return None
    return _checked(environ[variable].strip(), variable)


def _checked(value: str, variable: str) -> Proxy:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or any(character.isspace() for character in url):
        raise UsageError(f"{variable} is not the address of a proxy.", hint=f"Write it like {EXAMPLE}, or unset it.")
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        raise UsageError(
            f"{variable} names a proxy of an unknown kind, {scheme[:20]}://.", hint=f"Known: {', '.join(SCHEMES)}."
        )
    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise UsageError(
            f"{variable} names a SOCKS proxy, which needs the package socksio.",
            hint=f"Install it: pip install 'bulkops[socks]'. Or unset {variable}, or list the server in NO_PROXY.",
        )
    if parts.password:
        remember(unquote(parts.password))
    shown = f"[{host}]" if ":" in host else host
    port = port or PORTS.get(scheme, 1080)
    return Proxy(url=f"{scheme}{url[len(scheme) :]}", variable=variable, shown=f"{shown}:{port}")


def _is_excepted(parts: SplitResult, listed: str) -> bool:
    """Return whether NO_PROXY lists a server: by name, domain, address or network, each optionally with a port."""
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme)
    return any(_matches(entry.strip().lower(), host, port) for entry in listed.split(",") if entry.strip())


def _matches(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    name, given = _with_port(entry.partition("://")[2] or entry)
    if given and given != str(port):
        return False
    try:
        return ip_address(host) in ip_network(name, strict=False)
    except ValueError:  # the entry or the host is a name
        domain = name.removeprefix("*").removeprefix(".")
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _with_port(entry: str) -> tuple[str, str]:
    """Return the host of an entry and its port; a blank port means every port."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":")
    host, colon, port = entry.rpartition(":")
    return (host, port) if colon and ":" not in host and port.isdecimal() else (entry, "")
