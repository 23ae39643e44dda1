"""Separate the rows of imports that the ledger knows: they prove nothing about another chunk.

An id alone does not identify an import permanently. A server that restarts without its data, such as a sandbox, assigns
the same ids again, and a server that keeps its data may do so, too. So rows count as those of a known import only if
they are not much younger than it. An id with more rows than its known imports created also belongs to another import.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property

import polars as pl

from bulkops.ledger.models import KnownImport
from bulkops.readback.compare.canonical import CREATED, IMPORT_ID
from bulkops.readback.fetch.times import rfc3339
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.row_clock import UNKNOWN_CLOCK
from bulkops.upload.evidence.verdict import CANONICAL_TIME

# Rows may be dated when each is written, and the import when it started.
LONGEST_IMPORT = timedelta(hours=1)
NEVER = "9999"


class KnownImports:
    """The known imports at a job's target, by import id as in read-backs."""

    def __init__(self, context: JobContext) -> None:
        self._job = context.job.id
        self._by_id: dict[str, list[KnownImport]] = defaultdict(list)
        for known in context.ledger.known_imports(context.job):
            self._by_id[str(known.import_id)].append(known)
        self._context = context
        self._until = {number: max(map(_until, owners)) for number, owners in self._by_id.items()}

    def __getitem__(self, number: str) -> list[KnownImport]:
        """Return the known imports with this id."""
        return self._by_id.get(number, [])

    def split(self, found: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows of other imports, and the rows of known imports."""
        until = found[IMPORT_ID].replace_strict(self._until, default=None, return_dtype=pl.String)
        later = pl.col(CREATED).str.contains(CANONICAL_TIME) & (pl.col(CREATED) > until)
        known = found.select(pl.lit(until).is_not_null() & ~later).to_series()
        return found.filter(~known), found.filter(known)

    def without_claimed(self, found: pl.DataFrame) -> pl.DataFrame:
        """Return the rows without those of imports that other jobs claimed in addition to the import of their chunk."""
        return found.filter(~pl.col(IMPORT_ID).is_in(self._claimed_beside))

    @cached_property
    def _claimed_beside(self) -> list[str]:
        """Import ids that only claims record: records with keys can be in more imports than the one of their chunk."""
        claimed = map(str, self._context.ledger.claimed_elsewhere(self._context.job))
        return [number for number in claimed if number not in self._by_id]

    def rows(self, number: str) -> int:
        """Return how many rows the known imports with an id created."""
        return sum(known.rows for known in self[number])

    def ours(self, number: str) -> bool:
        """Return whether a chunk of this job has an import with this id."""
        return any(known.job == self._job for known in self[number])

    def given_again(self, sizes: Mapping[str, int]) -> bool:
        """Return whether the server assigned an id of the snapshot or of the job to more than one import."""
        twice = any(sum(known.job == self._job for known in owners) > 1 for owners in self._by_id.values())
        return twice or any(size > self.rows(number) for number, size in sizes.items())

    def is_from_before(self, number: str) -> bool:
        """Return whether an id was assigned only to other jobs, before the server restarted without its data.

        The server restarted if an import of this job has an id that an import of another job had before: older imports
        no longer exist.
        """
        others = [
            known.accepted
            for owners in self._by_id.values()
            if any(known.job == self._job for known in owners)
            for known in owners
            if known.job != self._job
        ]
        return bool(others) and all(k.job != self._job and k.accepted <= max(others) for k in self[number])

    def shown_by_now(self, *, after: datetime, before: datetime) -> Iterator[KnownImport]:
        """Yield the job's imports settled before `before`, if a snapshot from `after` must contain their rows."""
        for owners in self._by_id.values():
            for known in owners:
                dated = known.created is not None and known.created >= after
                if known.job == self._job and known.rows > 0 and dated and known.accepted <= before:
                    yield known


def _until(known: KnownImport) -> str:
    """Return the time after which no row of an import is created, by the row clock."""
    if known.created is not None:
        return rfc3339(known.created + LONGEST_IMPORT)
    if known.clock_offset is None:
        return NEVER
    return rfc3339(known.accepted + timedelta(seconds=known.clock_offset) + UNKNOWN_CLOCK)
