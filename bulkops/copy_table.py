"""The table of a copy between deployments: ids, attributes and names of the source, and those of the target."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from bulkops.documents import parse_toml, read_document, toml_line
from bulkops.errors import UsageError
from bulkops.limits import MAX_NUMBER
from bulkops.recipe_text import AtKey
from bulkops.wording import guess
from bulkops_validators import CONTRACTS, ID_NAMES
from bulkops_validators.model.cells import JsonObject
from bulkops_validators.model.contract import Contract, Reference

Id = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
Names = dict[str, str]
ENTITIES = tuple(
    sorted({c.cell.entity for each in CONTRACTS.values() for c in each.columns if isinstance(c.cell, JsonObject)})
)
"""The entities with attributes that an import sets."""
PLAIN = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than_equal": "must be at least 1",
    "less_than_equal": f"must be at most {MAX_NUMBER:,}",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "list_type": "must be written with double brackets, such as [[ids]]",
    "missing": "is missing",
}
"""Plain texts for pydantic's kinds of errors; other kinds keep pydantic's text."""


class _StrictTable(BaseModel):
    """A part of the table: unknown keys are invalid."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlacePair(_StrictTable):
    """A place of the source and the place of the target that receives its rows."""

    source: dict[str, Id] = Field(alias="from", min_length=1, description="Ids at the source.")
    target: dict[str, Id] = Field(alias="to", min_length=1, description="Ids at the target.")

    @model_validator(mode="after")
    def _same_ids(self) -> Self:
        if unknown := sorted({*self.source, *self.target} - set(ID_NAMES)):
            msg = f"unknown id {unknown[0]!r}. {guess(unknown[0], ID_NAMES)}"
            raise ValueError(msg)
        if set(self.source) != set(self.target):
            msg = "from and to must name the same ids"
            raise ValueError(msg)
        return self


class CopyTable(_StrictTable):
    """What a copy translates. Names that are not listed stay as they are; a blank attribute is left out."""

    ids: tuple[PlacePair, ...] = Field(default=(), description="Places, in pairs; each pair is one step.")
    attributes: dict[str, str | Names] = Field(
        default_factory=dict, description="New names of attributes, for all entities, or in a table for one entity."
    )
    tiers: Names = Field(default_factory=dict, description="New names of tiers.")
    subledgers: Names = Field(default_factory=dict, description="New names of subledgers.")
    stores: Names = Field(default_factory=dict, description="New integration ids of stores.")
    options: dict[str, dict[str, bool | str]] = Field(
        default_factory=dict, description="Query options of the import, in a table for each contract."
    )

    @field_validator("options")
    @classmethod
    def _known_contracts(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, chosen in value.items():
            if name not in CONTRACTS:
                raise AtKey(f"unknown contract {name!r}. {guess(name, CONTRACTS)}", name)
            known = [option.name for option in CONTRACTS[name].options]
            if unknown := sorted(set(chosen) - set(known)):
                raise AtKey(f"{unknown[0]} is not an option of {name}. {guess(unknown[0], known)}", name, unknown[0])
        return value

    @field_validator("attributes")
    @classmethod
    def _known_entities(cls, value: dict[str, str | Names]) -> dict[str, str | Names]:
        for name, names in value.items():
            if isinstance(names, dict) and name not in ENTITIES:
                raise AtKey(f"unknown entity {name!r}. {guess(name, ENTITIES)}", name)
        return value

    def attributes_of(self, contract: Contract) -> Names:
        """Return the new names of the attributes that records of a contract can have."""
        entities = [column.cell.entity for column in contract.columns if isinstance(column.cell, JsonObject)]
        common = {name: new for name, new in self.attributes.items() if isinstance(new, str)}
        own = [names for entity in entities if isinstance(names := self.attributes.get(entity), dict)]
        return {**common, **(own[0] if own else {})} if entities else {}

    def values_of(self, contract: Contract) -> dict[str, Names]:
        """Return the new names of tiers, subledgers and stores, by the columns of a contract that contain them."""
        by_kind: Mapping[Reference, Names] = {
            Reference.TIER: self.tiers,
            Reference.SUBLEDGER: self.subledgers,
            Reference.STORE: self.stores,
        }
        return {
            column.name: names
            for column in contract.columns
            if column.names is not None and (names := by_kind.get(column.names))
        }


def read_copy_table(path: Path) -> CopyTable:
    """Return the table in a TOML file; UsageError names the file, the line and the key of the first mistake."""
    try:
        text = read_document(path, what="The table")
        document = parse_toml(text)
    except ValueError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from None
    try:
        return CopyTable.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        line = _line(text, first)
        place = f"{path}, line {line}" if line else str(path)
        raise UsageError(f"{place}: {_sentence(first)}") from None


def _keys(error: ErrorDetails) -> list[int | str]:
    """Return the keys of an error as the file has them, without names of types that were tried."""
    raised = error.get("ctx", {}).get("error")
    loc = (*error["loc"], *(raised.place if isinstance(raised, AtKey) else ()))
    return [part for part in loc if part not in ("str", "bool") and not str(part).startswith("dict[")]


def _sentence(error: ErrorDetails) -> str:
    keys = _keys(error)
    shown = ".".join(str(part + 1) if isinstance(part, int) else part for part in keys)
    match error["type"]:
        case "extra_forbidden":
            known = list(CopyTable.model_fields) if len(keys) == 1 else ["from", "to"]
            return f"unknown key {shown!r}. {guess(str(keys[-1]), known)}"
        case "value_error":
            text = str(error["ctx"]["error"]) if "ctx" in error else error["msg"]
            return f"{shown}: {text}" if text.endswith((".", "?")) else f"{shown}: {text}."
        case kind:
            return f"{shown} {PLAIN.get(kind, 'is invalid: ' + error['msg'])}."


def _line(text: str, error: ErrorDetails) -> int | None:
    """Return the line of an error: of its key, of its entry in a list of tables, or of the table around it."""
    keys = _keys(error)
    if len(keys) > 1 and isinstance(keys[1], int):
        lines = text.split("\n")
        heads = [n for n, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{keys[0]}\s*\]\]", line)]
        if keys[1] < len(heads):
            start = heads[keys[1]]
            named = re.compile(rf"\s*{re.escape(str(keys[2]))}\b") if len(keys) > 2 else None
            end = heads[keys[1] + 1] if keys[1] + 1 < len(heads) else len(lines)
            inner = [n for n in range(start, end) if named is not None and named.match(lines[n])]
            return (inner[0] if inner else start) + 1
    return toml_line(text, [str(part) for part in keys])
