"""Look for imports that a resumed job made and its ledger does not know, before anything more is sent.

A ledger that was restored from a copy has forgotten what was sent after the copy was made. Its pending chunks may be at
the target already. Whatever it does not know left after the last request that it does know.
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
from bulkops.upload.evidence.judge import Doubt, Judge
from bulkops.upload.evidence.row_clock import instant
from bulkops.upload.evidence.server_clock import learn_time
from bulkops.upload.evidence.snapshots import Reading
from bulkops.upload.evidence.verdict import Evidence, Verdict


def settle_what_the_ledger_forgot(context: JobContext, chunks: Sequence[ChunkEntry]) -> list[ChunkEntry]:
    """Return the pending chunks whose records are at the target already, or may be: settled, or in doubt.

    A chunk is accepted if one import that no chunk owns holds exactly its records and is younger than the last request
    that the ledger knows. Where rows are counted, an import that may be older, or several of them, need a manual
    decision. A key that may not read back finds nothing; a note says so.
    """
    pending = [chunk for chunk in chunks if chunk.state is ChunkState.PENDING]
    readback = context.route.readback
    if context.contract.mode.resend_is_safe or readback is None or not pending:
        return []
    learn_time(context)
    judge = Judge(context, readback)
    suspects = [_as_if_sent(context, chunk) for chunk in pending]
    try:
        reading = judge.reader.read_unknown(suspects)
        if wait_for_answers(context, reading.contenders):
            reading = judge.reader.read_unknown(suspects)
    except AccessRefused as error:
        context.client.teller.say(f"Whether pending chunks were imported before was not checked: {error.message}")
        return []
    if reading.found.is_empty():
        return []
    doubtful = [chunk for chunk in chunks if chunk.state in UNSETTLED]
    return list(_settled(context, judge, reading, list(zip(pending, suspects, strict=True)), doubtful))


def _as_if_sent(context: JobContext, chunk: ChunkEntry) -> ChunkEntry:
    """Return a chunk as if it had left right after the last request that the ledger knows, by the clocks of then."""
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
    reading: Reading,
    chunks: Sequence[tuple[ChunkEntry, ChunkEntry]],
    doubtful: Sequence[ChunkEntry],
) -> Iterator[ChunkEntry]:
    sizes = set(reading.found[IMPORT_ID].value_counts()["count"])
    taken: frozenset[int] = frozenset()
    for chunk, suspect in chunks:
        # Comparing reads the records of a chunk: where rows are counted, only an import of its size can be all of it.
        if judge.reader.multiset and chunk.records not in sizes:
            continue
        found = judge.judge(Doubt(chunk=suspect, taken=taken), reading)
        # An import that a chunk in doubt may own is left to it.
        rivals = judge.rivals(suspect, reading) or any(judge.reader.same_content(suspect, c) for c in doubtful)
        judge.reader.forget(suspect)
        if found.verdict is Verdict.LANDED and not rivals:
            yield _accept(context, chunk, found, reading)
            taken |= {found.import_id} if found.import_id is not None else set()
        elif found.verdict is Verdict.AMBIGUOUS and found.exact:
            yield _doubt(context, chunk, found, reading)


def _accept(context: JobContext, chunk: ChunkEntry, found: Evidence, reading: Reading) -> ChunkEntry:
    changes: dict[str, Any] = {"import_id": found.import_id, "created": instant(found.created), "message": ""}
    read = _read(found, reading, note="imported by a request that this ledger does not know")
    job = context.job.id
    try:
        return context.ledger.move(job, chunk, ChunkState.ACCEPTED, read, **changes)
    except ImportTaken as taken:
        return _doubt(context, chunk, replace(found, note=str(taken)), reading)


def _doubt(context: JobContext, chunk: ChunkEntry, found: Evidence, reading: Reading) -> ChunkEntry:
    note = f"it was not sent as far as this ledger knows: {found.note}"
    changes: dict[str, Any] = {"undecided": True, "message": note}
    read = _read(found, reading, note=note)
    return context.ledger.move(context.job.id, chunk, ChunkState.IN_DOUBT, read, **changes)


def _read(found: Evidence, reading: Reading, *, note: str) -> EvidenceRead:
    return EvidenceRead(
        verdict=found.verdict.value,
        rows=found.rows,
        import_id=found.import_id,
        read_at=reading.at.isoformat(),
        note=note,
    )
