"""Keys that a repair would make equal to others: whether they were one key or two is not known, so they stay."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from bulkops.fixing.content import opened
from bulkops.fixing.options import FixOptions
from bulkops.fixing.rewriting import rewrite
from bulkops.fixing.survey import Survey
from bulkops.fixing.writer import Change, FixReport, Origins, Writer
from bulkops.reading.blocks import ContentReader
from bulkops.reading.sources import Source, stream_source
from bulkops.validation.engine import judge_content
from bulkops.validation.findings import ValidationSettings
from bulkops.validation.judge import Partial
from bulkops.validation.keys import KeyStore
from bulkops.validation.tally import Tally
from bulkops_validators.model.contract import Contract, Unique

_ROUNDS = 5
"""Keys that stay may be equal to others that are repaired only then; after so many rounds none is repaired."""
_IN_MEMORY = 8_000_000


def colliding_keys(contract: Contract, source: Source, known: Survey, options: FixOptions) -> frozenset[int]:
    """Return the records (from 1) whose keys must stay as they are, since repaired they would stand twice.

    The file is repaired into a temporary copy to find them, if keys are among what would be repaired at all.
    """
    columns = {name for unique in contract.unique for name in unique.columns}
    if options.unsafe or not columns or not known.cells:
        return frozenset()
    kept: set[int] = set()
    for _ in range(_ROUNDS):
        rekeyed: set[int] = set()

        def note(change: Change, rekeyed: set[int] = rekeyed) -> None:
            if change.column in columns and change.record is not None:
                rekeyed.add(change.record)

        with tempfile.TemporaryFile() as copy:
            origins = Origins()
            rewrite(contract, source, known, Writer(copy, note, FixReport(), origins), options, kept=frozenset(kept))
            more = (
                rekeyed.intersection(_repeated(contract, stream_source(source.path, copy), origins)) if rekeyed else ()
            )
        if not more:
            return frozenset(kept)
        kept.update(more)
    return frozenset(kept | rekeyed)


@dataclass
class _Keys:
    """The keys of a copy."""

    stores: dict[Unique, KeyStore] = field(default_factory=dict)
    count: int = 0

    def begin(self, tally: Tally) -> None:
        """Begin the one file."""

    def add(self, partial: Partial, uniques: tuple[Unique, ...]) -> None:
        """Take in a block."""
        for unique, keys in zip(uniques, partial.keys, strict=True):
            self.stores.setdefault(unique, KeyStore(_IN_MEMORY)).add(self.count, keys)
        self.count += partial.records


def _repeated(contract: Contract, copy: Source, origins: Origins) -> Iterator[int]:
    """Yield the records, by their numbers in the file, whose key stands more than once in its copy."""
    keys = _Keys()
    with opened(copy) as stream:
        tally = Tally(contract, copy, ValidationSettings(max_findings=0), None)
        judge_content(ContentReader(stream), tally, keys)
    for store in keys.stores.values():
        for positions, firsts, case_only in store.repetitions():
            for place in (*positions[~case_only].tolist(), *firsts[~case_only].tolist()):
                yield origins.record(place)
        store.close()
