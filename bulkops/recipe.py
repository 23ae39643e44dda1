"""Recipes: ordered lists of imports, read from YAML, with variables replaced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    WithJsonSchema,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from bulkops.documents import parse_yaml, read_document, yaml_line
from bulkops.errors import UsageError
from bulkops.limits import MAX_NUMBER
from bulkops.recipe_source import MAPPING_KEYS, Controls, Join, Lookup, MappingKeys, SourceSpec, Strict, path_or_address
from bulkops.recipe_text import VARIABLE_PATTERN, AtKey, Variables, sentence, written_place
from bulkops.wording import guess
from bulkops_validators import CONTRACTS, ID_NAMES


def _limit(value: object) -> object:
    """Return a count as text; other values are returned unchanged for the field's own check."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Limit = Annotated[str, BeforeValidator(_limit, json_schema_input_type=int | str)]


def _words(value: object) -> object:
    """Return a comma-separated text as a list; other values are returned unchanged for the field's own check."""
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


def _without_default(schema: dict[str, Any]) -> None:
    """Remove the default of a schema, which is not a value that a recipe may contain."""
    schema.pop("default", None)


Id = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
VARIABLES_AS_WRITTEN: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}
"""The schema of variables in the file, which the model sees only as text; null is a variable without a default."""


ID_AS_WRITTEN: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": MAX_NUMBER},
        {"type": "string", "pattern": VARIABLE_PATTERN},
    ]
}
IDS: dict[str, Any] = {"type": "object", "patternProperties": {f"^({'|'.join(ID_NAMES)})$": ID_AS_WRITTEN}}
IDS_AS_WRITTEN: dict[str, Any] = {**IDS, "additionalProperties": {**IDS, "additionalProperties": False}}
"""The schema of ids in the file: an id by its name, or the ids of a target by the target's name."""
TOTAL: dict[str, Any] = {"type": ["number", "string"]}
EXPECT_AS_WRITTEN: dict[str, Any] = {
    "anyOf": [
        {"enum": ["done", "refused"]},
        {
            "type": "object",
            "additionalProperties": {"anyOf": [TOTAL, {"type": "object", "additionalProperties": TOTAL}]},
        },
    ]
}
"""The schema of `expect` in the file: how the step must end, or its control totals."""


