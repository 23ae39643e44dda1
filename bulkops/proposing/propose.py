"""Propose steps for legacy files, in the order in which they must run."""

from collections.abc import Sequence

from bulkops.proposing.matching import steps_of
from bulkops.proposing.model import ProfiledTable, Proposal, ProposedStep
from bulkops.proposing.tables import tables_of
from bulkops.proposing.words import words


def propose(sources: Sequence[str], contract: str | None = None) -> Proposal:
    """Return the proposal for files, folders and databases; for one contract only if it is given."""
    steps: list[ProposedStep] = []
    unknown: list[ProfiledTable] = []
    for table in tables_of(sources):
        found = steps_of(table, contract)
        steps += found
        unknown += [] if found else [table]
    order = list(words().contracts)
    place = {name: number for number, name in enumerate(order)}
    steps.sort(key=lambda step: place.get(step.contract, len(order)))
    return Proposal(steps=steps, unknown=unknown)
