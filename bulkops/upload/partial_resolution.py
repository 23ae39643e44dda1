"""Resolve a chunk in doubt that is partly at the target: accept the records found, return the rest to pending."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from bulkops.errors import InDoubt, UsageError
from bulkops.ledger.claims import ImportTaken
from bulkops.ledger.events import ProcessEnded, Resolved
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import UNSETTLED, ChunkState, chunk_word
from bulkops.readback.compare.canonical import IMPORT_ID
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.judge import ChunkToJudge, Judge
from bulkops.upload.evidence.row_clock import instant
from bulkops.upload.evidence.server_clock import learn_server_time
from bulkops.upload.evidence.similarity import shared_places, shared_rows
from bulkops.upload.evidence.snapshots import Snapshot
from bulkops.upload.evidence.timeouts import seconds_until_settled
from bulkops.upload.evidence.verdict import ChunkVerdict, as_sent
from bulkops.upload.refusals.split_chunk import found_and_missing
from bulkops_validators.model.contract import Mode, Readback

AMBIGUOUS = "The evidence is ambiguous, so nothing was recorded"
BY_HAND = "Compare the records with `bulkops reconcile --job`, and decide with --as accepted or --as resend."


@dataclass(frozen=True, kw_only=True)
class PartialResolution:
    """The records of a chunk in doubt that are at the target, by position. `pause`: seconds between the two snapshots.

    `import_id` is the import that contains exactly these records, where rows are counted.
    """

    chunk: ChunkEntry
    present: tuple[int, ...]
    import_id: int | None
    created: str
    read_at: str
    pause: float

    @property
    def missing(self) -> int:
        """The number of records that are not at the target."""
        return self.chunk.records - len(self.present)


def find_part(context: JobContext, number: int) -> PartialResolution:
    """Return which records of a chunk in doubt two equal snapshots found at the target; nothing is written.

    UsageError if the chunk is not in doubt, cannot be read back or divided, or if all or none of its records are at the
    target. InDoubt if the evidence is ambiguous: rows of several imports, different values, or another open chunk that
    may own the rows.
    """
    chunks = context.ledger.chunks(context.job.id)
    chunk = next((c for c in chunks if c.number == number), None)
    if chunk is None:
        raise UsageError(f"Job {context.job.id} has no chunk {number}.")
    if chunk.state not in (ChunkState.IN_DOUBT, ChunkState.SENDING):
        raise UsageError(
            f"Chunk {number} is {chunk_word(chunk.state)}, not in doubt.",
            hint=f"`bulkops jobs show {context.job.id}` shows the chunks of the job.",
        )
    readback = context.route.readback
    if readback is None or not context.contract.mode.splittable:
        raise UsageError(f"An import of {context.contract.name} cannot be accepted in part.", hint=BY_HAND)
    learn_server_time(context)
    others = [c for c in chunks if c.state in UNSETTLED and c.number != number]
    part = _settled_part(context, Judge(context, readback), readback, chunk, others)
    if not part.missing or not part.present:
        what, decision = ("All", "accepted") if part.present else ("None", "resend")
        raise UsageError(f"{what} of the {chunk.records:,} records of chunk {number} are at the target.",
                         hint=f"Decide with --as {decision}.")  # fmt: skip
    return part


def record_part(context: JobContext, part: PartialResolution, reason: str) -> tuple[ChunkEntry, ChunkEntry]:
    """Write a partial resolution to the ledger; return the accepted chunk and the pending one.

    InDoubt if the import belongs to another chunk.
    """
    if not reason.strip():
        raise UsageError("A decision needs a reason: later readers of the ledger rely on it. Give --reason TEXT.")
    ledger, job, chunk = context.ledger, context.job.id, part.chunk
    there, missing = found_and_missing(context.records(chunk), part.present)
    there = replace(
        there,
        state=ChunkState.ACCEPTED,
        attempts=chunk.attempts,
        import_id=part.import_id,
        created=instant(part.created),
    )
    resolved = Resolved(
        decision="partly", reason=reason, rows=len(part.present), import_id=part.import_id, read_at=part.read_at
    )
    if chunk.state is ChunkState.SENDING:
        chunk = ledger.move(job, chunk, ChunkState.IN_DOUBT, ProcessEnded(reason="process ended"))
    try:
        accepted, pending = ledger.divide(job, chunk, [there, missing], resolved)
    except ImportTaken as taken:
        raise InDoubt(f"{AMBIGUOUS}: {taken}.", hint=BY_HAND) from None
    return accepted, pending


def _settled_part(
    context: JobContext, judge: Judge, readback: Readback, chunk: ChunkEntry, others: Sequence[ChunkEntry]
) -> PartialResolution:
    """Take two snapshots, far enough apart that nothing can still arrive; InDoubt if they differ."""
    first = _read(context, judge, readback, chunk, others)
    pause = max(context.options.settle, seconds_until_settled(context, chunk, counted=judge.reader.multiset))
    said = f"Waiting {pause:,.0f} s, then reading back again: the server may still be importing chunk {chunk.number}."
    context.client.notifier.wait(pause, said)
    second = _read(context, judge, readback, chunk, others)
    if (first.present, first.import_id) != (second.present, second.import_id):
        raise InDoubt(f"{AMBIGUOUS}: the target changed between the two read-backs.", hint="Try again later.")
    return replace(second, pause=pause)


def _read(
    context: JobContext, judge: Judge, readback: Readback, chunk: ChunkEntry, others: Sequence[ChunkEntry]
) -> PartialResolution:
    snapshot = judge.reader.read([chunk])
    if snapshot.contenders:
        name = snapshot.contenders[0].name
        raise InDoubt(f"{AMBIGUOUS}: {name} is also open and may own the rows.", hint="Settle that chunk first.")
    if judge.reader.multiset:
        present, import_id, created = _of_one_import(judge, snapshot, chunk, others)
    else:
        present, import_id, created = _of_keys(context, judge, readback, snapshot, chunk), None, ""
    read_at = snapshot.at.isoformat()
    return PartialResolution(
        chunk=chunk, present=present, import_id=import_id, created=created, read_at=read_at, pause=0.0
    )


def _of_one_import(
    judge: Judge, snapshot: Snapshot, chunk: ChunkEntry, others: Sequence[ChunkEntry]
) -> tuple[tuple[int, ...], int | None, str]:
    """Return the positions of the records that exactly one import contains, with its id and creation time."""
    evidence = judge.judge(ChunkToJudge(chunk=chunk, others=others), snapshot)
    if evidence.verdict is ChunkVerdict.ABSENT:
        return (), None, ""
    if evidence.verdict is ChunkVerdict.LANDED:
        return tuple(range(chunk.records)), evidence.import_id, evidence.created
    if evidence.verdict is not ChunkVerdict.PARTLY or evidence.part_of is None:
        raise InDoubt(f"{AMBIGUOUS}: {evidence.note}.", hint=BY_HAND)
    rows = snapshot.found.filter(pl.col(IMPORT_ID) == str(evidence.part_of))
    for other in others:
        if shared_rows(judge.reader.records(other), rows, judge.reader.columns, without=None):
            raise InDoubt(f"{AMBIGUOUS}: {evidence.note}, and chunk {other.number} has such records too.", hint=BY_HAND)
    return shared_places(judge.reader.records(chunk), rows, judge.reader.columns), evidence.part_of, evidence.created


def _of_keys(
    context: JobContext, judge: Judge, readback: Readback, snapshot: Snapshot, chunk: ChunkEntry
) -> tuple[int, ...]:
    """Return the positions of records found with equal values; an upsert resends records with different values."""
    if snapshot.unseen:
        raise InDoubt(f"{AMBIGUOUS}: the read-back does not contain {snapshot.unseen}.", hint=BY_HAND)
    present = judge.positions_found(chunk, snapshot)
    known = as_sent(judge.reader.records(chunk), snapshot.found, readback.key, ())
    if context.contract.mode is not Mode.UPSERT and len(known) > len(present):
        count = len(known) - len(present)
        raise InDoubt(f"{AMBIGUOUS}: {count:,} keys are at the target with other values.", hint=BY_HAND)
    return present
