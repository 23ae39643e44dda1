"""The text of a recipe: replace its variables, and describe its errors in plain sentences."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from bulkops.errors import UsageError
from bulkops.remote.addresses import is_remote
from bulkops.wording import guess

VARIABLE_PATTERN = r"\$\{([A-Za-z_]\w*)\}"
VARIABLE = re.compile(VARIABLE_PATTERN)
PATHS = ("file", "world")
SOURCE = "source"
"""The key of a source, which may be a path alone."""
FILE_DATABASE = re.compile(r"((?:duckdb|sqlite):///)(?!/|:memory:)(.+)")
"""The address of a database in a file with a relative path."""
PLAIN = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a table of names and values",
    "model_type": "must be a table of names and values",
    "tuple_type": "must be a list",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "path_type": "must be a path",
    "too_short": "is empty",
}
"""Plain texts for pydantic's kinds of errors; other kinds keep pydantic's text."""


@dataclass(frozen=True, kw_only=True)
class Variables:
    """The variables of the recipe at `path`. `chosen` names those with a value from --set."""

    path: Path
    values: Mapping[str, str]
    chosen: frozenset[str]

    @classmethod
    def of(cls, declared: Any, chosen: Mapping[str, str], path: Path) -> Self:
        """Return the declared variables with the chosen values; UsageError if one is not declared."""
        if not isinstance(declared or {}, dict):
            raise UsageError(f"{path}: variables must be a table of names and values.")
        names = {str(name): value for name, value in (declared or {}).items()}
        if unknown := sorted(set(chosen) - set(names)):
            raise UsageError(f"{path} has no variable {unknown[0]!r}.", hint=guess(unknown[0], names))
        if odd := [name for name, value in names.items() if isinstance(value, (list, dict))]:
            raise UsageError(f"{path}: variables: {odd[0]} must be one value, not a list or a table.")
        defaults = {name: _plain(value) for name, value in names.items() if value is not None}
        return cls(path=path, values={**defaults, **chosen}, chosen=frozenset(chosen))

    def filled(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the recipe with every ${NAME} replaced and its paths absolute."""
        return {key: value if key == "variables" else self._filled(value, key) for key, value in document.items()}

    def _filled(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            text = VARIABLE.sub(self._value, value)
            if key in PATHS or key == SOURCE:
                return text if is_remote(text) else str(self._located(value, text))
            return self._database(text) if key == "database" else text
        if isinstance(value, list):
            return [self._filled(item, key) for item in value]
        if isinstance(value, dict):
            return {name: self._filled(item, str(name)) for name, item in value.items()}
        return value

    def _value(self, match: re.Match[str]) -> str:
        if match[1] not in self.values:
            raise UsageError(f"{self.path}: ${{{match[1]}}} has no value.", hint=f"Add --set {match[1]}=VALUE.")
        return self.values[match[1]]

    def _located(self, written: str, text: str) -> Path:
        """Return an absolute path; a path that begins with a chosen value may be relative to the working folder."""
        first = VARIABLE.match(written)
        if first is not None and first[1] in self.chosen and self.values[first[1]]:
            here = Path.cwd() / text
            if here.exists() or (text[len(self.values[first[1]]) :].startswith("/") and self._is_here(first[1])):
                return here
        return self.path.resolve().parent / text

    def _database(self, text: str) -> str:
        """Return the address of a database, with the path of a file made absolute."""
        found = FILE_DATABASE.fullmatch(text)
        return f"{found[1]}{self.path.resolve().parent / found[2]}" if found else text

    def _is_here(self, name: str) -> bool:
        return (Path.cwd() / self.values[name]).is_dir()


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class AtKey(ValueError):
    """An error of a table that concerns one of its keys; `place` are the keys from the table inwards."""

    def __init__(self, message: str, *place: str) -> None:
        super().__init__(message)
        self.place = place


def written_place(error: ErrorDetails) -> tuple[int | str, ...]:
    """Return the place of an error in the recipe as it is written, which names keys that the models move."""
    raised = error.get("ctx", {}).get("error")
    inner = raised.place if isinstance(raised, AtKey) else ()
    keys = (WRITTEN.get(str(part), part) for part in (*error["loc"], *inner))
    return tuple(part for part in keys if part != "")


WRITTEN = {"ids_of_targets": "ids", "controls": "expect", "totals": ""}
"""The keys of a recipe for fields that contain a part of them."""


def sentence(error: ErrorDetails, models: Sequence[type[BaseModel]]) -> str:
    """Return an error of pydantic as a sentence that begins with the place."""
    place, key = _place(written_place({**error, "ctx": {}}))
    kind = error["type"]
    if kind == "extra_forbidden":
        known = next((known_keys(m) for m in models if m.__name__ == _owner(error["loc"])), [])
        outer, _, last = key.rpartition(".")
        return f"{place}{outer + ': ' if outer else ''}unknown key {last!r}. {guess(last, known)}"
    if kind == "missing":
        return f"{place}{key} is missing."
    if kind == "value_error":
        text = str(error["ctx"]["error"]) if "ctx" in error else error["msg"]
        nested = error["loc"][2:-1] if error["loc"][:1] == ("steps",) else ()
        text = f"{'.'.join(map(str, nested))}: {text}" if nested else text
        return f"{place}{text}" if text.endswith((".", "?")) else f"{place}{text}."
    if kind == "literal_error" and "ctx" in error:
        return f"{place}{key} must be {error['ctx']['expected']}."
    if kind == "greater_than_equal" and "ctx" in error:
        return f"{place}{key} must be at least {error['ctx']['ge']}."
    if kind == "less_than_equal" and "ctx" in error:
        return f"{place}{key} must be at most {error['ctx']['le']}."
    return f"{place}{key} {PLAIN.get(kind, 'is invalid: ' + error['msg'])}."


def _place(location: Sequence[int | str]) -> tuple[str, str]:
    """Return the place of an error in the recipe, with steps counted from 1, and its key."""
    parts = [part for part in location if not _is_tag(part)]
    if len(parts) > 1 and parts[0] == "steps" and isinstance(parts[1], int):
        return f"step {parts[1] + 1}: ", ".".join(map(str, parts[2:])) or "it"
    return "", ".".join(map(str, parts))


def known_keys(model: type[BaseModel]) -> list[str]:
    """Return the keys of a table that a recipe may contain."""
    return [name for name, field in model.model_fields.items() if not field.exclude]


def _is_tag(part: int | str) -> bool:
    """Return whether a part of a location names a type that was tried, not a key."""
    return isinstance(part, str) and (part in ("bool", "str", "dict", "decimal") or part.startswith("function-"))


def _owner(location: Sequence[int | str]) -> str:
    """Return the name of the model with the key at a location."""
    if not location[1:]:
        return "Recipe"
    if location[0] == "sandbox":
        return "SandboxOfRecipe"
    tables = {"source": "SourceSpec", "lookups": "Lookup", "joins": "Join"}
    inside = [str(part) for part in location[2:-1] if str(part) in tables]
    return tables[inside[-1]] if inside else "Step"
