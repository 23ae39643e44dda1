"""Read the world of a sandbox from a file."""

from pathlib import Path
from typing import Any

from bulkops.documents import parse_json, parse_yaml, read_document
from bulkops.errors import UsageError
from bulkops.sandbox.default_world import DEFAULT
from bulkops.sandbox.world import World


def load_world(source: World | Path | str | None) -> World:
    """Return the given world, the world in a JSON or YAML file, or the default world for None.

    A file that contains `extends: default` replaces only the keys it names.
    Raises `InputUnreadable` if the file cannot be read, `UsageError` if its content is not a valid world.
    """
    if isinstance(source, World):
        return source
    if source is None:
        return DEFAULT
    path = Path(source)
    try:
        text = read_document(path, what="The world")
        given = parse_json(text) if path.suffix == ".json" else parse_yaml(text)
        return _built(given)
    except ValueError as problem:  # ValidationError is one
        raise UsageError(
            f"The world {path} cannot be used: {problem}", hint="docs/reference/sandbox.md describes the file."
        ) from problem


def _built(given: Any) -> World:
    if not isinstance(given, dict):
        raise ValueError("it must be a mapping")  # noqa: TRY004 - bad content, not a programming error
    extends = given.pop("extends", None)
    if extends not in (None, "default"):
        raise ValueError(f"extends takes `default`, not {extends!r}")
    merged = {**(DEFAULT.model_dump() if extends else {}), **given}
    return World.model_validate(merged)
