"""The configuration file: which one counts, and what its tables say. What nobody would read is refused."""

import re
import shlex
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from threading import Thread
from typing import IO, Any

from bulkops.documents import parse_toml, read_document
from bulkops.errors import UsageError
from bulkops.limits import KEY_SECONDS, MAX_KEY_BYTES, MAX_NUMBER, TooLarge
from bulkops.settings import Secret, authorization_from_environment, authorization_value
from bulkops.wording import guess
from bulkops_validators import ID_NAMES

CONFIG_FILES = ("bulkops.toml", "pyproject.toml")
TABLES = ("targets", "check")
KEY_SOURCES = ("env", "command", "keyring")
_VARIABLE = re.compile(r"[A-Z][A-Z_]*[A-Z0-9_]{0,3}")
"""Names of variables that are shown; anything else in their place may be the key itself."""
KEY_FORMS = "{env = …}, {command = …} or {keyring = …}"


@dataclass(frozen=True, kw_only=True)
class TargetProfile:
    """A `[targets.NAME]` table of the configuration file."""

    name: str
    base_url: str
    key: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The tables of a configuration file; without a file there are none."""

    path: Path | None
    tables: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """The folder that patterns count from."""
        return (self.path or Path.cwd() / CONFIG_FILES[0]).resolve().parent

    def called(self, table: str) -> str:
        """Return how messages name a table."""
        shown = f"tool.bulkops.{table}" if self.path is not None and self.path.name == "pyproject.toml" else table
        return f"{self.path}: [{shown}]" if self.path else f"[{shown}]"


def read_config(path: Path | None) -> Configuration:
    """Return the configuration: that of `path`, or of the nearest file of this folder or above that says anything."""
    found = path
    if path is None:
        candidates = (folder / name for folder in (Path.cwd(), *Path.cwd().parents) for name in CONFIG_FILES)
        found = next((each for each in candidates if each.is_file() and _load(each)), None)
    config = Configuration(path=found, tables=_load(found) if found else {})
    for name, table in config.tables.items():
        if name not in TABLES:
            raise UsageError(f"{config.called(name)} is no table of bulkops.", hint=guess(name, TABLES))
        if not isinstance(table, dict):
            raise UsageError(f"{config.called(name)} must be a table.", hint=f"Write [{name}] above its keys.")
    return config


def _load(path: Path) -> dict[str, Any]:
    try:
        document: Any = parse_toml(read_document(path))
    except ValueError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from None
    if path.name == "pyproject.toml":
        for name in ("tool", "bulkops"):
            document = document.get(name, {})
            if not isinstance(document, dict):
                shown = "[tool.bulkops]" if name == "bulkops" else "[tool]"
                raise UsageError(f"{path}: {shown} must be a table.")
    return dict(document)


def target_profile(config: Configuration, name: str) -> TargetProfile:
    """Return the `[targets.NAME]` table; UsageError names the tables that are there, or what is odd in this one."""
    tables = config.tables.get("targets", {})
    if "sandbox" in tables:
        raise UsageError(
            f"{config.called('targets.sandbox')} has a name that is taken: `--target sandbox` is the embedded sandbox.",
            hint="Give the table another name.",
        )
    if name not in tables:
        known = ", ".join(sorted(["sandbox", *tables]))
        raise UsageError(
            f"There is no target {name!r}.",
            hint=f"Known: {known}. Add a [targets.{name}] table to bulkops.toml.",
        )
    called, table = config.called(f"targets.{name}"), tables[name]
    if not isinstance(table, dict):
        raise UsageError(f"{called} must be a table with base_url, key and ids.")
    known_keys = ("base_url", "key", *ID_NAMES)
    if unknown := sorted(set(table) - set(known_keys)):
        raise UsageError(f"{called} does not know {unknown[0]!r}.", hint=guess(unknown[0], known_keys))
    if not isinstance(table.get("base_url"), str):
        trouble = "base_url must be text." if "base_url" in table else "has no base_url."
        raise UsageError(f"{called} {trouble}", hint="Write it like https://yourcompany.europe-west1.talon.one")
    ids = {n: table[n] for n in ID_NAMES if n in table}
    for key, value in ids.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_NUMBER:
            raise UsageError(f"{called} {key} must be a whole number, 1 or more (at most {MAX_NUMBER}).")
    return TargetProfile(name=name, base_url=table["base_url"], key=_key_of(table, called), ids=ids)


def _key_of(table: Mapping[str, Any], called: str) -> dict[str, str]:
    """Return where the key comes from. What stands there is never shown: it may be the key itself."""
    if "key" not in table:
        return {}
    key = table["key"]
    if not isinstance(key, dict):
        raise UsageError(
            f"{called} key must say where the key is, not be it.",
            hint=f"Write key = {KEY_FORMS}; if that was the key, take it out and have it replaced.",
        )
    if unknown := sorted(set(key) - set(KEY_SOURCES)):
        raise UsageError(f"{called} key does not know {unknown[0]!r}.", hint=guess(unknown[0], KEY_SOURCES))
    if len(key) != 1:
        raise UsageError(f"{called} key must be one of {KEY_FORMS}, and only one.")
    ((source, value),) = key.items()
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{called} key.{source} must be text, and not blank.")
    return {source: value}


def profile_authorization(profile: TargetProfile, environ: Mapping[str, str]) -> Secret:
    """Return the Authorization value a profile asks for: from the environment, a command, or a keyring."""
    if not profile.key:
        return authorization_from_environment(environ)
    ((source, value),) = profile.key.items()
    if source == "env":
        if value not in environ:
            shown = value if _VARIABLE.fullmatch(value) else "the variable that its key.env names"
            raise UsageError(f"Target {profile.name!r} takes its key from {shown}, which is not set.")
        shown = value if _VARIABLE.fullmatch(value) else "an environment variable"
        return authorization_value("ManagementKey-v1", environ[value], name=f"{shown}, target {profile.name}")
    from_source = _output_of if source == "command" else _from_keyring
    name = f"{'key command' if source == 'command' else 'keyring'} of target {profile.name}"
    return authorization_value("ManagementKey-v1", from_source(value, profile.name), name=name)


def _output_of(command: str, name: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"The key command of target {name!r} cannot be read: {error}.") from None
    if not words:
        raise UsageError(f"The key command of target {name!r} is empty.")
    try:
        output = _printed_by(words)
        return output.decode()
    except TooLarge as error:
        raise UsageError(f"The key command of target {name!r} {error}{_program(words)}.", hint=error.hint) from None
    except (OSError, subprocess.SubprocessError, ValueError):
        raise UsageError(f"The key command of target {name!r} failed{_program(words)}.") from None


def _program(words: list[str]) -> str:
    """Return how messages name the program of a key command; what is no program may be a key in the wrong place."""
    return f": {words[0]}" if which(words[0]) else "; its program was not found"


def _printed_by(words: list[str]) -> bytes:
    """Return the output of a command; TooLarge if it prints too much or runs too long, then it is ended."""
    # The command is the user's own, from their configuration file; what it prints is never shown.
    # Without a buffer the pipe can be closed while it is read: a child of the command may keep it open.
    with subprocess.Popen(words, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        assert process.stdout is not None
        output: list[bytes] = []
        reader = Thread(target=_read_into, args=(output, process.stdout), daemon=True)
        reader.start()
        try:
            reader.join(KEY_SECONDS)
            _refuse_to_wait(slow=reader.is_alive(), much=bool(output) and len(output[0]) > MAX_KEY_BYTES)
            if process.wait(KEY_SECONDS):
                raise subprocess.CalledProcessError(process.returncode, words[0])
        finally:
            process.kill()
    return output[0]


def _refuse_to_wait(*, slow: bool, much: bool) -> None:
    """Raise TooLarge for a command that is too slow or prints too much."""
    if slow or much:
        what = f"did not end within {KEY_SECONDS:.0f} s" if slow else f"printed more than {MAX_KEY_BYTES:,} bytes"
        raise TooLarge(what, hint="It must print the key, nothing else, and end.")


def _read_into(output: list[bytes], stream: IO[bytes]) -> None:
    data = b""
    with suppress(OSError, ValueError):  # closed, because the command took too long
        while len(data) <= MAX_KEY_BYTES and (part := stream.read(MAX_KEY_BYTES + 1 - len(data))):
            data += part
    output.append(data)


def _from_keyring(service: str, name: str) -> str:
    try:
        import keyring.errors
    except ImportError:
        raise UsageError(
            f"Target {name!r} takes its key from a keyring.",
            hint="Install it: pip install 'bulkops[keyring]'",
        ) from None
    try:
        password = keyring.get_password(service, "bulkops")
    except keyring.errors.KeyringError as error:
        raise UsageError(f"The keyring of target {name!r} cannot be read: {type(error).__name__}.") from None
    if not password:
        raise UsageError(f"The keyring has no key for the service that target {name!r} names and the user 'bulkops'.")
    return str(password)
