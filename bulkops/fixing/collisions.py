"""Find keys that a repair would make equal to other keys. They may be different keys, so they stay unchanged."""

import marshal
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from bulkops.disk import temporary_file
from bulkops.fixing.options import FixOptions
from bulkops.fixing.origins import Origins
from bulkops.fixing.rewriting import rewrite
from bulkops.fixing.scan import FileScan, scan_file
from bulkops.fixing.writer import Change, FixReport, RepairWriter
from bulkops.reading.records.structural_index import Bytes, Offsets
from bulkops.reading.sources import Source, stream_source
from bulkops_validators.model.contract import Contract

_ROUNDS = 5
"""Maximum number of rounds. A kept key may equal a key repaired in a later round; after the last, none is repaired."""
_AT_ONCE = 1000
"""Number of changes stored together."""


def rewrite_without_collisions(
    contract: Contract, source: Source, scan: FileScan, writer: RepairWriter, options: FixOptions
) -> FileScan | None:
    """Write a repaired file in which no repair makes a key equal to another key; return its scan, if it was made.

    The output of the writer must be an empty temporary file: it is written again if such keys are found in it.
    """
    kept = b""
    for trial in _trials(contract, source, scan, options, writer.out):
        kept = trial.kept
        if not trial.colliding:
            trial.give(writer)
            return trial.scan
    _empty(writer.out)
    rewrite(contract, source, scan, writer, options, kept=kept)
    return None


def colliding_keys(contract: Contract, source: Source, scan: FileScan, options: FixOptions) -> bytes | None:
    """Return a flag for each record (from 1; byte 0 is unused): its key must stay, or it would appear twice.

    If any cell needs a repair, the file is repaired into a temporary copy to find out. Empty if no key must stay; None
    if the copy is the file itself.
    """
    kept = b""
    with temporary_file() as copy:
        for trial in _trials(contract, source, scan, options, copy):
            if not trial.report.counts:
                return None
            kept = trial.kept
    return kept if any(kept) else b""


def _empty(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


@dataclass
class _Trial:
    """The changes of a repaired copy. `colliding`: some repaired keys are equal to others.

    `kept` has a flag for each record that must keep its key: those of the trial itself if it has no colliding keys.
    `scan` is the scan of the copy, if a key changed.
    """

    origins: Origins
    log: "_KeyLog"
    report: FixReport
    scan: FileScan | None
    kept: bytes
    colliding: bool

    def give(self, writer: RepairWriter) -> None:
        """Log the changes, and give the origins of the copy."""
        if writer.origins is not None:
            writer.origins.copy_from(self.origins)
        for change in self.log.changes():
            writer.log(change)
        writer.report.records += self.report.records
        writer.report.changed += self.report.changed
        writer.report.removed += self.report.removed
        writer.report.blank_lines += self.report.blank_lines
        writer.report.counts.update(self.report.counts)


def _trials(
    contract: Contract, source: Source, scan: FileScan, options: FixOptions, copy: BinaryIO
) -> Iterator[_Trial]:
    """Write repaired copies to a file and yield each, until one has no colliding keys; none if no cell is invalid."""
    columns = {name for unique in contract.unique for name in unique.columns}
    if options.unsafe or not columns or not scan.cells:
        return
    kept = np.zeros(1, np.uint8)
    for number in range(_ROUNDS):
        with temporary_file() as changes:
            _empty(copy)
            log, origins = _KeyLog(changes, columns), Origins()
            writer = RepairWriter(copy, log, FixReport(), origins)
            rewrite(contract, source, scan, writer, options, kept=kept.tobytes())
            more, rekeyed = np.zeros(0, np.int64), np.frombuffer(log.rekeyed + b"\0", np.uint8)
            scan_of_copy = None
            if log.rekeyed:
                scan_of_copy = scan_file(contract, stream_source("The repaired copy", copy), now=options.now)
                sharing = np.unique(origins.records(scan_of_copy.sharing))
                more = sharing[rekeyed.take(sharing, mode="clip") == 1]
            if len(more):
                kept = _with_flags(kept, more if number < _ROUNDS - 1 else np.flatnonzero(rekeyed))
            yield _Trial(origins, log, writer.report, scan_of_copy, kept.tobytes(), colliding=bool(len(more)))
        if not len(more):
            return


@dataclass
class _KeyLog:
    """Keeps changes in a file. `rekeyed` has a flag for each record (from 1) up to the last with a changed key."""

    out: BinaryIO
    columns: Collection[str]
    rekeyed: bytearray = field(default_factory=bytearray)
    held: list[Change] = field(default_factory=list)

    def __call__(self, change: Change) -> None:
        """Keep one change."""
        if change.column in self.columns and change.record is not None:
            self.rekeyed += bytes(max(0, change.record + 1 - len(self.rekeyed)))
            self.rekeyed[change.record] = 1
        self.held.append(change)
        if len(self.held) == _AT_ONCE:
            self._store()

    def _store(self) -> None:
        data = marshal.dumps([tuple(change) for change in self.held])
        self.out.write(len(data).to_bytes(8, "little") + data)
        self.held.clear()

    def changes(self) -> Iterator[Change]:
        """Yield all changes again."""
        self._store()
        self.out.seek(0)
        while size := self.out.read(8):
            held = marshal.loads(self.out.read(int.from_bytes(size, "little")))  # noqa: S302 - this process wrote it
            yield from map(Change._make, held)


def _with_flags(kept: Bytes, records: Offsets) -> Bytes:
    """Return the flags with more records set."""
    flags = np.zeros(max(len(kept), int(records.max()) + 1), np.uint8)
    flags[: len(kept)] = kept
    flags[records] = 1
    return flags
