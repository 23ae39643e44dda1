"""What a job knows that makes its reconciliation sharper: import ids, the window, the amounts."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import OPEN, ChunkState
from bulkops.ledger.store import Ledger
from bulkops.reconciling.sides import Claim, Known
from bulkops_validators.model.contract import Contract, Mode

MARGIN = timedelta(minutes=5)
LONGEST_IMPORT = timedelta(hours=1)
UNKNOWN_CLOCK = timedelta(days=1)
NOT_TAKEN_IN = frozenset({ChunkState.REJECTED, ChunkState.SKIPPED})


def known_of(
    job: JobEntry,
    chunks: Sequence[ChunkEntry],
    contract: Contract,
    *,
    others: Collection[int] = (),
    claims: Iterable[Claim] = (),
) -> Known:
    """Return what the chunks of a job tell; `others` are import ids that the ledger knows of other jobs.

    `claims` are chunks of other jobs that were accepted without an import id; those whose rows are older than the
    window do not count.

    Import ids only if every accepted chunk has one. The window is left open where rows that were there before may
    stand for records of the file: where rows have names, and the server may have skipped or updated some.
    """
    accepted = [chunk for chunk in chunks if chunk.state is ChunkState.ACCEPTED]
    ids = [chunk.import_id for chunk in accepted if chunk.import_id is not None]
    amounts = [chunk.amount for chunk in accepted if chunk.amount is not None]
    sent = [chunk for chunk in chunks if chunk.first_sent is not None]
    bounded = contract.mode is Mode.APPEND and len(sent) > 0
    after = min(_oldest_row(chunk, job) for chunk in sent) if bounded else None
    return Known(
        import_ids=tuple(ids) if accepted and len(ids) == len(accepted) else None,
        after=after,
        amount=sum(amounts) if accepted and len(amounts) == len(accepted) else None,
        others=frozenset(others) - frozenset(ids),
        accept=frozenset(job.settings.get("accept", ())),
        held_before=sum(c.skipped for c in chunks) + sum(c.records for c in chunks if c.state in NOT_TAKEN_IN),
        rejected=sum(c.records for c in chunks if c.state is ChunkState.REJECTED),
        unsettled=0 if job.cancelled else sum(c.records for c in chunks if c.state in OPEN or c.undecided),
        sent=max((chunk.first_sent for chunk in sent if chunk.first_sent), default=None),
        claims=tuple(claim for claim in claims if after is None or _may_be_younger(claim.chunk, after)),
    )


def other_imports(ledger: Ledger, job: JobEntry) -> frozenset[int]:
    """Return the import ids that the ledger knows of other jobs at the same target."""
    return frozenset(known.import_id for known in ledger.known_imports(job) if known.job != job.id)


def known_from(ledger: Ledger, job: JobEntry, chunks: Sequence[ChunkEntry], contract: Contract) -> Known:
    """Return what a ledger tells of a job: its chunks, and what the chunks of other jobs at its target claim."""
    return known_of(
        job, chunks, contract, others=other_imports(ledger, job), claims=_claims_of_others(ledger, job, contract)
    )


def _may_be_younger(chunk: ChunkEntry, after: datetime) -> bool:
    """Return whether rows of a chunk may have been created after a time; an import takes an hour at most."""
    return chunk.first_sent is None or chunk.first_sent + LONGEST_IMPORT >= after


def _claims_of_others(ledger: Ledger, job: JobEntry, contract: Contract) -> tuple[Claim, ...]:
    """Return the chunks of other jobs at the same target whose counted rows no import id tells from this job's."""
    if contract.mode is not Mode.APPEND:
        return ()
    found = ledger.accepted_without_import_elsewhere(job)
    return tuple(Claim(job=ledger.job(name), chunk=chunk) for name, chunk in found)


def _oldest_row(chunk: ChunkEntry, job: JobEntry) -> datetime:
    """Return when a chunk's rows were created, at the earliest, by the clock that dates them as far as it is known."""
    sent = chunk.first_sent or job.created
    if chunk.clock_offset is None or chunk.rows_ahead is None:
        return sent + timedelta(seconds=chunk.clock_offset or 0.0) - UNKNOWN_CLOCK
    return sent + timedelta(seconds=chunk.clock_offset + chunk.rows_ahead) - MARGIN
