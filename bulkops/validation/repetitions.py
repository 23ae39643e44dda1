"""Report repeated keys across all files of a call: counted exactly, each with its first occurrence."""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from types import TracebackType
from typing import Protocol

import numpy as np

from bulkops.errors import InputUnreadable
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.block import BlockResult
from bulkops.validation.checks.keys import KeyHashes, KeyStore, Repetitions, folded
from bulkops.validation.context import masked
from bulkops.validation.record_lookup import FoundRecord
from bulkops.validation.report_builder import ReportBuilder
from bulkops.validation.rule_matches import Example, RuleMatches
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Mode, Unique


@dataclass
class FirstRepeated:
    """The repeated keys of one rule in one file: their number, and the first of them.

    `positions` are positions across all files, each with its first occurrence.
    """

    total: int = 0
    positions: Offsets = field(default_factory=lambda: np.zeros(0, np.int64))
    firsts: Offsets = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, total: int, positions: Offsets, firsts: Offsets, most: int) -> None:
        """Add repeated keys, and keep only the earliest."""
        self.total += total
        positions = np.concatenate((self.positions, positions))
        firsts = np.concatenate((self.firsts, firsts))
        order = np.argsort(positions, kind="stable")[:most]
        self.positions, self.firsts = positions[order], firsts[order]


@dataclass(frozen=True)
class Wanted:
    """The files of a comparison: the position of the first record of each, and the number of examples of each rule."""

    bases: tuple[int, ...]
    most: tuple[tuple[int, int], ...]
    """For each file, of keys that are equal and of keys that differ only in case."""

    def of(self, file: int, *, case_only: bool) -> int:
        """Return the number of examples of one rule that a file wants."""
        return self.most[file][case_only]


RepeatedByFile = dict[tuple[int, bool], FirstRepeated]
"""The repeated keys of each file, and of those whether only the case differs."""


def first_repeated(found: Iterable[Repetitions], wanted: Wanted) -> RepeatedByFile:
    """Return the number of repeated keys of each file and rule, and the first ones."""
    examples: RepeatedByFile = {}
    for positions, firsts, flags in found:
        files = np.searchsorted(wanted.bases, positions, side="right") - 1
        for file, case_only in product(np.unique(files).tolist(), (False, True)):
            chosen = (files == file) & (flags == case_only)
            if chosen.any():
                most = wanted.of(file, case_only=case_only)
                known = examples.setdefault((file, case_only), FirstRepeated())
                known.add(int(chosen.sum()), positions[chosen], firsts[chosen], most)
    return examples


def joined_repeated(parts: Iterable[RepeatedByFile], wanted: Wanted) -> RepeatedByFile:
    """Return the repeated keys of several comparisons of different keys."""
    examples: RepeatedByFile = {}
    for part in parts:
        for (file, case_only), found in part.items():
            most = wanted.of(file, case_only=case_only)
            examples.setdefault((file, case_only), FirstRepeated()).add(
                found.total, found.positions, found.firsts, most
            )
    return examples


class Keys(Protocol):
    """All keys of one uniqueness rule, in record order."""

    def add(self, position: int, keys: KeyHashes) -> None:
        """Add the keys of a block; its records begin at `position`."""

    def repeated(self, wanted: Wanted) -> RepeatedByFile:
        """Return the repeated keys."""

    def close(self) -> None:
        """Free the memory of the keys."""


class LocalKeys(KeyStore):
    """The keys in this process."""

    def repeated(self, wanted: Wanted) -> RepeatedByFile:
        """Return the repeated keys."""
        return first_repeated(self.repetitions(), wanted)


