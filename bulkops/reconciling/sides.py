"""The inputs of a reconciliation: the known facts about the imports, and the source of the found rows. Data only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.readback.compare.canonical import Fold
from bulkops.transport.client import ApiClient


@dataclass(frozen=True, kw_only=True)
class RowClaim:
    """A chunk of another job that was accepted without an import id: rows equal to its records count for that job."""

    job: JobEntry
    chunk: ChunkEntry


@dataclass(frozen=True, kw_only=True)
class ImportFacts:
    """The facts about imports that a job or a user provides; empty for a file without a job.

    `import_ids` are the ids of all accepted chunks. If they are given, only rows of these imports count; so they are
    None if one is unknown. `others` are import ids of other jobs. `after` and `before` limit the creation time of
    rows, by the server's clock. `amount` is the sum of the amounts in the responses. `held_before` is the number of
    records that the server skipped or rejected, so the target may have had them before; `rejected` counts the rejected
    ones. `unsettled` counts the records that are pending or in doubt. `sent` is the time of the last request of the
    job, by the local clock. `accept` are rules that would stop an import and that the user accepts. `claims` are
    chunks of other jobs that may own rows without an import id.
    """

    import_ids: Collection[int] | None = None
    others: Collection[int] = ()
    after: datetime | None = None
    before: datetime | None = None
    amount: int | None = None
    held_before: int = 0
    accept: Collection[str] = ()
    rejected: int = 0
    unsettled: int = 0
    sent: datetime | None = None
    claims: Collection[RowClaim] = ()


@dataclass(frozen=True, kw_only=True)
class EvidenceSource:
    """The source of the found rows: a target (`client`) or a saved export (`export`).

    `ids` are the ids of the target. The rows of a saved export must agree with them, if they show ids. `address` is
    the address of the target, if known; bulkops must have saved the export from the same address. `fold` says how
    codes are folded, if known. The CSV of a target is downloaded into the new file `keep`, if that is given.
    """

    client: ApiClient | None = None
    ids: Mapping[str, int] | None = None
    address: str | None = None
    options: Mapping[str, str] | None = None
    export: Path | None = None
    fold: Fold | None = None
    keep: Path | None = None

    @property
    def name(self) -> str:
        """The name of the source in messages."""
        return "The read-back" if self.export is None else str(self.export)
