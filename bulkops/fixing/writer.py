"""Where repaired bytes and changes go, and where in the file each record written came from."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from bulkops.fixing.options import Repair
from bulkops.reading.records.structural_index import Offsets


@dataclass(frozen=True)
class Change:
    """One change: where it was (`record` None: in front of the records, or no record), and the texts."""

    code: str
    record: int | None
    line: int
    column: str | None
    before: str
    after: str


@dataclass
class FixReport:
    """How much was changed. `changed` counts records, `counts` changes by rule."""

    records: int = 0
    changed: int = 0
    removed: int = 0
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Origin:
    """A record of the file: its number and line, both from 1, and whether something was changed in it."""

    record: int
    line: int
    changed: bool = False

    def touched(self) -> "Origin":
        """Return the same origin, once something was changed."""
        return Origin(self.record, self.line, changed=True)


class Origins:
    """The origins of the records of a repaired copy, by the offsets at which they begin."""

    def __init__(self) -> None:
        self._offsets = array("q")
        self._records = array("q")
        self._lines = array("q")
        self._changed = bytearray()

    def add(self, offset: int, origin: Origin) -> None:
        """Note where the record at an offset, behind all others, came from."""
        self._offsets.append(offset)
        self._records.append(origin.record)
        self._lines.append(origin.line)
        self._changed.append(origin.changed)

    def records(self, indices: Offsets) -> Offsets:
        """Return the numbers in the file, from 1, of records of the copy, from 0."""
        return np.array(self._records, np.int64)[indices]

    def at(self, offset: int) -> Origin:
        """Return where the record at an offset came from."""
        place = bisect_right(self._offsets, offset) - 1
        return Origin(self._records[place], self._lines[place], bool(self._changed[place]))


@dataclass
class Writer:
    """Writes a repaired copy and tells every change; `origins` collects those of the records, if they are wanted."""

    out: BinaryIO
    log: Callable[[Change], None]
    report: FixReport
    origins: Origins | None = None
    offset: int = 0

    def write(self, data: bytes) -> None:
        """Write what is no single record."""
        self.out.write(data)
        self.offset += len(data)

    def write_record(self, data: bytes, origin: Origin) -> None:
        """Write a record; nothing if it is blank."""
        if self.origins is not None and data:
            self.origins.add(self.offset, origin)
        self.write(data)

    def note(self, repairs: list[Repair], *, record: int | None, line: int) -> None:
        """Tell the changes of one place."""
        for repair in repairs:
            self.report.counts[repair.code] += 1
            self.log(Change(repair.code, record, line, repair.column, repair.before, repair.after))

    def removed(self, origin: Origin) -> None:
        """Count a record that was left out."""
        self.report.removed += 1
        self.report.changed -= origin.changed
