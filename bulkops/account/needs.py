"""What must be read of an account to check an import: derived from its contract, its ids and its file. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bulkops_validators.model.cells import JsonObject
from bulkops_validators.model.contract import Contract, ProgramKind, Reference

PARTS = ("application", "campaign", "program", "collection", "audience", "attribute")
"""The ids that can be looked up. The API has no operation that shows a giveaway pool."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What an import refers to.

    `ids` are those of its route; `entities` are the entities of its attributes; `stores` says that cells name stores,
    `profiles` is the column whose cells must be existing customer profiles, `program` the kind of program it needs.
    """

    ids: Mapping[str, int]
    entities: tuple[str, ...] = ()
    stores: bool = False
    profiles: str | None = None
    program: ProgramKind | None = None

    @property
    def readable(self) -> bool:
        """Whether anything of it can be read."""
        return bool(self.entities or self.stores or set(self.ids) & set(PARTS))

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The ids that no operation of the API shows."""
        return tuple(name for name in self.ids if name not in PARTS)


def needs_of(contract: Contract, ids: Mapping[str, int], columns: Collection[str]) -> Needs:
    """Return what an import of a file with these columns needs."""
    present = [column for column in contract.columns if column.name in columns]
    return Needs(
        ids={name: ids[name] for name in contract.route(ids).ids},
        entities=tuple(dict.fromkeys(c.cell.entity for c in present if isinstance(c.cell, JsonObject))),
        stores=any(column.names is Reference.STORE for column in present),
        program=contract.requires.program or next((column.program for column in present if column.program), None),
        profiles=next((column.name for column in present if column.names is Reference.PROFILE), None),
    )
