"""Repeated keys of all files of a call: counted exactly, shown with the first occurrence."""

import unicodedata
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np

from bulkops.errors import InputUnreadable
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.block import Partial
from bulkops.validation.checks.keys import KeyStore, folded
from bulkops.validation.context import masked
from bulkops.validation.record_lookup import RecordPlace, read_again
from bulkops.validation.report_builder import Tally
from bulkops.validation.rule_matches import Hits, Spot
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Mode, Unique


@dataclass
class _Examples:
    """The first repetitions of one rule in one file: positions over all files, each with its first occurrence."""

    code: str
    total: int = 0
    positions: Offsets = field(default_factory=lambda: np.zeros(0, np.int64))
    firsts: Offsets = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, positions: Offsets, firsts: Offsets, most: int) -> None:
        """Add repetitions; only the earliest are kept."""
        self.total += len(positions)
        positions = np.concatenate((self.positions, positions))
        firsts = np.concatenate((self.firsts, firsts))
        order = np.argsort(positions, kind="stable")[:most]
        self.positions, self.firsts = positions[order], firsts[order]


class KeyBook:
    """The keys of all files; a replacing import's files are judged one by one."""

    def __init__(self, contract: Contract, settings: ValidationSettings) -> None:
        self._contract = contract
        self._settings = settings
        self._stores = {unique: KeyStore(settings.keys_in_memory) for unique in contract.unique}
        self._tallies: list[Tally] = []
        self._bases: list[int] = []
        self._count = 0

    def __enter__(self) -> "KeyBook":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the temporary files."""
        for store in self._stores.values():
            store.close()

    def begin(self, tally: Tally) -> None:
        """Begin a file."""
        if self._contract.mode is Mode.REPLACE:
            self.settle()
        self._tallies.append(tally)
        self._bases.append(self._count)

    def add(self, partial: Partial, uniques: tuple[Unique, ...]) -> None:
        """Add the keys of a block."""
        for unique, keys in zip(uniques, partial.keys, strict=True):
            self._stores[unique].add(self._count, keys)
        self._count += partial.records

    def settle(self) -> None:
        """Add the repetitions to the files they are in, and forget the keys."""
        for unique, store in list(self._stores.items()):
            examples: dict[tuple[int, str], _Examples] = {}
            for positions, firsts, case_only in store.repetitions():
                self._sort_in(unique, examples, positions[~case_only], firsts[~case_only], case_only=False)
                self._sort_in(unique, examples, positions[case_only], firsts[case_only], case_only=True)
            for (file, _), found in sorted(examples.items()):
                self._tell(file, unique, found)
            store.close()
            self._stores[unique] = KeyStore(self._settings.keys_in_memory)

    def _sort_in(
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
            found.add(positions[chosen], firsts[chosen], self._tallies[file].room().of(code))

    def _tell(self, file: int, unique: Unique, found: _Examples) -> None:
        """Add the repetitions of one rule to one file's tally, with the places of the first occurrences."""
        tally = self._tallies[file]
        places = self._places(np.concatenate((found.positions, found.firsts)))
        spots, wrong = [], 0
        for position, first in zip(found.positions.tolist(), found.firsts.tolist(), strict=True):
            if position not in places or first not in places:
                continue  # the file cannot be read again
            here, there = _key(places[position], unique), _key(places[first], unique)
            if folded(here) != folded(there):
                wrong += 1  # two keys with the same hash
                continue
            spots.append(self._spot(position, first, unique, places))
        base = self._bases[file]
        known = {position - base: place for position, place in places.items()}
        tally.add_late([Hits(found.code, found.total - wrong, tuple(spots))], known)

    def _spot(self, position: int, first: int, unique: Unique, places: Mapping[int, RecordPlace]) -> Spot:
        """Return the spot of a repetition, which names the first occurrence."""
        here, there = places[position], places[first]
        names = [name for name in unique.columns if name in here.cells]
        keys, value = (_key(here, unique), _key(there, unique)), here.cells[names[-1]][1]
        if self._settings.mask:
            keys, value = (masked(keys[0]), masked(keys[1])), masked(value)
        file, other = bisect_right(self._bases, position) - 1, bisect_right(self._bases, first) - 1
        where = f"record {first - self._bases[other] + 1} (line {there.line + 1})"
        if other != file:
            where = f"{where} of {self._tallies[other].source.path}"
        what = f"as {keys[1]!r} " if keys[0] != keys[1] else ""
        if what and _looks_the_same(_key(here, unique), _key(there, unique)):
            what = "in other characters, which look the same, "
        message = f"{' and '.join(names)} {keys[0]!r} stands {what}in {where} already"
        return Spot(message=message, number=position - self._bases[file], column=names[-1], value=value)

    def _places(self, positions: Offsets) -> dict[int, RecordPlace]:
        """Return the places of records; none of a file that cannot be read again, whose report will say so."""
        places: dict[int, RecordPlace] = {}
        files = np.searchsorted(self._bases, positions, side="right") - 1
        for file in np.unique(files).tolist():
            tally, base = self._tallies[file], self._bases[file]
            assert tally.context is not None and tally.opening is not None  # noqa: PT018 - it has records
            wanted = [int(position) - base for position in positions[files == file]]
            try:
                found = read_again(tally.source, tally.opening.form, tally.context, tally.index, wanted)
            except InputUnreadable as error:
                tally.lost = str(error)
                continue
            places |= {number + base: place for number, place in found.items()}
        return places


def _looks_the_same(one: str, other: str) -> bool:
    """Tell whether two texts have the same letters, whole in one and with accents of their own in the other."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def _key(place: RecordPlace, unique: Unique) -> str:
    return " / ".join(place.cells[name][1] for name in unique.columns if name in place.cells)
