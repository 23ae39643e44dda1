"""Where to send and with which key: options over environment over file; the key is never shown."""

import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from platformdirs import user_state_path

from bulkops.errors import InputUnreadable, UsageError

ID_NAMES = ("application", "campaign", "program", "pool", "collection", "audience", "attribute")
CONFIG_FILES = ("bulkops.toml", "pyproject.toml")


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


@dataclass(frozen=True, kw_only=True)
class TargetProfile:
    """A `[targets.NAME]` table of the configuration file."""

    name: str
    base_url: str
    key: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, int] = field(default_factory=dict)


def state_folder() -> Path:
    """Return the folder that survives between runs; made on first use, readable by its owner only."""
    chosen = os.environ.get("BULKOPS_STATE")
    folder = Path(chosen) if chosen else user_state_path("bulkops")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"The state folder {folder} cannot be made: {error.strerror}.",
            hint="Set BULKOPS_STATE to a folder that can be written.",
        ) from None
    return folder


def default_ledger_url() -> str:
    """Return the address of the ledger that is used when none is named."""
    return f"sqlite:///{state_folder() / 'ledger.db'}"


DEFAULT_PORTS = {"https": 443, "http": 80}


def checked_base_url(url: str) -> str:
    """Return the address in its one spelling; UsageError unless https, or http to loopback.

    Scheme and host are lower case, a default port and trailing slashes are left out: guards, locks and the rate
    limit go by the address, and two spellings of one server must not be two targets.
    """
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").lower()
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise UsageError(
            f"{url!r} is not a base address.", hint="Write it like https://yourcompany.europe-west1.talon.one"
        )
    if parts.username or parts.password:
        raise UsageError("The base address carries a user name or a password; keys go in the environment.")
    if parts.query or parts.fragment:
        raise UsageError(f"{url!r} has a query or a fragment; a base address has neither.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise UsageError(
            f"Plain http:// to {host} would send the key unencrypted.", hint="Use https://, or a loopback address."
        )
    shown = f"[{host}]" if ":" in host else host
    port = _port(parts, url)
    suffix = "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{shown}{suffix}{parts.path.rstrip('/')}"


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
        return _authorization("ManagementKey-v1", key)
    if token := environ.get("BULKOPS_BEARER_TOKEN"):
        return _authorization("Bearer", token)
    raise UsageError(
        "There is no key for the target.",
        hint="Put a Management API key in BULKOPS_MANAGEMENT_KEY (or a session token in BULKOPS_BEARER_TOKEN).",
    )


def _authorization(scheme: str, key: str) -> Secret:
    key = key.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise UsageError("The key is blank or holds characters that no header can carry.")
    return Secret(f"{scheme} {key}")


def read_config(path: Path | None) -> dict[str, Any]:
    """Return the settings of the configuration file: `path`, or the nearest one of this folder or above."""
    found = find_config(path)
    return _load(found) if found else {}


def find_config(path: Path | None) -> Path | None:
    """Return the configuration file: `path`, or the nearest one of this folder or above that says anything."""
    if path is not None:
        return path
    for folder in (Path.cwd(), *Path.cwd().parents):
        for name in CONFIG_FILES:
            candidate = folder / name
            if candidate.is_file() and _load(candidate):
                return candidate
    return None


def checked_files(config: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the patterns of the `[check]` table by contract; UsageError if it is not such a table."""
    table = config.get("check", {})
    if not isinstance(table, dict):
        raise UsageError("[check] must be a table of contracts and patterns.")
    found: dict[str, tuple[str, ...]] = {}
    for contract, patterns in table.items():
        listed = [patterns] if isinstance(patterns, str) else patterns
        if not isinstance(listed, list) or not all(isinstance(pattern, str) for pattern in listed):
            raise UsageError(f"[check] {contract} must be a pattern or a list of patterns.")
        found[contract] = tuple(listed)
    return found


def _load(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from None
    if path.name == "pyproject.toml":
        document = document.get("tool", {}).get("bulkops", {})
    return document


def target_profile(config: Mapping[str, Any], name: str) -> TargetProfile:
    """Return the `[targets.NAME]` table; UsageError names the tables that are there."""
    tables = config.get("targets", {})
    if name not in tables:
        known = ", ".join(sorted(["sandbox", *tables]))
        raise UsageError(
            f"There is no target {name!r}.",
            hint=f"Known: {known}. Add a [targets.{name}] table to bulkops.toml.",
        )
    table = dict(tables[name])
    unknown = set(table) - {"base_url", "key", *ID_NAMES}
    if unknown or "base_url" not in table:
        trouble = f"does not know {sorted(unknown)[0]!r}" if unknown else "has no base_url"
        raise UsageError(
            f"[targets.{name}] {trouble}.", hint=f"It takes base_url, key and the ids {', '.join(ID_NAMES)}."
        )
    ids = {n: table[n] for n in ID_NAMES if n in table}
    for key, value in ids.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise UsageError(f"[targets.{name}] {key} must be a whole number.")
    return TargetProfile(name=name, base_url=str(table["base_url"]), key=table.get("key", {}), ids=ids)


def profile_authorization(profile: TargetProfile, environ: Mapping[str, str]) -> Secret:
    """Return the Authorization value a profile asks for: from the environment, a command, or a keyring."""
    if not profile.key:
        return authorization_from_environment(environ)
    match dict(profile.key):
        case {"env": str(variable)}:
            if variable not in environ:
                raise UsageError(f"Target {profile.name!r} takes its key from {variable}, which is not set.")
            return _authorization("ManagementKey-v1", environ[variable])
        case {"command": str(command)}:
            return _authorization("ManagementKey-v1", _output_of(command, profile.name))
        case {"keyring": str(service)}:
            return _authorization("ManagementKey-v1", _from_keyring(service, profile.name))
        case _:
            raise UsageError(f"[targets.{profile.name}] key must be one of {{env=…}}, {{command=…}}, {{keyring=…}}.")


def _output_of(command: str, name: str) -> str:
    try:
        # The command is the user's own, from their configuration file; what it prints is never shown.
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    except (OSError, subprocess.SubprocessError, ValueError):
        raise UsageError(f"The key command of target {name!r} failed: {shlex.split(command)[0]}.") from None
    return done.stdout


def _from_keyring(service: str, name: str) -> str:
    try:
        import keyring
    except ImportError:
        raise UsageError(
            f"Target {name!r} takes its key from a keyring.",
            hint="Install it: pip install 'bulkops[keyring]'",
        ) from None
    password = keyring.get_password(service, "bulkops")
    if not password:
        raise UsageError(f"The keyring has no key for {service!r} and the user name 'bulkops'.")
    return str(password)
