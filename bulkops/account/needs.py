"""Derive the parts of an account that the check of an import needs, from its contract, ids and file. Pure functions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bulkops_validators.model.cells import JsonObject
from bulkops_validators.model.contract import Contract, ProgramKind, Reference

PARTS = ("application", "campaign", "program", "collection", "audience", "attribute")
"""The ids that the API can look up. It has no operation that shows a giveaway pool."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """The items of an account that an import refers to.

    `ids` are the ids of its route. `entities` are the entities of its attributes. `stores`: cells contain names of
    stores. `profiles` is the column that must contain existing customer profiles. `program` is the kind of loyalty
    program that the import needs.
    """

    ids: Mapping[str, int]
    entities: tuple[str, ...] = ()
    stores: bool = False
    profiles: str | None = None
    program: ProgramKind | None = None

    @property
    def readable(self) -> bool:
        """Whether the API can show any of these items."""
        return bool(self.entities or self.stores or set(self.ids) & set(PARTS))

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The ids that the API cannot show."""
        return tuple(name for name in self.ids if name not in PARTS)


def needs_of(contract: Contract, ids: Mapping[str, int], columns: Collection[str]) -> Needs:
    """Return the needs of an import of a file with these columns."""
    present = [column for column in contract.columns if column.name in columns]
    return Needs(
        ids={name: ids[name] for name in contract.route(ids).ids},
        entities=tuple(dict.fromkeys(c.cell.entity for c in present if isinstance(c.cell, JsonObject))),
        stores=any(column.names is Reference.STORE for column in present),
        program=contract.requires.program or next((column.program for column in present if column.program), None),
        profiles=next((column.name for column in present if column.names is Reference.PROFILE), None),
    )
