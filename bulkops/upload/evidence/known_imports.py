"""Imports that the ledger knows to be a chunk's: their rows are no evidence for another chunk.

An id alone does not tell an import for good: a server that begins anew, such as a sandbox without its data, gives the
same ids again, and so may one that keeps its data. So rows are taken for a known import's only if they are not much
younger than it, and an id with more rows than its imports made is not theirs alone.
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

# The rows of an import may be dated when each is written, the import when it began.
LONGEST_IMPORT = timedelta(hours=1)
NEVER = "9999"


class KnownImports:
    """The known imports of a job's target as the ledger has them now, by import id as read-backs show it."""

    def __init__(self, context: JobContext) -> None:
        self._job = context.job.id
        self._by_id: dict[str, list[KnownImport]] = defaultdict(list)
        for known in context.ledger.known_imports(context.job):
            self._by_id[str(known.import_id)].append(known)
        self._context = context
        self._until = {number: max(map(_until, owners)) for number, owners in self._by_id.items()}

    def __getitem__(self, number: str) -> list[KnownImport]:
        """Return what the ledger knows by an import id."""
        return self._by_id.get(number, [])

    def split(self, found: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows of other imports, and those of known ones."""
        until = found[IMPORT_ID].replace_strict(self._until, default=None, return_dtype=pl.String)
        later = pl.col(CREATED).str.contains(CANONICAL_TIME) & (pl.col(CREATED) > until)
        known = found.select(pl.lit(until).is_not_null() & ~later).to_series()
        return found.filter(~known), found.filter(known)

    def without_claimed(self, found: pl.DataFrame) -> pl.DataFrame:
        """Return the rows but those of imports that other jobs claimed beside the ones that they are known by."""
        return found.filter(~pl.col(IMPORT_ID).is_in(self._claimed_beside))

    @cached_property
    def _claimed_beside(self) -> list[str]:
        """The imports that only claims tell: records with keys can be in more imports than the one of their chunk."""
        claimed = map(str, self._context.ledger.claimed_elsewhere(self._context.job))
        return [number for number in claimed if number not in self._by_id]

    def rows(self, number: str) -> int:
        """Return how many rows the imports known by an id made."""
        return sum(known.rows for known in self[number])

    def ours(self, number: str) -> bool:
        """Tell whether a chunk of this job is known by an id."""
        return any(known.job == self._job for known in self[number])

    def given_again(self, sizes: Mapping[str, int]) -> bool:
        """Tell whether an id seen, or one of the job's, was given to more than one import."""
        twice = any(sum(known.job == self._job for known in owners) > 1 for owners in self._by_id.values())
        return twice or any(size > self.rows(number) for number, size in sizes.items())

    def is_from_before(self, number: str) -> bool:
        """Tell whether an id was given to other jobs alone before the server began anew.

        It did if an import of the job has an id that another job's import had: what is older is not there any more.
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
        """Yield the job's imports with rows that a reading from `after` must show, if they were settled `before`."""
        for owners in self._by_id.values():
            for known in owners:
                dated = known.created is not None and known.created >= after
                if known.job == self._job and known.rows > 0 and dated and known.accepted <= before:
                    yield known


def _until(known: KnownImport) -> str:
    """Return the time after which no row of an import is created, by the clock of rows."""
    if known.created is not None:
        return rfc3339(known.created + LONGEST_IMPORT)
    if known.clock_offset is None:
        return NEVER
    return rfc3339(known.accepted + timedelta(seconds=known.clock_offset) + UNKNOWN_CLOCK)
