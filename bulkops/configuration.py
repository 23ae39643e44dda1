"""The configuration file: the targets it names, where their keys come from, and the files it maps to contracts."""

import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulkops.errors import InputUnreadable, UsageError
from bulkops.settings import ID_NAMES, Secret, authorization_from_environment, authorization_value

CONFIG_FILES = ("bulkops.toml", "pyproject.toml")


@dataclass(frozen=True, kw_only=True)
class TargetProfile:
    """A `[targets.NAME]` table of the configuration file."""

    name: str
    base_url: str
    key: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, int] = field(default_factory=dict)


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
            return authorization_value("ManagementKey-v1", environ[variable])
        case {"command": str(command)}:
            return authorization_value("ManagementKey-v1", _output_of(command, profile.name))
        case {"keyring": str(service)}:
            return authorization_value("ManagementKey-v1", _from_keyring(service, profile.name))
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
