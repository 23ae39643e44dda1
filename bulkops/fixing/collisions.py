"""Find keys that a repair would make equal to other keys. They may be different keys, so they stay unchanged."""

import tempfile
from array import array
from dataclasses import dataclass, field

import numpy as np

from bulkops.fixing.options import FixOptions
from bulkops.fixing.rewriting import rewrite
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


def colliding_keys(contract: Contract, source: Source, scan: FileScan, options: FixOptions) -> bytes:
    """Return a flag for each record (from 1; byte 0 is unused): its key must stay, or it would appear twice.

    If any cell needs a repair, the file is repaired into a temporary copy to find out. Empty if no key must stay.
    """
    columns = {name for unique in contract.unique for name in unique.columns}
    if options.unsafe or not columns or not scan.cells:
        return b""
    kept = np.zeros(1, np.uint8)
    for _ in range(_ROUNDS):
        rekeyed = array("q")

        def log_repairs(change: Change, rekeyed: "array[int]" = rekeyed) -> None:
            if change.column in columns and change.record is not None:
                rekeyed.append(change.record)

        with tempfile.TemporaryFile() as copy:
            origins = Origins()
            rewrite(
                contract,
                source,
                scan,
                RepairWriter(copy, log_repairs, FixReport(), origins),
                options,
                kept=kept.tobytes(),
            )
            if not rekeyed:
                break
            changed = np.unique(np.array(rekeyed, np.int64))
            more = np.intersect1d(changed, _repeated(contract, stream_source(source.path, copy), origins))
        if not len(more):
            break
        kept = _with_flags(kept, more)
    else:
        kept = _with_flags(kept, changed)
    return kept.tobytes() if kept.any() else b""


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
        builder = ReportBuilder(contract, copy, ValidationSettings(max_findings=0), None)
        check_content(ContentReader(stream), builder, keys)
    for store in keys.stores.values():
        for positions, firsts, case_only in store.repetitions():
            found += [positions[~case_only], firsts[~case_only]]
        store.close()
    return np.unique(origins.records(np.concatenate(found)))
