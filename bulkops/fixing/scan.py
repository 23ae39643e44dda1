"""What must be known of the whole file before it can be repaired: one pass of the validator."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import BinaryIO, cast

import numpy as np

from bulkops.fixing.options import Knowledge
from bulkops.fixing.repairs.encoding import holds_multibyte
from bulkops.fixing.repairs.forms import Forms, forms_of
from bulkops.fixing.repairs.transcoding import Encoding
from bulkops.fixing.source import opened
from bulkops.reading.blocks import ContentReader
from bulkops.reading.records.structural_index import Offsets
from bulkops.reading.sources import Source
from bulkops.validation.block import Partial
from bulkops.validation.checks.column_profile import (
    BlockFacts,
    columns_with_decimal_ids,
    day_first,
    decimal_commas,
    mixed_dates,
    too_short,
    unclear_numbers,
)
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.checks.keys import KeyStore
from bulkops.validation.checks.likely_encodings import reads_best_in
from bulkops.validation.engine import judge_content
from bulkops.validation.preamble import Opening
from bulkops.validation.report_builder import Tally
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Unique

_SAMPLE = 4096
"""Bytes of lines that are not UTF-8 from which their encoding is guessed."""
_MISREAD = {"STR101", "STR102", "STR104", "STR105", "STR106", "STR107", "STR116", "FIL108"}
"""Rules of records whose cells may not be those of the columns they seem to stand in."""
_UNREAD = {"STR116", "FIL108"}
"""Rules of records that become readable by a repair; only then is the evidence of their columns complete."""
_STRUCTURE = ("FIL", "STR", "HDR", "IMP", "UNQ")
"""Families of rules that no repair of a cell is about."""
_OF_FORM = {"STR101", "STR102", "STR116", "XLS109", "XLS111"}
"""Rules whose repair depends on the form of other records, or of other numbers in the column."""


@dataclass(frozen=True)
class Survey:
    """What a file is like. `touched` are the parts with findings, as bytes from the first record: start and end.

    `repeats` are the records (from 0) whose key stood earlier; `surplus` the positions of nameless, blank columns;
    `withheld` says that there are more, which may go once all records have as many cells as the header. `misread`:
    some records may have other cells once the file has commas, or fewer columns. `unread`: some records were not
    judged, and become readable once their structure is repaired. `short`: some records have too few fields. `cells`:
    some cells are wrong.
    `lost_zeros` gives, for each column and length of number that zeros were lost of, the length it should have.
    `decimal_ids` are the columns of ids that were made numbers, such as 100200.0. `last_record` is the last one with a
    value, from 1; `dropped` are the positions of columns that go although they hold something.
    """

    opening: Opening
    knowledge: Knowledge
    sha256: str
    touched: tuple[tuple[int, int], ...]
    repeats: Offsets
    surplus: frozenset[int]
    withheld: bool
    misread: bool
    unread: bool
    short: bool
    cells: bool
    lost_zeros: Mapping[tuple[str, int], int]
    decimal_ids: frozenset[str]
    last_record: int = 0
    dropped: frozenset[int] = frozenset()


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
    """A stream that notes whether a valid character of several bytes came through; a mark at its start is none.

    `sample` are the first lines of it that are not UTF-8.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._tail = b""
        self._at_start = True
        self.multibyte = False
        self.sample = b""

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        data = self._stream.read(size)
        if not self.multibyte and data:
            known = data.removeprefix(codecs.BOM_UTF8) if self._at_start else data
            self._at_start = False
            self.multibyte = holds_multibyte(known) or holds_multibyte(self._tail + known[:3])
            self._tail = (self._tail + known[-3:])[-3:]
        if len(self.sample) < _SAMPLE and not is_utf8(data):
            lines = (line for line in data.splitlines(keepends=True) if not is_utf8(line))
            self.sample = (self.sample + b"".join(islice(lines, _SAMPLE)))[:_SAMPLE]
        return data


def survey(
    contract: Contract,
    source: Source,
    *,
    renames: Mapping[str, str] = MappingProxyType({}),
    decoded_from: Encoding | None = None,
) -> Survey:
    """Read a file once and return what its repair needs to know; InputUnreadable if it cannot be read.

    `renames` are the names that columns will have, `decoded_from` is the encoding from which the source was decoded.
    """
    tally = Tally(contract, source, ValidationSettings(max_findings=0, renames=renames), None)
    collector = _Collector(contract)
    with opened(source) as stream:
        watched = _Watched(stream)
        reader = ContentReader(cast("BinaryIO", watched))
        judge_content(reader, tally, collector)
    assert tally.opening is not None
    blank = _nameless(tally)
    misread = bool(collector.codes & _MISREAD)
    forms = forms_of(contract, source, renames) if collector.codes & _OF_FORM else Forms()
    width = len(tally.opening.header.columns) if tally.opening.header else 0
    surplus = _at_end(blank, tally.opening) if misread else blank
    if width - len(surplus) == 1 and "STR101" in collector.codes and set(forms.fields) != {1}:
        surplus = frozenset()  # a note with its first cell alone would become a record
    return Survey(
        opening=tally.opening,
        knowledge=_knowledge(tally, collector.codes, watched, forms, decoded_from),
        sha256=reader.sha256,
        touched=tuple(collector.touched),
        repeats=collector.repeats(),
        surplus=surplus,
        withheld=surplus != blank,
        misread=misread,
        unread=bool(collector.codes & _UNREAD),
        short="STR101" in collector.codes,
        cells=any(not code.startswith(_STRUCTURE) for code in collector.codes),
        lost_zeros=_lost_zeros(tally.facts),
        decimal_ids=frozenset(columns_with_decimal_ids(tally.facts)),
        last_record=_last_record(tally.facts),
    )


def _knowledge(
    tally: Tally, codes: set[str], watched: _Watched, forms: Forms, decoded_from: Encoding | None
) -> Knowledge:
    """Return the evidence of the whole file."""
    width = len(tally.opening.header.columns) if tally.opening and tally.opening.header else 0
    return Knowledge(
        day_first=day_first(tally.facts),
        mixed_dates=mixed_dates(tally.facts),
        comma_decimals=forms.comma_decimals,
        mixed_decimals=forms.mixed_decimals,
        unclear_numbers=unclear_numbers(tally.facts),
        decimal_commas=decimal_commas(tally.facts),
        multibyte=watched.multibyte,
        windows=reads_best_in(watched.sample, "cp1252"),
        decoded_from=decoded_from,
        first=forms.first,
        all_surplus=min(forms.fields, default=0) > width,
        all_wrapped="STR101" not in codes and set(forms.fields) == {1},
    )


def _last_record(facts: BlockFacts) -> int:
    """Return the number of the last record with a value, from 1; 0 if there is none."""
    return 0 if facts.last is None or facts.last.number is None else facts.last.number + 1


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
