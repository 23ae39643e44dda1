"""A recipe: an ordered list of imports, read from YAML, with variables filled in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bulkops.errors import InputUnreadable, UsageError
from bulkops.settings import ID_NAMES
from bulkops_validators import CONTRACTS

VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Strict):
    """One import of a recipe. `file` is resolved against the folder of the recipe."""

    contract: str = Field(description="The contract's name.")
    file: Path = Field(description="The file to import.")
    ids: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict, description="Ids of the target.")
    options: dict[str, bool | str] = Field(default_factory=dict, description="Query options of the contract.")
    max_rows: int | None = Field(default=None, ge=1, description="Records of a chunk.")
    reconcile: bool = Field(default=True, description="Prove the rows after the import.")
    expect: Literal["done", "refused"] = Field(default="done", description="`refused`: the validator must stop it.")

    @field_validator("contract")
    @classmethod
    def _known_contract(cls, value: str) -> str:
        if value not in CONTRACTS:
            msg = f"there is no contract {value!r}; known: {', '.join(CONTRACTS)}"
            raise ValueError(msg)
        return value

    @field_validator("ids")
    @classmethod
    def _known_ids(cls, value: dict[str, int]) -> dict[str, int]:
        if unknown := sorted(set(value) - set(ID_NAMES)):
            msg = f"there is no id {unknown[0]!r}; known: {', '.join(ID_NAMES)}"
            raise ValueError(msg)
        return value


class SandboxOfRecipe(_Strict):
    """A sandbox that starts with the run and ends with it."""

    world: Path | None = Field(default=None, description="The world it starts with; default: the default world.")


class Recipe(_Strict):
    """What `bulkops run` does, in order."""

    name: str
    about: str = ""
    variables: dict[str, str] = Field(default_factory=dict, description="Defaults of ${NAME}, for `--set`.")
    sandbox: SandboxOfRecipe | None = Field(default=None, description="Run against a sandbox of the run's own.")
    steps: tuple[Step, ...] = Field(min_length=1)


def load_recipe(path: Path, chosen: Mapping[str, str]) -> Recipe:
    """Return the recipe at `path` with its variables filled in and its files made absolute.

    UsageError names the place in the file that is wrong, or a variable that has no value.
    """
    document = _read(path)
    declared = document.get("variables") or {}
    if not isinstance(declared, dict):
        raise UsageError(f"{path}: variables must be a table of names and values.")
    if unknown := sorted(set(chosen) - set(declared)):
        raise UsageError(f"{path} has no variable {unknown[0]!r}.", hint=f"It has: {', '.join(declared) or 'none'}.")
    folder = path.resolve().parent
    values = {name: str(value) for name, value in declared.items()} | {
        name: str(Path.cwd() / value) if (Path.cwd() / value).exists() else value for name, value in chosen.items()
    }
    try:
        recipe = Recipe.model_validate(_filled(document, values, path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: {place}: {first['msg']}.") from None
    steps = tuple(step.model_copy(update={"file": folder / step.file}) for step in recipe.steps)
    sandbox = recipe.sandbox
    if sandbox is not None and sandbox.world is not None:
        sandbox = SandboxOfRecipe(world=folder / sandbox.world)
    return recipe.model_copy(update={"steps": steps, "sandbox": sandbox})


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputUnreadable(f"The recipe {path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a recipe: it must be a table with name and steps.")
    return document


def _filled(value: Any, variables: Mapping[str, str], path: Path) -> Any:
    """Return the value with every ${NAME} in its texts replaced."""

    def replaced(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise UsageError(f"{path}: ${{{match[1]}}} has no value.", hint=f"Give --set {match[1]}=VALUE.")
        return variables[match[1]]

    if isinstance(value, str):
        return VARIABLE.sub(replaced, value)
    if isinstance(value, list):
        return [_filled(item, variables, path) for item in value]
    if isinstance(value, dict):
        return {key: item if key == "variables" else _filled(item, variables, path) for key, item in value.items()}
    return value
