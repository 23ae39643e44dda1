"""What must be known of the whole file before it can be repaired: one pass of the validator."""

from dataclasses import dataclass, field

import numpy as np

from bulkops.fixing.options import Knowledge
from bulkops.reading.blocks import ContentReader
from bulkops.reading.marks import Offsets
from bulkops.reading.sources import Source
from bulkops.validation.engine import judge_content
from bulkops.validation.facts import BlockFacts, usual_length
from bulkops.validation.findings import ValidationSettings
from bulkops.validation.judge import Partial
from bulkops.validation.keys import KeyStore
from bulkops.validation.opening import Opening
from bulkops.validation.tally import Tally
from bulkops_validators.model.contract import Contract, Unique


@dataclass(frozen=True)
class Survey:
    """What a file is like. `touched` tells for each block whether anything was found in it.

    `repeats` are the records (from 0) whose key stood earlier; `surplus` the positions of nameless, blank columns.
    """

    opening: Opening
    knowledge: Knowledge
    records: int
    touched: tuple[bool, ...]
    repeats: Offsets
    surplus: frozenset[int]


@dataclass
class _Collector:
    """Notes which blocks need a closer look, and the keys that must stand once."""

    contract: Contract
    stores: dict[Unique, KeyStore] = field(default_factory=dict)
    touched: list[bool] = field(default_factory=list)
    count: int = 0

    def begin(self, tally: Tally) -> None:
        """Begin the one file."""

    def add(self, partial: Partial, uniques: tuple[Unique, ...]) -> None:
        """Take in a block."""
        self.touched.append(bool(partial.counts or partial.blank_tail))
        for unique, keys in zip(uniques, partial.keys, strict=True):
            if unique.certain:
                self.stores.setdefault(unique, KeyStore(8_000_000)).add(self.count, keys)
        self.count += partial.records

    def repeats(self) -> Offsets:
        """Return the records whose key stood earlier, in order."""
        found = [np.zeros(0, np.int64)]
        for store in self.stores.values():
            found += [positions[~case_only] for positions, _, case_only in store.repetitions()]
            store.close()
        return np.unique(np.concatenate(found))


def survey(contract: Contract, source: Source) -> Survey:
    """Read a file once and return what its repair needs to know; InputUnreadable if it cannot be read."""
    tally = Tally(contract, source, ValidationSettings(max_findings=0), None)
    collector = _Collector(contract)
    with source.open() as stream:
        judge_content(ContentReader(stream), tally, collector)
    assert tally.opening is not None
    return Survey(
        opening=tally.opening,
        knowledge=_knowledge(tally.facts),
        records=tally.records,
        touched=tuple(collector.touched),
        repeats=collector.repeats(),
        surplus=_surplus(tally),
    )


def _knowledge(facts: BlockFacts) -> Knowledge:
    day_first = {
        name: bool(facts.day_first[name])
        for name in facts.local_dates
        if bool(facts.day_first[name]) != bool(facts.month_first[name])
    }
    shorter = {name for name, length in facts.digits if length < usual_length(facts.lengths[name])}
    return Knowledge(day_first, {name: usual_length(facts.lengths[name]) for name in shorter})


def _surplus(tally: Tally) -> frozenset[int]:
    """Return the positions of columns that have no name and no filled cell."""
    header = tally.opening.header if tally.opening else None
    if header is None:
        return frozenset()
    nameless = {fault.field - 1 for fault in header.faults if fault.code == "HDR104" and fault.field is not None}
    return frozenset(nameless - tally.facts.filled_unknown)
