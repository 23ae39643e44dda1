"""Remember from which record and line of a file each record of its repaired copy comes.

In most files a line of the copy has the same distance from its line in the file as the line before it, and so have
the records. Only the places where a distance changes are stored: where records were removed, divided or joined, or
have several lines. If that is everywhere, the places are kept in a temporary file.
"""

import weakref
from array import array
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from bulkops.disk import temporary_file
from bulkops.reading.records.structural_index import Flags, Offsets

_FIELDS = 5
"""Numbers of a run: line and record of the copy, record and line of the file, and 1 if it goes on line by line."""
_PER_CHUNK = 1 << 14
_IN_MEMORY = 32
"""Maximum number of chunks in memory; all are written to a temporary file if there are more."""


@dataclass(frozen=True)
class Origin:
    """A record of the original file: its number and line, both from 1, and whether it was changed."""

    record: int
    line: int
    changed: bool = False


@dataclass(frozen=True)
class OriginArrays:
    """The origins of several records as arrays: their numbers and lines, both from 1, and whether they were changed."""

    records: Offsets
    lines: Offsets
    changed: Flags

    def at(self, index: int) -> Origin:
        """Return the origin of one record."""
        return Origin(int(self.records[index]), int(self.lines[index]), changed=bool(self.changed[index]))


class Origins:
    """The origins of the records of a repaired copy, by their lines in the copy.

    `moved` is the number of lines by which the header is higher in the copy than in the file, `opening` the number of
    bytes of the copy in front of the records.
    """

    def __init__(self, moved: int = 0) -> None:
        self.moved = moved
        self.opening = 0
        self._runs = _Runs()
        self._changed = _Bits()
        # Line of the copy, record and line of the file, and 1 for a single line, of the last record added.
        self._last = (-1, -1, -1, 0)

    def extend(self, line: int, feeds: Offsets, origins: OriginArrays) -> None:
        """Add the origins of records that follow each other, from a line of the copy on, after all others.

        `feeds` is the number of line feeds of each record in the copy.
        """
        if not len(feeds):
            return
        lines = np.cumsum(feeds) - feeds + line
        single = (feeds <= 1).astype(np.int64)
        known = (lines, origins.records, origins.lines, single)
        before = [np.concatenate(([last], each[:-1])) for last, each in zip(self._last, known, strict=True)]
        steady = (single == 1) & (before[3] == 1)
        for each, earlier in zip(known[:3], before[:3], strict=True):
            steady &= each - earlier == 1
        starts = np.flatnonzero(~steady)
        places = starts + self._changed.count
        self._runs.extend(
            np.column_stack((lines[starts], places, origins.records[starts], origins.lines[starts], single[starts]))
        )
        self._changed.extend(origins.changed)
        self._last = (int(lines[-1]), int(origins.records[-1]), int(origins.lines[-1]), int(single[-1]))

    @property
    def stored(self) -> int:
        """The number of runs."""
        return self._runs.count

    def copy_from(self, other: "Origins") -> None:
        """Take the origins of another copy with the same records; there must be none yet."""
        self.moved, self.opening = other.moved, other.opening
        self._runs, self._changed, self._last = other._runs, other._changed, other._last  # noqa: SLF001 - same class

    def records(self, indices: Offsets) -> Offsets:
        """Return the numbers in the original file, from 1, of records of the copy, from 0, in ascending order."""
        runs = self._runs.at(indices, by=1)
        found: Offsets = runs[:, 2] + (indices - runs[:, 1])
        return found

    def of(self, lines: Offsets) -> OriginArrays:
        """Return the origins of the records at some lines of the copy, in ascending order."""
        runs = self._runs.at(lines, by=0)
        steps = (lines - runs[:, 0]) * runs[:, 4]
        return OriginArrays(runs[:, 2] + steps, runs[:, 3] + steps, self._changed.of(runs[:, 1] + steps))


class _Runs:
    """Runs in chunks, in memory or in a temporary file."""

    def __init__(self) -> None:
        self._new: list[Offsets] = []
        self._new_count = 0
        self._chunks: list[Offsets] = []
        self._firsts = array("q")
        self._file: BinaryIO | None = None
        self._read: tuple[int, Offsets] | None = None

    @property
    def count(self) -> int:
        """The number of runs."""
        return len(self._firsts) // _FIELDS * _PER_CHUNK + self._new_count

    def extend(self, runs: Offsets) -> None:
        """Add runs."""
        self._new.append(runs)
        self._new_count += len(runs)
        while self._new_count >= _PER_CHUNK:
            whole = np.concatenate(self._new)
            self._store(whole[:_PER_CHUNK])
            self._new, self._new_count = [whole[_PER_CHUNK:]], len(whole) - _PER_CHUNK

    def _store(self, chunk: Offsets) -> None:
        self._firsts.extend(chunk[0].tolist())
        if self._file is None and len(self._chunks) < _IN_MEMORY:
            self._chunks.append(chunk)
            return
        if self._file is None:
            self._file = temporary_file()
            weakref.finalize(self, self._file.close)
        for each in (*self._chunks, chunk):
            self._file.write(each.tobytes())
        self._chunks.clear()

    def at(self, values: Offsets, *, by: int) -> Offsets:
        """Return the last run of which the field `by` is at most each of some ascending values."""
        firsts = np.array(self._firsts, np.int64).reshape(-1, _FIELDS)[:, by]
        if self._new_count:
            self._new = [np.concatenate(self._new)]
            firsts = np.append(firsts, self._new[0][0, by])
        chunks = np.maximum(np.searchsorted(firsts, values, side="right") - 1, 0)
        found = np.empty((len(values), _FIELDS), np.int64)
        edges = np.flatnonzero(np.diff(chunks, prepend=-1, append=len(firsts)))
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            chunk = self._chunk(int(chunks[start]))
            places = np.searchsorted(chunk[:, by], values[start:end], side="right") - 1
            found[start:end] = chunk[np.maximum(places, 0)]
        return found

    def _chunk(self, number: int) -> Offsets:
        if number == len(self._firsts) // _FIELDS:
            return self._new[0]
        if self._file is None:
            return self._chunks[number]
        if self._read is None or self._read[0] != number:
            size = _PER_CHUNK * _FIELDS * 8
            self._file.seek(number * size)
            self._read = number, np.frombuffer(self._file.read(size), np.int64).reshape(-1, _FIELDS)
        return self._read[1]


@dataclass
class _Bits:
    """A growing row of flags, eight in a byte."""

    count: int = 0
    _bytes: bytearray = field(default_factory=bytearray)

    def extend(self, flags: Flags) -> None:
        """Add flags."""
        loose = self.count % 8
        if loose:
            flags = np.concatenate(
                (np.unpackbits(np.array([self._bytes.pop()], np.uint8), bitorder="little")[:loose], flags)
            )
        self._bytes += np.packbits(flags, bitorder="little").tobytes()
        self.count += len(flags) - loose

    def of(self, places: Offsets) -> Flags:
        """Return the flags at some places."""
        found: Flags = np.frombuffer(self._bytes, np.uint8).take(places >> 3, mode="clip") >> (places & 7) & 1 == 1
        return found
