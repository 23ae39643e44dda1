"""Find imports that a resumed job made and its ledger does not know, before anything more is sent.

A ledger that was restored from a backup lacks the requests that were sent after the backup. Its pending chunks may
already be at the target. Every request that it lacks left after the last request that it contains.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from bulkops.errors import AccessRefused
from bulkops.ledger.claims import ImportTaken
from bulkops.ledger.events import EventKind, EvidenceRead
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import UNSETTLED, ChunkState
from bulkops.readback.compare.canonical import IMPORT_ID
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.contenders import wait_for_answers
from bulkops.upload.evidence.judge import ChunkToJudge, Judge
from bulkops.upload.evidence.row_clock import instant
from bulkops.upload.evidence.server_clock import learn_server_time
from bulkops.upload.evidence.snapshots import Snapshot
from bulkops.upload.evidence.verdict import ChunkEvidence, ChunkVerdict
from bulkops.wording import counted, some_of

SHOWN_CHUNKS = 10
"""Maximum number of chunks that a notice names."""


def settle_unrecorded_imports(context: JobContext, chunks: Sequence[ChunkEntry]) -> list[ChunkEntry]:
    """Return the pending chunks that the target already contains (now accepted) or may contain (now in doubt).

    A chunk is accepted if one import without an owner contains exactly its records and is younger than the last request
    in the ledger. Where rows are counted, an import that may be older, or several of them, need a manual decision. If
    the key may not read back, nothing is checked; a note says so.
    """
    pending = [chunk for chunk in chunks if chunk.state is ChunkState.PENDING]
    readback = context.route.readback
    if context.contract.mode.resend_is_safe or readback is None or not pending:
        return []
    learn_server_time(context)
    judge = Judge(context, readback)
    suspects = [_as_if_sent(context, chunk) for chunk in pending]
    try:
        snapshot = judge.reader.read_unknown(suspects)
        if wait_for_answers(context, snapshot.contenders):
            snapshot = judge.reader.read_unknown(suspects)
    except AccessRefused as error:
        context.client.notifier.notify(f"Pending chunks were not checked for earlier imports: {error.message}")
        return []
    if snapshot.found.is_empty():
        return []
    doubtful = [chunk for chunk in chunks if chunk.state in UNSETTLED]
    settled = list(_settled(context, judge, snapshot, list(zip(pending, suspects, strict=True)), doubtful))
    if accepted := [chunk for chunk in settled if chunk.state is ChunkState.ACCEPTED]:
        context.client.notifier.notify(_note(accepted))
    return settled


def _note(accepted: Sequence[ChunkEntry]) -> str:
    """Return the notice that chunks are not sent because the target contains them."""
    numbers = some_of([chunk.number for chunk in accepted], most=SHOWN_CHUNKS)
    records = counted(sum(chunk.records for chunk in accepted), "record")
    return (
        f"The target already contains chunk {numbers} ({records}), by requests that this ledger does not know: "
        "the ledger may be a restored copy. They count as accepted and are not sent again."
    )


def _as_if_sent(context: JobContext, chunk: ChunkEntry) -> ChunkEntry:
    """Return a chunk as if it had left right after the last request in the ledger, by the clocks of that time."""
    sent = context.ledger.events(context.job.id, kind=EventKind.SENT)
    offset = context.client.server_offset
    seconds = None if offset is None else offset.total_seconds()
    if not sent:
        return replace(chunk, first_sent=context.job.created, clock_offset=seconds)
    then = sent[-1].clock_offset
    return replace(chunk, first_sent=sent[-1].at, clock_offset=seconds if then is None else then)


def _settled(
    context: JobContext,
    judge: Judge,
    snapshot: Snapshot,
    chunks: Sequence[tuple[ChunkEntry, ChunkEntry]],
    doubtful: Sequence[ChunkEntry],
) -> Iterator[ChunkEntry]:
    sizes = set(snapshot.found[IMPORT_ID].value_counts()["count"])
    taken: frozenset[int] = frozenset()
    for chunk, suspect in chunks:
        # Comparing reads the records of a chunk. Where rows are counted, only an import of the same size can equal it.
        if judge.reader.multiset and chunk.records not in sizes:
            continue
        found = judge.judge(ChunkToJudge(chunk=suspect, taken=taken), snapshot)
        # An import that may belong to a chunk in doubt is left to that chunk.
        rivals = judge.rivals(suspect, snapshot) or any(judge.reader.same_content(suspect, c) for c in doubtful)
        judge.reader.forget(suspect)
        if found.verdict is ChunkVerdict.LANDED and not rivals:
            yield _accept(context, chunk, found, snapshot)
            taken |= {found.import_id} if found.import_id is not None else set()
        elif found.verdict is ChunkVerdict.AMBIGUOUS and found.exact:
            yield _doubt(context, chunk, found, snapshot)


def _accept(context: JobContext, chunk: ChunkEntry, found: ChunkEvidence, snapshot: Snapshot) -> ChunkEntry:
    changes: dict[str, Any] = {"import_id": found.import_id, "created": instant(found.created), "message": ""}
    read = _read(found, snapshot, note="imported by a request that this ledger does not know")
    job = context.job.id
    try:
        return context.ledger.move(job, chunk, ChunkState.ACCEPTED, read, **changes)
    except ImportTaken as taken:
        return _doubt(context, chunk, replace(found, note=str(taken)), snapshot)


def _doubt(context: JobContext, chunk: ChunkEntry, found: ChunkEvidence, snapshot: Snapshot) -> ChunkEntry:
    note = f"the ledger does not know a request with this chunk: {found.note}"
    changes: dict[str, Any] = {"undecided": True, "message": note}
    read = _read(found, snapshot, note=note)
    return context.ledger.move(context.job.id, chunk, ChunkState.IN_DOUBT, read, **changes)


def _read(found: ChunkEvidence, snapshot: Snapshot, *, note: str) -> EvidenceRead:
    return EvidenceRead(
        verdict=found.verdict.value,
        rows=found.rows,
        import_id=found.import_id,
        read_at=snapshot.at.isoformat(),
        note=note,
    )