class Step(MappingKeys):
    """One import of a recipe: of a `file` in the import format, or of a mapped `source`.

    Paths are resolved against the folder of the recipe. `ids_of_targets` are the ids that `ids` lists by target.
    """

    contract: str = Field(description="The contract's name.", json_schema_extra={"enum": list(CONTRACTS)})
    file: Annotated[Path, WrapValidator(path_or_address)] = Field(
        default=Path(),
        description="The file to import, in the import format, or its address.",
        json_schema_extra=_without_default,
    )
    ids: Annotated[dict[str, Id], WithJsonSchema(IDS_AS_WRITTEN, mode="validation")] = Field(
        default_factory=dict, description="Ids of the target; or a table of ids for each target, by its name."
    )
    ids_of_targets: SkipJsonSchema[dict[str, dict[str, Id]]] = Field(default_factory=dict, exclude=True)
    options: dict[str, bool | str] = Field(default_factory=dict, description="Query options of the contract.")
    max_rows: int | None = Field(default=None, ge=1, le=MAX_NUMBER, description="Records of a chunk.")
    reconcile: bool = Field(default=True, description="Prove the rows after the import.")
    expect: Annotated[Literal["done", "refused"], WithJsonSchema(EXPECT_AS_WRITTEN, mode="validation")] = Field(
        default="done", description="`refused`: the validator must reject the file; or the control totals of a source."
    )
    controls: SkipJsonSchema[Controls | None] = Field(default=None, exclude=True)
    again: bool = Field(default=False, description="Import the file each time the recipe runs.")
    only_new: bool = Field(default=False, description="Send only the records that were not sent before.")
    only_changed: bool = Field(
        default=False, description="Send only the records that the target lacks, or that an upsert would change."
    )
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

    @model_validator(mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Move the ids of targets and the control totals to fields of their own."""
        if not isinstance(value, dict):
            return value
        given = dict(value)
        if isinstance(ids := given.get("ids"), dict):
            tables = {str(name): found for name, found in ids.items() if isinstance(found, dict)}
            if tables:
                given["ids"] = {name: found for name, found in ids.items() if name not in tables}
                given["ids_of_targets"] = tables
        if isinstance(controls := given.get("expect"), dict):
            given.pop("expect")
            given["controls"] = controls
        return given

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = self.model_fields_set
        if ("file" in given) == (self.source is not None):
            msg = "file and source exclude each other" if "file" in given else "file or source is missing"
            raise ValueError(msg)
        odd = sorted(given & MAPPING_KEYS) or (["expect"] if self.controls else [])
        if odd and self.source is None:
            msg = f"{odd[0]} needs a source"
            raise ValueError(msg)
        if self.source is not None:
            self._check_columns()
        return self

    def _check_columns(self) -> None:
        """Raise ValueError if an import column is unknown, mapped twice, or required and not mapped."""
        contract = CONTRACTS[self.contract]
        names = contract.header_names
        mapped: dict[str, str] = {}
        for key, name in [("columns", name) for name in self.columns] + [
            ("constants", name) for name in self.constants
        ]:
            if name not in names:
                raise AtKey(f"{key}: {contract.name} has no column {name!r}. {guess(name, names)}", key, name)
            if names[name] in mapped:
                raise AtKey(f"{key}: the column {name} is mapped twice", key, name)
            mapped[names[name]] = name
        whole = [each.columns for each in contract.exclusive if each.whole_file]
        for group in [*whole, *((name,) for name in contract.required_names)]:
            if not any(name in mapped for name in group):
                raise AtKey(f"columns: the required column {' or '.join(group)} has no expression", "columns")

    @property
    def input_name(self) -> str:
        """The name of the file, or of the source, for a message."""
        if self.source is None or self.file != Path():
            return self.file.name
        return self.source.file.name if self.source.file else self.source.table or "query"

    @property
    def mapped_columns(self) -> tuple[str, ...]:
        """The columns of the mapped file, in the order of the recipe."""
        return (*self.columns, *self.constants)

    @field_validator("contract")
    @classmethod
    def _known_contract(cls, value: str) -> str:
        if value not in CONTRACTS:
            msg = f"unknown contract {value!r}. {guess(value, CONTRACTS)}"
            raise ValueError(msg)
        return value

    @field_validator("ids", "ids_of_targets")
    @classmethod
    def _known_ids(cls, value: dict[str, Any]) -> dict[str, Any]:
        tables = [found for found in value.values() if isinstance(found, dict)] or [value]
        if unknown := sorted({name for table in tables for name in table} - set(ID_NAMES)):
            msg = f"unknown id {unknown[0]!r}. {guess(unknown[0], ID_NAMES)}"
            raise ValueError(msg)
        return value


class SandboxOfRecipe(Strict):
    """A sandbox that runs only during the recipe."""

    world: Path | None = Field(default=None, description="World that it starts with; default: the default world.")


class Recipe(Strict):
    """A recipe: the steps that `bulkops run` executes in order."""

    name: str
    about: str = ""
    variables: Annotated[dict[str, str], WithJsonSchema(VARIABLES_AS_WRITTEN, mode="validation")] = Field(
        default_factory=dict, description="Defaults of ${NAME}, for `--set`."
    )
    sandbox: SandboxOfRecipe | None = Field(default=None, description="Run against a new sandbox.")
    steps: tuple[Step, ...] = Field(min_length=1)
    _path: Path = PrivateAttr(default=Path())

    @property
    def path(self) -> Path:
        """The file of the recipe."""
        return self._path


def load_recipe(path: Path, chosen: Mapping[str, str]) -> Recipe:
    """Return the recipe at `path`, with its variables replaced and its paths absolute.

    UsageError names the invalid place in the file with its line, or a variable without a value.
    """
    text = read_document(path, what="The recipe")
    document = _parsed(text, path)
    variables = Variables.of(document.get("variables"), chosen, path)
    try:
        recipe = Recipe.model_validate({**variables.filled(document), "variables": dict(variables.values)})
    except ValidationError as error:
        first = error.errors()[0]
        line = yaml_line(text, written_place(first))
        where = f"{path}, line {line}" if line else f"{path}"
        raise UsageError(f"{where}: {sentence(first, MODELS)}") from None
    recipe._path = path  # noqa: SLF001 - its own attribute, which is not a key of the file
    return recipe


def place_of_step(recipe: Recipe, number: int, key: str) -> str:
    """Return the place of a key of a step, with the line of the file if it can be read."""
    keys: list[int | str] = ["steps", number - 1, *key.split(".", 1)]
    try:
        line = yaml_line(read_document(recipe.path), keys)
    except (UsageError, UnicodeDecodeError):
        line = None
    return f"{recipe.path}{f', line {line}' if line else ''}: step {number}"


MODELS = (Recipe, Step, SandboxOfRecipe, SourceSpec, Lookup, Join)


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        document = parse_yaml(text)
    except ValueError as error:
        raise UsageError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a recipe: it must be a table with name and steps.")
    return document


def at_target(recipe: Recipe, name: str | None) -> Recipe:
    """Return the recipe with the ids of a target; UsageError if a step lists targets, and this one is missing."""
    steps = []
    for number, step in enumerate(recipe.steps, start=1):
        if not step.ids_of_targets:
            steps.append(step)
            continue
        if name not in step.ids_of_targets:
            raise UsageError(
                f"{recipe.name}: step {number} ({step.contract}) has no ids for "
                f"{'a target without a name' if name is None else f'the target {name!r}'}.",
                hint=f"It has ids for {', '.join(step.ids_of_targets)}: choose one of them with --target.",
            )
        ids = {**step.ids, **step.ids_of_targets[name]}
        steps.append(step.model_copy(update={"ids": ids, "ids_of_targets": {}}))
    return recipe.model_copy(update={"steps": tuple(steps)})
