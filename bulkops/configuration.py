"""Find and read the configuration file. Unknown tables and keys are rejected."""

import re
import shlex
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, TypeVar

from bulkops.documents import parse_toml, read_document, toml_line
from bulkops.errors import UsageError
from bulkops.limits import KEY_SECONDS, MAX_KEY_BYTES, TooLarge
from bulkops.settings import Secret, authorization_from_environment, authorization_value
from bulkops.wording import guess
from bulkops_validators import ID_NAMES

if TYPE_CHECKING:
    from bulkops.configuration_tables import Table

T = TypeVar("T", bound="Table")
CONFIG_FILES = ("bulkops.toml", "pyproject.toml")
TABLES = ("targets", "check", "inbox", "on_end")
_VARIABLE = re.compile(r"[A-Z][A-Z_]*[A-Z0-9_]{0,3}")
"""Names of variables that are shown; anything else in their place may be the key itself."""


@dataclass(frozen=True, kw_only=True)
class TargetProfile:
    """A `[targets.NAME]` table of the configuration file."""

    name: str
    base_url: str
    key: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EndHooks:
    """The `[on_end]` table: a command, the address of a web hook, and Apprise URLs, which may all be secrets."""

    command: tuple[str, ...] = field(default=(), repr=False)
    url: str = field(default="", repr=False)
    apprise: tuple[str, ...] = field(default=(), repr=False)
    only_problems: bool = False


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The tables of a configuration file; without a file there are none."""

    path: Path | None
    tables: Mapping[str, Any]
    text: str = field(default="", repr=False)

    @property
    def prefix(self) -> tuple[str, ...]:
        """The tables around those of bulkops."""
        return ("tool", "bulkops") if self.path is not None and self.path.name == "pyproject.toml" else ()

    @property
    def folder(self) -> Path:
        """The folder that patterns count from."""
        return (self.path or Path.cwd() / CONFIG_FILES[0]).resolve().parent

    def called(self, table: str, line: int | None = None) -> str:
        """Return how messages name a table, and the line of the file if it is known."""
        shown = ".".join([*self.prefix, table])
        place = self.path if line is None else f"{self.path}:{line}"
        return f"{place}: [{shown}]" if self.path else f"[{shown}]"


def read_config(path: Path | None) -> Configuration:
    """Return the configuration: that of `path`, or of the nearest file of this folder or above that says anything."""
    found = path
    if path is None:
        candidates = (folder / name for folder in (Path.cwd(), *Path.cwd().parents) for name in CONFIG_FILES)
        found = next((each for each in candidates if each.is_file() and _load(each)[0]), None)
    tables, text = _load(found) if found else ({}, "")
    config = Configuration(path=found, tables=tables, text=text)
    for name, table in config.tables.items():
        if name not in TABLES:
            line = toml_line(text, (*config.prefix, name))
            raise UsageError(f"{config.called(name, line)} is not a table of bulkops.", hint=guess(name, TABLES))
        if not isinstance(table, dict):
            raise UsageError(f"{config.called(name)} must be a table.", hint=f"Write [{name}] above its keys.")
    return config


def _load(path: Path) -> tuple[dict[str, Any], str]:
    """Return the tables of a file and its text."""
    try:
        text = read_document(path)
        document: Any = parse_toml(text)
    except ValueError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from None
    if path.name == "pyproject.toml":
        for name in ("tool", "bulkops"):
            document = document.get(name, {})
            if not isinstance(document, dict):
                shown = "[tool.bulkops]" if name == "bulkops" else "[tool]"
                raise UsageError(f"{path}: {shown} must be a table.")
    return dict(document), text


def target_profile(config: Configuration, name: str) -> TargetProfile:
    """Return the `[targets.NAME]` table; UsageError names the known tables, or the mistake in this one."""
    tables = config.tables.get("targets", {})
    if "sandbox" in tables:
        raise UsageError(
            f"{config.called('targets.sandbox')} has a name that is taken: `--target sandbox` is the embedded sandbox.",
            hint="Give the table another name.",
        )
    if name not in tables:
        known = ", ".join(sorted(["sandbox", *tables]))
        raise UsageError(
            f"Unknown target {name!r}.",
            hint=f"Known: {known}. Add a [targets.{name}] table to bulkops.toml.",
        )
    from bulkops.configuration_tables import TargetTable

    table = checked(TargetTable, tables[name], config, ("targets", name))
    key = {} if table.key is None else table.key.model_dump(exclude_unset=True)
    listed = table.model_dump(by_alias=True, exclude_none=True)
    ids = {each: listed[each] for each in ID_NAMES if each in listed}
    return TargetProfile(name=name, base_url=table.base_url, key=key, ids=ids)


def end_hooks(config: Configuration, environ: Mapping[str, str]) -> EndHooks | None:
    """Return the `[on_end]` table; None without one. UsageError for an invalid table or a variable that is not set."""
    if "on_end" not in config.tables:
        return None
    from bulkops.configuration_tables import OnEndTable

    table = checked(OnEndTable, config.tables["on_end"], config, ("on_end",))

    def value_of(key: str, name: str | None) -> str:
        if name is not None and not environ.get(name, "").strip():
            shown = name if _VARIABLE.fullmatch(name) else f"The variable that {key} names"
            raise UsageError(
                f"{config.called('on_end')} needs {shown}, which is not set.",
                hint="Set the variable, or correct [on_end] in the configuration.",
            )
        return environ[name].strip() if name is not None else ""

    try:
        words = tuple(shlex.split(table.command or ""))
    except ValueError as error:
        raise UsageError(f"{config.called('on_end')}: the command cannot be read: {error}.") from None
    return EndHooks(
        command=words,
        url=table.url or value_of("url-env", table.url_env),
        apprise=(*table.apprise, *value_of("apprise-env", table.apprise_env).split()),
        only_problems=table.when == "problem",
    )


def checked(model: type[T], table: object, config: Configuration, path: tuple[str, ...]) -> T:
    """Return the table at `path` as its model; UsageError names file, line, table and key, and suggests a key."""
    from pydantic import ValidationError

    from bulkops.configuration_tables import trouble_of

    try:
        return model.model_validate(table)
    except ValidationError as error:
        found = trouble_of(error, model)
    line = toml_line(config.text, (*config.prefix, *path, *found.keys)) if found.keys else None
    raise UsageError(f"{config.called('.'.join(path), line)} {found.text}", hint=found.hint)


def profile_authorization(profile: TargetProfile, environ: Mapping[str, str]) -> Secret:
    """Return the Authorization value a profile asks for: from the environment, a command, or a keyring."""
    if not profile.key:
        return authorization_from_environment(environ)
    ((source, value),) = profile.key.items()
    if source == "env":
        if value not in environ:
            shown = value if _VARIABLE.fullmatch(value) else "the variable that its key.env names"
            raise UsageError(
                f"Target {profile.name!r} takes its key from {shown}, which is not set.",
                hint="Set the variable, or correct `key` of the target in the configuration.",
            )
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
    """Return the name of a key command's program for messages.

    A word that is not a program is not shown, because it may be a key in the wrong place.
    """
    return f": {words[0]}" if which(words[0]) else "; its program was not found"


def _printed_by(words: list[str]) -> bytes:
    """Return the output of a command; TooLarge if it prints too much or runs too long, then it is ended."""
    # The command comes from the user's own configuration file; its output is never shown.
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
