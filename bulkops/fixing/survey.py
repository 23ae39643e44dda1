"""What must be known of the whole file before it can be repaired: one pass of the validator."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import numpy as np

from bulkops.fixing.content import opened
from bulkops.fixing.encoding import holds_multibyte
from bulkops.fixing.options import Knowledge
from bulkops.reading.blocks import ContentReader
from bulkops.reading.marks import Offsets
from bulkops.reading.sources import Source
from bulkops.validation.engine import judge_content
from bulkops.validation.facts import BlockFacts, too_short
from bulkops.validation.findings import ValidationSettings
from bulkops.validation.judge import Partial
from bulkops.validation.keys import KeyStore
from bulkops.validation.opening import Opening
from bulkops.validation.tally import Tally
from bulkops_validators.model.contract import Contract, Unique

_MISREAD = {"STR101", "STR102", "STR104", "STR105", "STR106", "STR107", "FIL108"}
"""Rules of records whose cells may not be those of the columns they seem to stand in."""


@dataclass(frozen=True)
class Survey:
    """What a file is like. `touched` are the parts with findings, as bytes from the first record: start and end.

    `repeats` are the records (from 0) whose key stood earlier; `surplus` the positions of nameless, blank columns;
    `withheld` says that there are more, which may go once all records have as many cells as the header. `misread`:
    there are records whose cells may be others once the file has commas, or fewer columns.
    `lost_zeros` gives, for each column and length of number that zeros were lost of, the length it should have.
    """

    opening: Opening
    knowledge: Knowledge
    sha256: str
    touched: tuple[tuple[int, int], ...]
    repeats: Offsets
    surplus: frozenset[int]
    withheld: bool
    misread: bool
    lost_zeros: Mapping[tuple[str, int], int]


@dataclass
class _Collector:
    """Notes which blocks need a closer look, which rules are broken, and the keys that must stand once."""

    contract: Contract
    stores: dict[Unique, KeyStore] = field(default_factory=dict)
    touched: list[tuple[int, int]] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    count: int = 0
    length: int = 0

    def begin(self, tally: Tally) -> None:
        """Begin the one file."""

    def add(self, partial: Partial, uniques: tuple[Unique, ...]) -> None:
        """Take in a block."""
        if partial.counts or partial.blank_tail:
            self.touched.append((self.length, self.length + partial.length))
        self.length += partial.length
        self.codes |= set(partial.counts)
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


class _Watched:
    """A stream that notes whether a valid character of several bytes came through; a mark at its start is none."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._tail = b""
        self._at_start = True
        self.multibyte = False

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        data = self._stream.read(size)
        if not self.multibyte and data:
            known = data.removeprefix(codecs.BOM_UTF8) if self._at_start else data
            self._at_start = False
            self.multibyte = holds_multibyte(known) or holds_multibyte(self._tail + known[:3])
            self._tail = (self._tail + known[-3:])[-3:]
        return data


def survey(contract: Contract, source: Source) -> Survey:
    """Read a file once and return what its repair needs to know; InputUnreadable if it cannot be read."""
    tally = Tally(contract, source, ValidationSettings(max_findings=0), None)
    collector = _Collector(contract)
    with opened(source) as stream:
        watched = _Watched(stream)
        reader = ContentReader(cast("BinaryIO", watched))
        judge_content(reader, tally, collector)
    assert tally.opening is not None
    blank = _nameless(tally)
    misread = bool(collector.codes & _MISREAD)
    surplus = _at_end(blank, tally.opening) if misread else blank
    return Survey(
        opening=tally.opening,
        knowledge=Knowledge(_day_first(tally.facts), watched.multibyte),
        sha256=reader.sha256,
        touched=tuple(collector.touched),
        repeats=collector.repeats(),
        surplus=surplus,
        withheld=surplus != blank,
        misread=misread,
        lost_zeros=_lost_zeros(tally.facts),
    )


def _day_first(facts: BlockFacts) -> dict[str, bool]:
    return {
        name: bool(facts.day_first[name])
        for name in facts.local_dates
        if bool(facts.day_first[name]) != bool(facts.month_first[name])
    }


def _lost_zeros(facts: BlockFacts) -> dict[tuple[str, int], int]:
    """Return the lengths of numbers that validation reports, one by one, with the usual length of their columns."""
    found: dict[tuple[str, int], int] = {}
    for name in facts.lengths:
        common, lengths = too_short(name, facts)
        found |= {(name, length): common for length in lengths}
    return found


def _nameless(tally: Tally) -> frozenset[int]:
    """Return the positions of columns that have no name and no filled cell."""
    header = tally.opening.header if tally.opening else None
    if header is None:
        return frozenset()
    nameless = {fault.field - 1 for fault in header.faults if fault.code == "HDR104" and fault.field is not None}
    return frozenset(nameless - tally.facts.filled_unknown)


def _at_end(blank: frozenset[int], opening: Opening) -> frozenset[int]:
    """Return those of the blank columns that are the last: without another, a short record might pass for a whole."""
    width = last = len(opening.header.columns) if opening.header else 0
    while last - 1 in blank:
        last -= 1
    return frozenset(range(last, width))
