"""Write repaired bytes, and log changes."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

import numpy as np

from bulkops.fixing.options import AppliedRepair
from bulkops.fixing.origins import Origin, OriginArrays, Origins
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.findings import FileReport


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

    `removed` counts records and blank lines, `blank_lines` only the latter. `left` is the validation report of the copy
    if its scan is one: a copy with repeated keys is not compared with itself again.
    """

    records: int = 0
    changed: int = 0
    removed: int = 0
    blank_lines: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    left: FileReport | None = None


@dataclass
class RepairWriter:
    """Writes a repaired copy and logs every change; `origins` collects the origins of records, if requested.

    `line` is the next line of the copy, from 1; it is only counted for origins.
    """

    out: BinaryIO
    log: Callable[[Change], None]
    report: FixReport
    origins: Origins | None = None
    line: int = 1

    def write(self, data: bytes) -> None:
        """Write bytes that are not records."""
        self.out.write(data)
        if self.origins is not None:
            self.line += data.count(b"\n")

    def write_records(self, data: bytes, feeds: Offsets, origins: OriginArrays) -> None:
        """Write records; `feeds` is the number of line feeds of each."""
        self.out.write(data)
        if self.origins is not None:
            self.origins.extend(self.line, feeds, origins)
            self.line += int(feeds.sum())

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

    `origins` and `feeds` (numbers of line feeds) are those of the records of the block.
    """

    def __init__(self, writer: RepairWriter, origins: OriginArrays, feeds: Offsets) -> None:
        self._writer = writer
        self._origins = origins
        self._feeds = feeds.copy()
        self._copies = np.ones(len(feeds), np.int64)
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
            self._feeds[index] = written[0].count(b"\n")
        elif written:
            self._split[index] = [data.count(b"\n") for data in written]
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
        feeds = np.repeat(self._feeds, self._copies)
        places = np.cumsum(self._copies) - self._copies if self._split else self._copies
        for index, several in self._split.items():
            place = int(places[index])
            feeds[place : place + len(several)] = several
        records, lines = (np.repeat(one, self._copies) for one in (self._origins.records, self._origins.lines))
        origins = OriginArrays(records, lines, np.repeat(self._touched, self._copies))
        self._writer.write_records(b"".join(self._pieces), feeds, origins)
