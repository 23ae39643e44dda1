"""Recipes: ordered lists of imports, read from YAML, with variables replaced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    field_validator,
)

from bulkops.documents import parse_yaml, read_document
from bulkops.errors import UsageError
from bulkops.limits import MAX_NUMBER
from bulkops.recipe_text import Variables, sentence
from bulkops.remote.addresses import is_remote
from bulkops.remote.paths import path_of
from bulkops.wording import guess
from bulkops_validators import CONTRACTS, ID_NAMES


def _limit(value: object) -> object:
    """Return a count as text; other values are returned unchanged for the field's own check."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Limit = Annotated[str, BeforeValidator(_limit, json_schema_input_type=int | str)]


def _words(value: object) -> object:
    """Return a comma-separated text as a list; other values are returned unchanged for the field's own check."""
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


Id = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
VARIABLES_AS_WRITTEN: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}
"""The schema of variables in the file, which the model sees only as text; null is a variable without a default."""


def _path_or_address(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return path_of(value) if isinstance(value, str) and is_remote(value) else handler(value)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Strict):
    """One import of a recipe. `file` is resolved against the folder of the recipe."""

    contract: str = Field(description="The contract's name.", json_schema_extra={"enum": list(CONTRACTS)})
    file: Annotated[Path, WrapValidator(_path_or_address)] = Field(description="The file to import, or its address.")
    ids: dict[str, Id] = Field(
        default_factory=dict,
        description="Ids of the target.",
        json_schema_extra={"propertyNames": {"enum": list(ID_NAMES)}},
    )
    options: dict[str, bool | str] = Field(default_factory=dict, description="Query options of the contract.")
    max_rows: int | None = Field(default=None, ge=1, le=MAX_NUMBER, description="Records of a chunk.")
    reconcile: bool = Field(default=True, description="Prove the rows after the import.")
    expect: Literal["done", "refused"] = Field(
        default="done", description="`refused`: the validator must reject the file."
    )
    again: bool = Field(default=False, description="Import the file each time the recipe runs.")
    only_new: bool = Field(default=False, description="Send only the records that were not sent before.")
    digests: bool = Field(
        default=True, description="Store the digests of the records, and compare the file with the stored digests."
    )
    leave_unfinished: bool = Field(
        default=False,
        description="Import the file although the import of an earlier file of the same name is unfinished.",
    )
    allow_empty: bool = Field(default=False, description="Accept a file without records.")
    max_removals: Limit | None = Field(default=None, description="Maximum rows that a replacing import may remove.")
    max_errors: Limit | None = Field(default=None, description="Stop when more records than this were rejected.")

    accept: Annotated[tuple[str, ...], BeforeValidator(_words, json_schema_input_type=str | list[str])] = Field(
        default=(), description="Rules that stop an import, but not this one, because the values are intended."
    )

    @field_validator("contract")
    @classmethod
    def _known_contract(cls, value: str) -> str:
        if value not in CONTRACTS:
            msg = f"unknown contract {value!r}. {guess(value, CONTRACTS)}"
            raise ValueError(msg)
        return value

    @field_validator("ids")
    @classmethod
    def _known_ids(cls, value: dict[str, int]) -> dict[str, int]:
        if unknown := sorted(set(value) - set(ID_NAMES)):
            msg = f"unknown id {unknown[0]!r}. {guess(unknown[0], ID_NAMES)}"
            raise ValueError(msg)
        return value


class SandboxOfRecipe(_Strict):
    """A sandbox that runs only during the recipe."""

    world: Path | None = Field(default=None, description="World that it starts with; default: the default world.")


class Recipe(_Strict):
    """A recipe: the steps that `bulkops run` executes in order."""

    name: str
    about: str = ""
    variables: Annotated[dict[str, str], WithJsonSchema(VARIABLES_AS_WRITTEN, mode="validation")] = Field(
        default_factory=dict, description="Defaults of ${NAME}, for `--set`."
    )
    sandbox: SandboxOfRecipe | None = Field(default=None, description="Run against a new sandbox.")
    steps: tuple[Step, ...] = Field(min_length=1)


def load_recipe(path: Path, chosen: Mapping[str, str]) -> Recipe:
    """Return the recipe at `path`, with its variables replaced and its paths absolute.

    UsageError names the invalid place in the file, or a variable without a value.
    """
    document = _read(path)
    variables = Variables.of(document.get("variables"), chosen, path)
    try:
        return Recipe.model_validate({**variables.filled(document), "variables": dict(variables.values)})
    except ValidationError as error:
        raise UsageError(f"{path}: {sentence(error.errors()[0], (Recipe, Step, SandboxOfRecipe))}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = parse_yaml(read_document(path, what="The recipe"))
    except ValueError as error:
        raise UsageError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a recipe: it must be a table with name and steps.")
    return document
