"""Report repeated keys across all files of a call: counted exactly, each with its first occurrence."""

import unicodedata
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np

from bulkops.errors import InputUnreadable
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.block import BlockResult
from bulkops.validation.checks.keys import KeyStore, folded
from bulkops.validation.context import masked
from bulkops.validation.record_lookup import FoundRecord
from bulkops.validation.report_builder import ReportBuilder
from bulkops.validation.rule_matches import Example, RuleMatches
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Mode, Unique


@dataclass
class _Examples:
    """The first repeated keys of one rule in one file: positions across all files, each with its first occurrence."""

    code: str
    total: int = 0
    positions: Offsets = field(default_factory=lambda: np.zeros(0, np.int64))
    firsts: Offsets = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, positions: Offsets, firsts: Offsets, most: int) -> None:
        """Add repeated keys, and keep only the earliest."""
        self.total += len(positions)
        positions = np.concatenate((self.positions, positions))
        firsts = np.concatenate((self.firsts, firsts))
        order = np.argsort(positions, kind="stable")[:most]
        self.positions, self.firsts = positions[order], firsts[order]


class KeyRegistry:
    """Collects the keys of all files; the files of a replacing import are compared one by one."""

    def __init__(self, contract: Contract, settings: ValidationSettings) -> None:
        self._contract = contract
        self._settings = settings
        self._stores = {unique: KeyStore(settings.keys_in_memory) for unique in contract.unique}
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

    def add(self, result: BlockResult, uniques: tuple[Unique, ...]) -> None:
        """Add the keys of a block."""
        for unique, keys in zip(uniques, result.keys, strict=True):
            self._stores[unique].add(self._count, keys)
        self._count += result.records

    def compare(self) -> None:
        """Add the repeated keys to the reports of their files, and discard all keys."""
        for unique, store in list(self._stores.items()):
            examples: dict[tuple[int, str], _Examples] = {}
            for positions, firsts, case_only in store.repetitions():
                self._collect(unique, examples, positions[~case_only], firsts[~case_only], case_only=False)
                self._collect(unique, examples, positions[case_only], firsts[case_only], case_only=True)
            for (file, _), found in sorted(examples.items()):
                self._report(file, unique, found)
            store.close()
            self._stores[unique] = KeyStore(self._settings.keys_in_memory)

    def _collect(
        self,
        unique: Unique,
        examples: dict[tuple[int, str], _Examples],
        positions: Offsets,
        firsts: Offsets,
        *,
        case_only: bool,
    ) -> None:
        code = "UNQ103" if case_only else unique.code
        files = np.searchsorted(self._bases, positions, side="right") - 1
        for file in np.unique(files):
            chosen = files == file
            found = examples.setdefault((int(file), code), _Examples(code))
            found.add(positions[chosen], firsts[chosen], self._builders[file].budget().left(code))

    def _report(self, file: int, unique: Unique, found: _Examples) -> None:
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
        builder.add_matches([RuleMatches(found.code, found.total - wrong, tuple(examples))], known)

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
