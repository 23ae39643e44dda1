"""Read the facts of a job that make its reconciliation stricter: import ids, time window, amounts."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import OPEN, ChunkState
from bulkops.ledger.store import Ledger
from bulkops.reconciling.sides import ImportFacts, RowClaim
from bulkops_validators.model.contract import Contract, Mode

MARGIN = timedelta(minutes=5)
LONGEST_IMPORT = timedelta(hours=1)
UNKNOWN_CLOCK = timedelta(days=1)
NOT_IMPORTED = frozenset({ChunkState.REJECTED, ChunkState.SKIPPED})


def known_from_job(
    job: JobEntry,
    chunks: Sequence[ChunkEntry],
    contract: Contract,
    *,
    others: Collection[int] = (),
    claims: Iterable[RowClaim] = (),
) -> ImportFacts:
    """Return the facts that the chunks of a job show; `others` are import ids of other jobs in the ledger.

    `claims` are chunks of other jobs that were accepted without an import id. A claim is dropped if its rows are older
    than the time window.
    """
    accepted = [chunk for chunk in chunks if chunk.state is ChunkState.ACCEPTED]
    own_ids = {chunk.import_id for chunk in accepted}
    amounts = _if_complete(chunk.amount for chunk in accepted)
    after = _earliest_row(job, chunks, contract)
    return ImportFacts(
        import_ids=_if_complete(chunk.import_id for chunk in accepted),
        after=after,
        amount=None if amounts is None else sum(amounts),
        others=frozenset(number for number in others if number not in own_ids),
        accept=frozenset(job.settings.get("accept", ())),
        held_before=sum(chunk.skipped for chunk in chunks) + _records(c for c in chunks if c.state in NOT_IMPORTED),
        rejected=_records(c for c in chunks if c.state is ChunkState.REJECTED),
        unsettled=0 if job.cancelled else _records(c for c in chunks if c.state in OPEN or c.undecided),
        sent=max((chunk.first_sent for chunk in chunks if chunk.first_sent is not None), default=None),
        claims=tuple(claim for claim in claims if after is None or _may_be_younger(claim.chunk, after)),
    )


def _if_complete(values: Iterable[int | None]) -> tuple[int, ...] | None:
    """Return the values if there is at least one and none is None; otherwise None."""
    all_values = tuple(values)
    known = tuple(value for value in all_values if value is not None)
    return known if known and len(known) == len(all_values) else None


def _records(chunks: Iterable[ChunkEntry]) -> int:
    """Return the number of records of the chunks."""
    return sum(chunk.records for chunk in chunks)


def _earliest_row(job: JobEntry, chunks: Sequence[ChunkEntry], contract: Contract) -> datetime | None:
    """Return when the first row of the job was created, at the earliest; None if older rows may count as well.

    If rows have a key, a row from before the job can match a record, because the server skips or updates records.
    """
    if contract.mode is not Mode.APPEND:
        return None
    return min((_oldest_row(chunk, job) for chunk in chunks if chunk.first_sent is not None), default=None)


def other_imports(ledger: Ledger, job: JobEntry) -> frozenset[int]:
    """Return the import ids of other jobs at the same target that are in the ledger."""
    return frozenset(known.import_id for known in ledger.known_imports(job) if known.job != job.id)


def known_from_ledger(ledger: Ledger, job: JobEntry, chunks: Sequence[ChunkEntry], contract: Contract) -> ImportFacts:
    """Return the facts of a job in a ledger: from its own chunks, and from other jobs at the same target."""
    return known_from_job(
        job, chunks, contract, others=other_imports(ledger, job), claims=_claims_of_others(ledger, job, contract)
    )


def _may_be_younger(chunk: ChunkEntry, after: datetime) -> bool:
    """Return whether rows of a chunk may have been created after a time; an import takes at most one hour."""
    return chunk.first_sent is None or chunk.first_sent + LONGEST_IMPORT >= after


def _claims_of_others(ledger: Ledger, job: JobEntry, contract: Contract) -> tuple[RowClaim, ...]:
    """Return the chunks of other jobs at the same target that were accepted without an import id.

    Their rows cannot be distinguished from the rows of this job. Only contracts that append rows need them.
    """
    if contract.mode is not Mode.APPEND:
        return ()
    found = ledger.accepted_without_import_elsewhere(job)
    return tuple(RowClaim(job=ledger.job(name), chunk=chunk) for name, chunk in found)


def _oldest_row(chunk: ChunkEntry, job: JobEntry) -> datetime:
    """Return when a chunk's rows were created, at the earliest, by the server's clock.

    If the offset of that clock is unknown, one day is subtracted.
    """
    sent = chunk.first_sent or job.created
    if chunk.clock_offset is None or chunk.rows_ahead is None:
        return sent + timedelta(seconds=chunk.clock_offset or 0.0) - UNKNOWN_CLOCK
    return sent + timedelta(seconds=chunk.clock_offset + chunk.rows_ahead) - MARGIN
