"""Write repaired bytes, log changes, and remember the original location of each record."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from bulkops.fixing.options import AppliedRepair
from bulkops.reading.records.structural_index import Offsets


@dataclass(frozen=True)
class Change:
    """One change: its location (`record` None: in front of the records, or not a record), and the texts."""

    code: str
    record: int | None
    line: int
    column: str | None
    before: str
    after: str


@dataclass
class FixReport:
    """The number of changes. `changed` counts records, `counts` counts changes by rule."""

    records: int = 0
    changed: int = 0
    removed: int = 0
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

    def extend(self, offsets: Offsets, records: Offsets, lines: Offsets) -> None:
        """Add the origins of unchanged records, by their offsets in the copy, after all others."""
        self._offsets.frombytes(offsets.astype(np.int64).tobytes())
        self._records.frombytes(records.astype(np.int64).tobytes())
        self._lines.frombytes(lines.astype(np.int64).tobytes())
        self._changed.extend(bytes(len(offsets)))

    def records(self, indices: Offsets) -> Offsets:
        """Return the numbers in the original file, from 1, of records of the copy, from 0."""
        return np.array(self._records, np.int64)[indices]

    def at(self, offset: int) -> Origin:
        """Return the origin of the record at an offset."""
        place = bisect_right(self._offsets, offset) - 1
        return Origin(self._records[place], self._lines[place], bool(self._changed[place]))


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
