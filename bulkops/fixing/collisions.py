"""Find keys that a repair would make equal to other keys. They may be different keys, so they stay unchanged."""

import json
import shutil
import tempfile
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from bulkops.fixing.options import FixOptions
from bulkops.fixing.rewriting import BLOCK_BYTES, rewrite
from bulkops.fixing.scan import FileScan
from bulkops.fixing.source import opened
from bulkops.fixing.writer import Change, FixReport, Origins, RepairWriter
from bulkops.reading.blocks import ContentReader
from bulkops.reading.records.structural_index import Bytes, Offsets
from bulkops.reading.sources import Source, stream_source
from bulkops.validation.block import BlockResult
from bulkops.validation.checks.keys import KeyStore
from bulkops.validation.engine import check_content
from bulkops.validation.report_builder import ReportBuilder
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Unique

_ROUNDS = 5
"""Maximum number of rounds. A kept key may equal a key repaired in a later round; after the last, none is repaired."""
_IN_MEMORY = 8_000_000
_AT_ONCE = 1000
"""Number of changes stored together."""


def rewrite_without_collisions(
    contract: Contract, source: Source, scan: FileScan, writer: RepairWriter, options: FixOptions
) -> None:
    """Write a repaired file in which no repair makes a key equal to another key.

    The copy made to find such keys is the result if it has none; the file is then not repaired again.
    """
    kept = b""
    for trial in _trials(contract, source, scan, options):
        kept = trial.kept
        if not trial.colliding:
            trial.give(writer)
            return
    rewrite(contract, source, scan, writer, options, kept=kept)


def colliding_keys(contract: Contract, source: Source, scan: FileScan, options: FixOptions) -> bytes:
    """Return a flag for each record (from 1; byte 0 is unused): its key must stay, or it would appear twice.

    If any cell needs a repair, the file is repaired into a temporary copy to find out. Empty if no key must stay.
    """
    kept = b""
    for trial in _trials(contract, source, scan, options):
        kept = trial.kept
    return kept if any(kept) else b""


@dataclass
class _Trial:
    """A repaired copy with its changes. `colliding`: some repaired keys are equal to others.

    `kept` has a flag for each record that must keep its key: those of the trial itself if it has no colliding keys.
    """

    copy: BinaryIO
    origins: Origins
    log: "_KeyLog"
    report: FixReport
    kept: bytes
    colliding: bool

    def give(self, writer: RepairWriter) -> None:
        """Write the copy and log its changes."""
        self.copy.seek(0)
        shutil.copyfileobj(self.copy, writer.out, BLOCK_BYTES)
        if writer.origins is not None:
            writer.origins.copy_from(self.origins)
        for change in self.log.changes():
            writer.log(change)
        writer.report.records += self.report.records
        writer.report.changed += self.report.changed
        writer.report.removed += self.report.removed
        writer.report.counts.update(self.report.counts)


def _trials(contract: Contract, source: Source, scan: FileScan, options: FixOptions) -> Iterator[_Trial]:
    """Yield repaired copies until one has no colliding keys; none if no repair changes a key."""
    columns = {name for unique in contract.unique for name in unique.columns}
    if options.unsafe or not columns or not scan.cells:
        return
    kept = np.zeros(1, np.uint8)
    for number in range(_ROUNDS):
        with tempfile.TemporaryFile() as copy, tempfile.TemporaryFile() as changes:
            log, origins = _KeyLog(changes, columns), Origins()
            writer = RepairWriter(copy, log, FixReport(), origins)
            rewrite(contract, source, scan, writer, options, kept=kept.tobytes())
            more = changed = np.unique(np.array(log.rekeyed, np.int64))
            if len(changed):
                more = np.intersect1d(changed, _repeated(contract, stream_source(source.path, copy), origins))
            if len(more):
                kept = _with_flags(kept, more if number < _ROUNDS - 1 else changed)
            yield _Trial(copy, origins, log, writer.report, kept.tobytes(), colliding=bool(len(more)))
        if not len(more):
            return


@dataclass
class _KeyLog:
    """Keeps changes in a file, and collects the records in which a key changed."""

    out: BinaryIO
    columns: Collection[str]
    rekeyed: "array[int]" = field(default_factory=lambda: array("q"))
    held: list[tuple[object, ...]] = field(default_factory=list)

    def __call__(self, change: Change) -> None:
        """Keep one change."""
        if change.column in self.columns and change.record is not None:
            self.rekeyed.append(change.record)
        self.held.append((change.code, change.record, change.line, change.column, change.before, change.after))
        if len(self.held) == _AT_ONCE:
            self._store()

    def _store(self) -> None:
        self.out.write(json.dumps(self.held).encode() + b"\n")
        self.held.clear()

    def changes(self) -> Iterator[Change]:
        """Yield all changes again."""
        self._store()
        self.out.seek(0)
        for line in self.out:
            for fields in json.loads(line):
                yield Change(*fields)


def _with_flags(kept: Bytes, records: Offsets) -> Bytes:
    """Return the flags with more records set."""
    flags = np.zeros(max(len(kept), int(records.max()) + 1), np.uint8)
    flags[: len(kept)] = kept
    flags[records] = 1
    return flags


@dataclass
class _CopyKeys:
    """The keys of a copy."""

    stores: dict[Unique, KeyStore] = field(default_factory=dict)
    count: int = 0

    def begin(self, builder: ReportBuilder) -> None:
        """Start the only file."""

    def add(self, result: BlockResult, uniques: tuple[Unique, ...]) -> None:
        """Add the result of a block."""
        for unique, keys in zip(uniques, result.keys, strict=True):
            self.stores.setdefault(unique, KeyStore(_IN_MEMORY)).add(self.count, keys)
        self.count += result.records


def _repeated(contract: Contract, copy: Source, origins: Origins) -> Offsets:
    """Return the record numbers in the original file of keys that appear more than once in the copy."""
    keys, found = _CopyKeys(), [np.zeros(0, np.int64)]
    with opened(copy) as stream:
        # Only the rules that decide which records have a key.
        settings = ValidationSettings(max_findings=0, select=("STR", "HDR", "UNQ"))
        builder = ReportBuilder(contract, copy, settings, None)
        check_content(ContentReader(stream), builder, keys)
    for store in keys.stores.values():
        for positions, firsts, case_only in store.repetitions():
            found += [positions[~case_only], firsts[~case_only]]
        store.close()
    return np.unique(origins.records(np.concatenate(found)))
