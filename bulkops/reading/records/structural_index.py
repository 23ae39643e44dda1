"""Index quotes, line feeds and separators with one bit per byte, so that 64 bytes are processed at a time.

A byte is inside a quoted cell exactly if the number of quotes up to it is odd. In bits, this is a running XOR, and
every question about neighbours is a shift. No position is listed where nothing is wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

QUOTE, NEWLINE, RETURN = 34, 10, 13

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Offsets = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
"""Bits in the order of the bytes, the first byte in the lowest bit; bits after the last byte are 0."""

_STEPS = tuple(np.uint64(1 << n) for n in range(6))
_ONE, _TOP = np.uint64(1), np.uint64(63)
_NEAR = 16
"""Maximum distance, in words, at which a bit counts as near."""
_RECORD = 1 << 10
"""Number of words within which a record usually ends."""
_STRETCH = 1 << 20
"""Bytes compared at a time, a multiple of 64.

They fit into the processor's cache, and are enough that threads do not wait for each other at many small steps.
"""
_WORDS = 1 << 16
"""Words processed at a time, for the same reason."""


@dataclass(frozen=True)
class StructuralIndex:
    """The structural index of data that begins with a record.

    `inside` covers quoted cells from the opening quote up to the byte before the closing one. Quotes that do not count,
    such as those of malformed records, are not in `quotes`.
    """

    size: int
    quotes: Words
    feeds: Words
    separators: Words
    inside: Words

    def up_to(self, size: int) -> "StructuralIndex":
        """Return the index of the first `size` bytes."""
        if size == self.size:
            return self
        return StructuralIndex(
            size, *(_first(w, size) for w in (self.quotes, self.feeds, self.separators, self.inside))
        )

    def without(self, spans: npt.ArrayLike) -> "StructuralIndex":
        """Return the index without the quotes in the given spans, which are disjoint and in order."""
        edges = np.asarray(spans, np.int64).ravel()
        if not edges.size:
            return self
        quotes = self.quotes & ~toggle_at(edges, len(self.quotes))
        return replace(self, quotes=quotes, inside=_inside(quotes, self.size))

    def joined(self, spans: Offsets) -> "StructuralIndex":
        """Return the index in which each of the given spans, disjoint and in order, ends only at its last byte."""
        if not len(spans):
            return self
        return replace(self, inside=self.inside | toggle_at((spans - (0, 1)).ravel(), len(self.inside)))

    @property
    def ends(self) -> Words:
        """The line feeds that end records."""
        return self.feeds & ~self.inside

    @property
    def whole(self) -> int:
        """The number of bytes in whole records: those up to the last line feed that ends one."""
        for end in range(len(self.feeds), 0, -_RECORD):
            part = slice(max(0, end - _RECORD), end)
            if (found := last(self.feeds[part] & ~self.inside[part])) >= 0:
                return part.start * 64 + found + 1
        return 0

    @property
    def limits(self) -> Words:
        """The separators between cells."""
        return self.separators & ~self.inside

    @property
    def open_at_end(self) -> bool:
        """Whether the data ends inside a quoted cell."""
        return self.size > 0 and bool(self.inside[-1] >> np.uint64((self.size - 1) & 63) & _ONE)


def index_structure(array: Bytes, separator: int) -> StructuralIndex:
    """Return the structural index of data."""
    quotes, feeds, separators = _where_each(array, QUOTE, NEWLINE, separator)
    return StructuralIndex(len(array), quotes, feeds, separators, _inside(quotes, len(array)))


def _inside(quotes: Words, size: int) -> Words:
    """Return the bytes up to which the number of quotes is odd; bits after the last byte are 0."""
    return _first(_running_xor(quotes), size) if quotes.any() else quotes


def well_quoted(structure: StructuralIndex, array: Bytes) -> bool:
    """Return whether every quote opens a cell, closes one, or belongs to a doubled pair."""
    return not structure.quotes.any() or not any(
        part.any() for part in _misplaced_by_part(structure, structure.inside, array)
    )


def misplaced_quotes(structure: StructuralIndex, inside: Words, array: Bytes) -> Words:
    """Return the misplaced quotes: those not at the edge of a cell, with the cells that `inside` shows."""
    return np.concatenate([np.zeros(0, np.uint64), *_misplaced_by_part(structure, inside, array)])


def _misplaced_by_part(structure: StructuralIndex, inside: Words, array: Bytes) -> Iterator[Words]:
    """Yield the misplaced quotes part by part; the words on both sides of a part show the neighbours."""
    words = len(structure.quotes)
    for start in range(0, words, _WORDS):
        end = min(start + _WORDS, words)
        low, high, own = max(start - 1, 0), min(end + 1, words), slice(start, end)
        last_byte = structure.size if end == words else 0
        edges = structure.quotes[low:high] | structure.feeds[low:high] | structure.separators[low:high]
        quotes, within, here = structure.quotes[own], inside[own], slice(start - low, end - low)
        wrong = quotes & within & ~after(edges)[here]
        closing = quotes & ~within & ~_before(edges, last_byte)[here]
        # A carriage return alone ends nothing.
        if closing.any():
            line_ends = where(array[start * 64 : high * 64], RETURN) & _before(structure.feeds[start:high], 0)
            wrong |= closing & ~_before(line_ends, last_byte)[: end - start]
        yield wrong


def after(words: Words) -> Words:
    """Return bits that are 1 directly after a set bit, and at the start."""
    found = words << _ONE
    found[1:] |= words[:-1] >> _TOP
    found[0] |= _ONE
    return found


def toggle_at(offsets: Offsets, words: int) -> Words:
    """Return bits that change at each of the offsets; they begin with 0."""
    found = np.zeros(words + 1, np.uint64)
    if not len(offsets):
        return found[:words]
    np.bitwise_xor.at(found, offsets >> 6, _ONE << (offsets & 63).astype(np.uint64))
    return _running_xor(found)[:words]


def where(array: Bytes, value: int) -> Words:
    """Return bits of the bytes with a value."""
    return _where_each(array, value)[0]


def _where_each(array: Bytes, *values: int) -> list[Words]:
    """Return bits of the bytes with each of the values."""
    found = [np.empty(-(-len(array) // 64) * 8, np.uint8) for _ in values]
    equal = np.empty(min(len(array), _STRETCH), np.bool_)
    for start in range(0, len(array), _STRETCH):
        stretch = array[start : start + _STRETCH]
        for bits, value in zip(found, values, strict=True):
            packed = np.packbits(np.equal(stretch, value, out=equal[: len(stretch)]), bitorder="little")
            bits[start // 8 : start // 8 + len(packed)] = packed
    for bits in found:
        bits[-(-len(array) // 8) :] = 0
    return [bits.view(np.uint64) for bits in found]


def count_below(array: Bytes, value: int) -> int:
    """Return how many bytes are less than a value."""
    stretches = range(0, len(array), _STRETCH)
    return sum(int(np.count_nonzero(array[start : start + _STRETCH] < value)) for start in stretches)


def count(words: Words) -> int:
    """Return how many bits are set."""
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def positions(words: Words) -> Offsets:
    """Return the offsets of the set bits.

    The lowest bit of each word first, then the next, so that few bits cost little.
    """
    places = np.flatnonzero(words)
    left, found = words[places], list[Offsets]()
    while len(places):
        lowest = left & (~left + _ONE)
        found.append(places * 64 + np.bitwise_count(lowest - _ONE))
        left ^= lowest
        more = left != 0
        places, left = places[more], left[more]
    return found[0] if len(found) == 1 else np.sort(np.concatenate([np.zeros(0, np.int64), *found]))


def part_ends(words: Words, size: int) -> Offsets:
    """Return the offset after each part of data that ends with a set bit; the rest after the last bit is a part too."""
    ends = positions(words) + 1
    if size and (not len(ends) or ends[-1] != size):
        ends = np.append(ends, size)
    return ends


def inside_each_part(structure: StructuralIndex, ends: Offsets) -> tuple[Words, Flags]:
    """Return the insides of quoted cells, and flags of the parts, up to each of the `ends`, that end inside one.

    The first quote of each part opens a cell, regardless of the parts before it.
    """
    odd = np.diff(counts_before(structure.quotes, ends), prepend=0) % 2 == 1
    return structure.inside ^ toggle_at(ends[:-1][odd[:-1]], len(structure.inside)), odd


def join_adjacent(starts: Offsets, ends: Offsets) -> tuple[Offsets, Offsets]:
    """Return the starts and ends of ranges, in order, with adjacent ranges joined."""
    first = np.append(True, starts[1:] != ends[:-1])[: len(starts)]
    return starts[first], ends[np.roll(first, -1)]


def last(words: Words) -> int:
    """Return the offset of the last set bit; -1 if there is none."""
    filled = np.flatnonzero(words)
    return -1 if not len(filled) else int(filled[-1]) * 64 + int(words[filled[-1]]).bit_length() - 1


def offset_after_nth(words: Words, number: int) -> int:
    """Return the offset after the set bit with this number, from 1; the offset after all words if there are fewer."""
    if count(words) < number:
        return len(words) * 64
    sums = np.cumsum(np.bitwise_count(words), dtype=np.int64)
    word = int(np.searchsorted(sums, number))
    bits, left = int(words[word]), number - (int(sums[word - 1]) if word else 0)
    for _ in range(left - 1):
        bits &= bits - 1
    return word * 64 + (bits & -bits).bit_length()


def counts_before(words: Words, offsets: Offsets) -> Offsets:
    """Return for each offset how many bits are set before it."""
    if not len(words):
        return np.zeros(len(offsets), np.int64)
    sums = np.zeros(len(words) + 1, np.int64)
    np.cumsum(np.bitwise_count(words), out=sums[1:])
    places = offsets >> 6
    below = (_ONE << (offsets & 63).astype(np.uint64)) - _ONE
    # Clipping is safe: for an offset after the last word, no bit of that word is before it.
    partial = words.take(places, mode="clip") & below
    return sums.take(places) + np.bitwise_count(partial)


def nearest_before(words: Words, offsets: Offsets) -> Offsets:
    """Return for each offset the nearest set bit before it; -1 if there is none, or none near."""
    found = np.full(len(offsets), -1, np.int64)
    asked, places = np.arange(len(offsets)), offsets >> 6
    below = words[places] & ((_ONE << (offsets & 63).astype(np.uint64)) - _ONE)
    for _ in range(_NEAR):
        if not len(asked):
            break
        some = below != 0
        found[asked[some]] = places[some] * 64 + _highest(below[some])
        further = ~some & (places > 0)
        asked, places = asked[further], places[further] - 1
        below = words[places]
    return found


def _highest(words: Words) -> Offsets:
    """Return the position of the highest set bit of each word; every word must have one."""
    filled = words.copy()
    for step in _STEPS:
        filled |= filled >> step
    return np.bitwise_count(filled).astype(np.int64) - 1


def _first(words: Words, size: int) -> Words:
    """Return the bits of the first `size` bytes."""
    kept = words[: -(-size // 64)].copy()
    if size % 64:
        kept[-1] &= (_ONE << np.uint64(size % 64)) - _ONE
    return kept


def _running_xor(words: Words) -> Words:
    """Return bits that are 1 where the number of set bits up to and including the position is odd."""
    found = words.copy()
    odd = np.uint64(0)
    for start in range(0, len(found), _WORDS):
        part = found[start : start + _WORDS]
        for step in _STEPS:
            part ^= part << step
        odd_before = np.bitwise_xor.accumulate(np.append(odd, part >> _TOP))
        part ^= np.uint64(0) - odd_before[:-1]
        odd = odd_before[-1]
    return found


def _before(words: Words, size: int) -> Words:
    """Return bits that are 1 directly before a set bit, and at the last of `size` bytes if there are any."""
    found = words >> _ONE
    found[:-1] |= words[1:] << _TOP
    if size:
        found[-1] |= _ONE << np.uint64((size - 1) & 63)
    return found
