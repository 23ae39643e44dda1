"""The two sides of a reconciliation: what is known of the imports, and where the rows found come from. Data only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.readback.compare.canonical import Fold
from bulkops.transport.client import Client


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A chunk of another job that was accepted without an import id: rows like its records are counted for it."""

    job: JobEntry
    chunk: ChunkEntry


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a job, or its user, knows of its imports; empty for a plain file.

    `import_ids` are the ids of all its accepted chunks: with them only rows of these imports count, so leave them
    out if one is missing. `others` are ids known to be of other jobs. `after` and `before` bound when the rows were
    created, by the server's clock. `amount` is the sum of the amounts in the answers. `held_before` is how many
    records the server skipped or refused, which others may have brought; `rejected` are those refused. `unsettled`
    records are still to be sent, or in doubt, and `sent` is when the last request of the job left, by our clock.
    `accept` are the rules that the user accepts although they stop an import. `claims` are the chunks of other jobs
    that rows without a known owner may belong to.
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
    claims: Collection[Claim] = ()


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Where the other side comes from: a target, or an export saved earlier (then `fold` may be told).

    `ids` are those of the target; the rows of a saved export are held against them as far as they show them, and
    `address`, if it is known, against that from which bulkops saved it.
    """

    client: Client | None = None
    ids: Mapping[str, int] | None = None
    address: str | None = None
    options: Mapping[str, str] | None = None
    export: Path | None = None
    fold: Fold | None = None

    @property
    def name(self) -> str:
        """What the other side is called in messages."""
        return "The read-back" if self.export is None else str(self.export)
