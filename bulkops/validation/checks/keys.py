"""Find repeated keys in one file or across files: hash keys per block, compare them at the end.

Each record has two 64-bit hashes of its key, one of them without regard to case. They are stored in record order, so a
position identifies a record; above a limit they go to a temporary file. Repeated keys are found in one range of hashes
at a time, so that memory does not grow with the file.
"""

import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import IO

import numpy as np
import numpy.typing as npt
import polars as pl

from bulkops.disk import temporary_file
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.context import Context
from bulkops_validators.model.contract import Unique

Hashes = npt.NDArray[np.uint64]
_RANGE = 16_000_000
"""Keys compared at a time: 8 bytes each, twice while they are joined.

All keys are read a few times for each range.
"""
_FEW = 1 << 17
"""Up to this many hashes, a search in unsorted order is fast enough."""
_LETTERS = 26


@dataclass(frozen=True)
class KeyHashes:
    """The key hashes of one block, one per record.

    0 for a record without a key. `folded` may be the same array as `exact`.
    """

    exact: Hashes
    folded: Hashes


@dataclass(frozen=True)
class PlacedKeys:
    """Key hashes with the positions of their records: ascending from `start`, or `start` plus each of the numbers."""

    keys: KeyHashes
    start: int
    numbers: Offsets | None = None

    def positions(self, chosen: Offsets) -> Offsets:
        """Return the positions of some records, given by index."""
        return self.start + (chosen if self.numbers is None else self.numbers[chosen])


PlacedChunks = Callable[[], Iterator[PlacedKeys]]
"""Returns the keys of all records in ascending order of their positions, as often as it is called."""


def key_hashes(
    frame: pl.DataFrame, numbers: Offsets | None, records: int, unique: Unique, context: Context
) -> KeyHashes:
    """Return the key hashes of a block. A key of several columns is blank only if all its cells are blank."""
    parts = [pl.col(name).fill_null("") for name in unique.columns if name in frame.columns]
    key = parts[0] if len(parts) == 1 else pl.concat_str(parts, separator="\x1f")
    keys = frame.select(key=key, blank=pl.all_horizontal(part.str.len_bytes() == 0 for part in parts))
    exact = _spread(_hashes(keys, pl.col("key")), numbers, records)
    if _is_folded(keys["key"], addresses=not context.folds_case):
        return KeyHashes(exact, exact)
    fold = pl.col("key").str.normalize("NFC").str.to_lowercase().str.to_uppercase()
    if not context.folds_case:
        # In lower case, as `_is_folded` expects addresses: the same key must have the same hash in every block.
        address = pl.col("key").str.contains("@", literal=True)
        fold = pl.when(address).then(fold.str.to_lowercase()).otherwise(pl.col("key"))
    return KeyHashes(exact, _spread(_hashes(keys, fold), numbers, records))


def folded(key: str) -> str:
    """Return a form that is equal for all keys that look the same or differ only in case."""
    return unicodedata.normalize("NFC", key).lower().upper()


def _hashes(keys: pl.DataFrame, key: pl.Expr) -> Hashes:
    hashed = key.hash(seed=1)
    if keys["blank"].any():
        hashed = pl.when("blank").then(0).otherwise(hashed)
    return keys.select(hashed).to_series().to_numpy()


def _is_folded(keys: pl.Series, *, addresses: bool) -> bool:
    """Return whether no key of the block changes when it is folded; a cheap test that is true for most codes.

    With `addresses`, the case is folded only in keys that contain @: in other keys it matters.
    """
    text = keys.str.join("").cast(pl.Binary).item()
    if addresses:
        large = np.frombuffer(text, np.uint8) - np.uint8(ord("A")) < _LETTERS
        return b"@" not in text or (text.isascii() and not large.any())
    if not text.isascii():
        return False
    small = np.frombuffer(text, np.uint8) - np.uint8(ord("a")) < _LETTERS
    return not small.any()


def _spread(values: Hashes, numbers: Offsets | None, records: int) -> Hashes:
    if numbers is None:
        return values.astype(np.uint64, copy=False)
    whole = np.zeros(records, np.uint64)
    whole[numbers] = values
    return whole


class KeyStore:
    """All keys so far, in record order: in memory up to a limit, then in a temporary file."""

    def __init__(self, in_memory: int) -> None:
        self._in_memory = in_memory
        self._held: list[KeyHashes] = []
        self._start: int | None = None
        self._count = 0
        self._file: IO[bytes] | None = None

    def add(self, position: int, keys: KeyHashes) -> None:
        """Add the keys of a block; its records begin at `position`, at or after the end of the previous block."""
        if self._start is None:
            self._start = position
        if gap := position - self._start - self._count:
            self._keep(KeyHashes(np.zeros(gap, np.uint64), np.zeros(gap, np.uint64)))
        self._keep(keys)

    def _keep(self, keys: KeyHashes) -> None:
        self._count += len(keys.exact)
        self._held.append(keys)
        if self._file is None and self._count > self._in_memory:
            self._file = temporary_file()
        if self._file is not None:
            for held in self._held:
                self._file.write(np.column_stack((held.folded, held.exact)).tobytes())
            self._held.clear()

    def close(self) -> None:
        """Close the temporary file."""
        if self._file is not None:
            self._file.close()

    def repetitions(self) -> "Iterator[Repetitions]":
        """Yield the repeated keys; see the function of this name."""
        return repetitions(self._chunks, self._count)

    def _chunks(self) -> Iterator[PlacedKeys]:
        position = self._start or 0
        for keys in self._stored():
            yield PlacedKeys(keys, position)
            position += len(keys.exact)

    def _stored(self) -> Iterator[KeyHashes]:
        if self._file is None:
            yield from self._held
            return
        self._file.seek(0)
        while data := self._file.read(16 << 20):
            pairs = np.frombuffer(data, np.uint64).reshape(-1, 2)
            yield KeyHashes(exact=pairs[:, 1], folded=pairs[:, 0])


