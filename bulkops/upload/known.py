"""Imports that the ledger knows to be a chunk's: their rows are no evidence for another chunk.

An id alone does not tell an import for good: a server that begins anew, such as a sandbox without its data, gives the
same ids again. So rows are taken for a known import's only if they are not much younger than its acceptance.
"""

from collections import defaultdict
from datetime import datetime, timedelta

import polars as pl

from bulkops.ledger.entries import KnownImport
from bulkops.readback.canonical import CREATED, IMPORT_ID
from bulkops.readback.fetch import rfc3339
from bulkops.upload.context import JobContext
from bulkops.upload.verdicts import CANONICAL_TIME

# The clock that dates rows need not be the one of the Date headers: what is a little older may be ours all the same.
CLOCKS_APART = timedelta(minutes=5)
NEVER = "9999"


class KnownImports:
    """The known imports of a job's target as the ledger has them now, by import id as read-backs show it."""

    def __init__(self, context: JobContext) -> None:
        self._by_id: dict[str, list[KnownImport]] = defaultdict(list)
        for known in context.ledger.known_imports(context.job.target):
            self._by_id[str(known.import_id)].append(known)
        offset = context.client.server_offset
        self._until = {
            number: _until(max(owner.accepted for owner in owners), offset) for number, owners in self._by_id.items()
        }

    def __getitem__(self, number: str) -> list[KnownImport]:
        """Return what the ledger knows by an import id."""
        return self._by_id.get(number, [])

    def split(self, found: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows of other imports, and those of known ones."""
        until = found[IMPORT_ID].replace_strict(self._until, default=None, return_dtype=pl.String)
        later = pl.col(CREATED).str.contains(CANONICAL_TIME) & (pl.col(CREATED) > until)
        known = found.select(pl.lit(until).is_not_null() & ~later).to_series()
        return found.filter(~known), found.filter(known)


def _until(accepted: datetime, offset: timedelta | None) -> str:
    """Return the server's time after which no row of an import is created that was accepted then, by our clock."""
    return NEVER if offset is None else rfc3339(accepted + offset + CLOCKS_APART)
