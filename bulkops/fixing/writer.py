"""Write repaired bytes, log changes, and remember the original location of each record."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

import numpy as np

from bulkops.fixing.options import AppliedRepair
from bulkops.reading.records.structural_index import Flags, Offsets


class Change(NamedTuple):
    """One change: its location (`record` None: in front of the records, or not a record), and the texts."""

    code: str
    record: int | None
    line: int
    column: str | None
    before: str
    after: str


@dataclass
class FixReport:
    """The number of changes. `changed` counts records, `counts` counts changes by rule.

    `removed` counts records and blank lines, `blank_lines` only the latter.
    """

    records: int = 0
    changed: int = 0
    removed: int = 0
    blank_lines: int = 0
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Origin:
    """A record of the original file: its number and line, both from 1, and whether it was changed."""

    record: int
    line: int
    changed: bool = False

    def touched(self) -> "Origin":
        """Return the same origin marked as changed."""
        return Origin(self.record, self.line, changed=True)


class Origins:
    """The origins of the records of a repaired copy, by their offsets in the copy."""

    def __init__(self) -> None:
        self._offsets = array("q")
        self._records = array("q")
        self._lines = array("q")
        self._changed = bytearray()

    def add(self, offset: int, origin: Origin) -> None:
        """Add the origin of the record at an offset, which must be after all others."""
        self._offsets.append(offset)
        self._records.append(origin.record)
        self._lines.append(origin.line)
        self._changed.append(origin.changed)

    def extend(self, offsets: Offsets, origins: "OriginArrays") -> None:
        """Add the origins of records, by their offsets in the copy, after all others."""
        self._offsets.frombytes(offsets.astype(np.int64, copy=False).tobytes())
        self._records.frombytes(origins.records.astype(np.int64, copy=False).tobytes())
        self._lines.frombytes(origins.lines.astype(np.int64, copy=False).tobytes())
        self._changed.extend(origins.changed.tobytes())

    def copy_from(self, other: "Origins") -> None:
        """Take the origins of another copy with the same records; there must be none yet."""
        self._offsets, self._records, self._lines = other._offsets, other._records, other._lines  # noqa: SLF001 - same class
        self._changed = other._changed  # noqa: SLF001 - same class

    def records(self, indices: Offsets) -> Offsets:
        """Return the numbers in the original file, from 1, of records of the copy, from 0."""
        return np.array(self._records, np.int64)[indices]

    def at(self, offset: int) -> Origin:
        """Return the origin of the record at an offset."""
        place = bisect_right(self._offsets, offset) - 1
        return Origin(self._records[place], self._lines[place], bool(self._changed[place]))

    def of(self, offsets: Offsets) -> "OriginArrays":
        """Return the origins of the records at some offsets."""
        places = np.searchsorted(np.array(self._offsets, np.int64), offsets, side="right") - 1
        records, lines = (np.array(known, np.int64)[places] for known in (self._records, self._lines))
        return OriginArrays(records, lines, np.frombuffer(self._changed, np.bool_)[places])


@dataclass(frozen=True)
class OriginArrays:
    """The origins of several records as arrays: their numbers and lines, both from 1, and whether they were changed."""

    records: Offsets
    lines: Offsets
    changed: Flags

    def at(self, index: int) -> Origin:
        """Return the origin of one record."""
        return Origin(int(self.records[index]), int(self.lines[index]), changed=bool(self.changed[index]))


@dataclass
class RepairWriter:
    """Writes a repaired copy and logs every change; `origins` collects the origins of records, if requested."""

    out: BinaryIO
    log: Callable[[Change], None]
    report: FixReport
    origins: Origins | None = None
    offset: int = 0

    def write(self, data: bytes) -> None:
        """Write bytes that are not a single record."""
        self.out.write(data)
        self.offset += len(data)

    def write_record(self, data: bytes, origin: Origin) -> None:
        """Write a record; an empty record is not written."""
        if self.origins is not None and data:
            self.origins.add(self.offset, origin)
        self.write(data)

    def log_repairs(self, repairs: list[AppliedRepair], *, record: int | None, line: int) -> None:
        """Log the changes of one location."""
        for repair in repairs:
            self.report.counts[repair.code] += 1
            self.log(Change(repair.code, record, line, repair.column, repair.before, repair.after))

    def removed(self, origin: Origin) -> None:
        """Count a removed record."""
        self.report.removed += 1
        self.report.changed -= origin.changed


class BlockWriter:
    """Writes the records of one block in order: bytes that stay, and records that replace others.

    `origins` and `sizes` (in bytes) are those of the records of the block.
    """

    def __init__(self, writer: RepairWriter, origins: OriginArrays, sizes: Offsets) -> None:
        self._writer = writer
        self._origins = origins
        self._sizes = sizes.copy()
        self._copies = np.ones(len(sizes), np.int64)
        self._touched = origins.changed.copy()
        self._split: dict[int, list[int]] = {}
        self._pieces: list[bytes | memoryview] = []

    def keep(self, data: memoryview) -> None:
        """Write records that stay as they are."""
        if data:
            self._pieces.append(data)

    def remove_blank_line(self, index: int, repair: AppliedRepair) -> None:
        """Leave out a blank line, which is not a record."""
        self._copies[index] = 0
        self._writer.log_repairs([repair], record=None, line=int(self._origins.lines[index]))
        self._writer.report.removed += 1
        self._writer.report.blank_lines += 1

    def replace(self, index: int, written: Sequence[bytes], repairs: list[AppliedRepair]) -> None:
        """Write the records that replace one record, and log the changes; empty records are not written."""
        written = [data for data in written if data]
        self._pieces += written
        self._copies[index] = len(written)
        if len(written) == 1:
            self._sizes[index] = len(written[0])
        elif written:
            self._split[index] = [len(data) for data in written]
        if not repairs:
            return
        origin = self._origins.at(index)
        self._touched[index] = True
        self._writer.log_repairs(repairs, record=origin.record, line=origin.line)
        if written:
            self._writer.report.changed += not origin.changed
        else:
            self._writer.removed(origin)

    def finish(self) -> None:
        """Write the block, and collect the origins of its records if requested."""
        if self._writer.origins is not None:
            sizes = np.repeat(self._sizes, self._copies)
            for index, several in self._split.items():
                place = int(self._copies[:index].sum())
                sizes[place : place + len(several)] = several
            offsets = np.cumsum(sizes) - sizes + self._writer.offset
            records, lines = (np.repeat(one, self._copies) for one in (self._origins.records, self._origins.lines))
            self._writer.origins.extend(offsets, OriginArrays(records, lines, np.repeat(self._touched, self._copies)))
        self._writer.write(b"".join(self._pieces))