Repetitions = tuple[Offsets, Offsets, npt.NDArray[np.bool_]]
"""Positions of records, positions of the first record with the same key, and whether only the case differs."""


def repetitions(chunks: PlacedChunks, count: int) -> Iterator[Repetitions]:
    """Yield the repeated keys among at most `count` keys.

    Each range of hashes is yielded in parts, in record order.
    """
    ranges = max(1, -(-count // _RANGE))
    edges = [round(i * 2**64 / ranges) for i in range(ranges + 1)]
    for low, high in pairwise(edges):
        repeated_hashes = _repeated_hashes(chunks, count, low, high)
        if len(repeated_hashes):
            yield from _repeated(chunks, repeated_hashes)


def _repeated_hashes(chunks: PlacedChunks, count: int, low: int, high: int) -> Hashes:
    """Return the folded hashes of a range that occur more than once, sorted and without duplicates."""
    # The operating system provides memory only for the part that is filled.
    ordered, filled = np.empty(count, np.uint64), 0
    for placed in chunks():
        keys = placed.keys
        inside = keys.exact != 0
        if high - low < 2**64:
            inside &= (keys.folded >= np.uint64(low)) & (keys.folded <= np.uint64(high - 1))
        found = keys.folded if inside.all() else keys.folded[inside]
        ordered[filled : filled + len(found)] = found
        filled += len(found)
    ordered = ordered[:filled]
    _sort(ordered)
    equal = ordered[1:] == ordered[:-1]
    if not equal.any():
        return ordered[:0]
    # Keep only the second of a run of equal hashes.
    equal[1:] &= ordered[1:-1] != ordered[:-2]
    repeated_hashes: Hashes = ordered[1:][equal]
    return repeated_hashes


def _repeated(chunks: PlacedChunks, repeated_hashes: Hashes) -> Iterator[Repetitions]:
    """Yield the repeated keys among those with one of the sorted folded hashes."""
    spellings = _spellings(chunks, repeated_hashes)
    first_folded = _FirstPositions(len(repeated_hashes))
    first_exact = _FirstPositions(0 if spellings is None else len(spellings))
    for placed in chunks():
        chosen, slots = _among(placed.keys, repeated_hashes)
        positions = placed.positions(chosen)
        firsts = first_folded.of(slots, positions)
        case_only = np.zeros(len(chosen), np.bool_)
        if spellings is not None:
            same = first_exact.of(_slots(placed.keys.exact[chosen], spellings), positions)
            case_only = positions == same
            firsts = np.where(case_only, firsts, same)
        repeated = positions != firsts
        yield positions[repeated], firsts[repeated], case_only[repeated]


def _spellings(chunks: PlacedChunks, repeated_hashes: Hashes) -> Hashes | None:
    """Return the exact hashes of keys with one of the folded hashes; None if exact and folded hashes are equal."""
    pairs = (placed.keys for placed in chunks())
    if all(keys.exact is keys.folded or np.array_equal(keys.exact, keys.folded) for keys in pairs):
        return None
    pairs = (placed.keys for placed in chunks())
    found = np.concatenate([keys.exact[_among(keys, repeated_hashes)[0]] for keys in pairs])
    _sort(found)
    fresh = np.ones(len(found), np.bool_)
    fresh[1:] = found[1:] != found[:-1]
    # `np.unique` takes ten times as long.
    spellings: Hashes = found[fresh]
    return spellings


def _sort(hashes: Hashes) -> None:
    """Sort hashes in place; of many, the lower and the upper half in parallel."""
    if len(hashes) < _FEW:
        hashes.sort()
        return
    middle = len(hashes) // 2
    hashes.partition(middle)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(np.ndarray.sort, (hashes[:middle], hashes[middle:])))


class _FirstPositions:
    """The position of the first record with each hash."""

    def __init__(self, hashes: int) -> None:
        self._positions = np.full(hashes, -1, np.int64)

    def of(self, slots: Offsets, positions: Offsets) -> Offsets:
        """Return the first position of the hash in each slot; `positions` must be ascending, also across calls."""
        fresh = np.flatnonzero(self._positions[slots] < 0)[::-1]
        # Of equal slots the last assignment remains: the first position.
        self._positions[slots[fresh]] = positions[fresh]
        found: Offsets = self._positions[slots]
        return found


def _among(keys: KeyHashes, ordered: Hashes) -> tuple[Offsets, Offsets]:
    """Return the records that have one of the sorted folded hashes, and the index of that hash."""
    slots = _slots(keys.folded, ordered)
    chosen = np.flatnonzero((ordered.take(slots, mode="clip") == keys.folded) & (keys.exact != 0))
    return chosen, slots[chosen]


def _slots(hashes: Hashes, ordered: Hashes) -> Offsets:
    """Return the insertion index of each hash among sorted hashes."""
    if len(ordered) < _FEW:
        return np.searchsorted(ordered, hashes)
    # Sorted lookups access neighbouring memory.
    order = np.argsort(hashes)
    slots = np.empty(len(hashes), np.int64)
    slots[order] = np.searchsorted(ordered, hashes[order])
    return slots