class KeyRegistry:
    """Collects the keys of all files; the files of a replacing import are compared one by one."""

    def __init__(
        self, contract: Contract, settings: ValidationSettings, store: Callable[[Unique], Keys] | None = None
    ) -> None:
        self._contract = contract
        self._settings = settings
        self._new_store = store or (lambda _: LocalKeys(settings.keys_in_memory))
        self._stores = {unique: self._new_store(unique) for unique in contract.unique}
        self._builders: list[ReportBuilder] = []
        self._bases: list[int] = []
        self._count = 0

    def __enter__(self) -> "KeyRegistry":
        """Return the object itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the temporary files."""
        for store in self._stores.values():
            store.close()

    def begin(self, builder: ReportBuilder) -> None:
        """Start a file."""
        if self._contract.mode is Mode.REPLACE:
            self.compare()
        self._builders.append(builder)
        self._bases.append(self._count)

    @property
    def count(self) -> int:
        """The number of records so far: the position of the next one."""
        return self._count

    def store(self, unique: Unique) -> Keys:
        """Return the keys of one rule."""
        return self._stores[unique]

    def add(self, result: BlockResult, uniques: tuple[Unique, ...]) -> None:
        """Add the keys of a block; none if they are kept elsewhere."""
        for unique, keys in zip(uniques, result.keys, strict=False):
            self._stores[unique].add(self._count, keys)
        self._count += result.records

    def compare(self) -> None:
        """Add the repeated keys to the reports of their files, and discard all keys."""
        for unique, store in list(self._stores.items()):
            budgets = [builder.budget() for builder in self._builders]
            most = tuple((budget.left(unique.code), budget.left("UNQ103")) for budget in budgets)
            repeated = store.repeated(Wanted(tuple(self._bases), most))
            coded = {
                (file, "UNQ103" if case_only else unique.code): found for (file, case_only), found in repeated.items()
            }
            for (file, code), found in sorted(coded.items()):
                self._report(file, unique, code, found)
            store.close()
            self._stores[unique] = self._new_store(unique)

    def _report(self, file: int, unique: Unique, code: str, found: FirstRepeated) -> None:
        """Add the repeated keys of one rule to the report of one file, with the locations of the first occurrences."""
        builder = self._builders[file]
        records = self._records(np.concatenate((found.positions, found.firsts)))
        examples, wrong = [], 0
        for position, first in zip(found.positions.tolist(), found.firsts.tolist(), strict=True):
            if position not in records or first not in records:
                # The file cannot be read again.
                continue
            here, there = _key(records[position], unique), _key(records[first], unique)
            if folded(here) != folded(there):
                # Different keys can have the same hash.
                wrong += 1
                continue
            examples.append(self._example(position, first, unique, records))
        base = self._bases[file]
        known = {position - base: place for position, place in records.items()}
        builder.add_matches([RuleMatches(code, found.total - wrong, tuple(examples))], known)

    def _example(self, position: int, first: int, unique: Unique, records: Mapping[int, FoundRecord]) -> Example:
        """Return the example of a repeated key; its message names the first occurrence."""
        here, there = records[position], records[first]
        names = [name for name in unique.columns if name in here.cells]
        keys, value = (_key(here, unique), _key(there, unique)), here.cells[names[-1]][1]
        if self._settings.mask:
            keys, value = (masked(keys[0]), masked(keys[1])), masked(value)
        file, other = bisect_right(self._bases, position) - 1, bisect_right(self._bases, first) - 1
        where = f"record {first - self._bases[other] + 1} (line {there.line + 1})"
        if other != file:
            where = f"{where} of {self._builders[other].source.path}"
        spelling = f"as {keys[1]!r} " if keys[0] != keys[1] else ""
        if spelling and _looks_the_same(_key(here, unique), _key(there, unique)):
            spelling = "in different characters that look the same, "
        message = f"{' and '.join(names)} {keys[0]!r} already appears {spelling}in {where}"
        return Example(message=message, number=position - self._bases[file], column=names[-1], value=value)

    def _records(self, positions: Offsets) -> dict[int, FoundRecord]:
        """Return records by position; none of a file that cannot be read again, which its report then mentions."""
        records: dict[int, FoundRecord] = {}
        files = np.searchsorted(self._bases, positions, side="right") - 1
        for file in np.unique(files).tolist():
            builder, base = self._builders[file], self._bases[file]
            try:
                found = builder.look_up(int(position) - base for position in positions[files == file])
            except InputUnreadable as error:
                builder.changed = str(error)
                continue
            records |= {number + base: place for number, place in found.items()}
        return records


def _looks_the_same(one: str, other: str) -> bool:
    """Return whether two texts differ only in how accented characters are encoded (Unicode normalization)."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def _key(place: FoundRecord, unique: Unique) -> str:
    return " / ".join(place.cells[name][1] for name in unique.columns if name in place.cells)
