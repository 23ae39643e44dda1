"""The last look for chunks that were sent again because no trace of them was found.

If the first request did its work after all, later than anyone waited, the records are there twice, and only a person
can take them out. The state `resent` keeps in the ledger that the look is still to come.
"""

from collections.abc import Sequence

from bulkops.ledger.entries import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.upload.context import JobContext
from bulkops.upload.judging import Doubt, Judge
from bulkops.upload.readings import Reading
from bulkops.upload.verdicts import Verdict


def taken_in_state(context: JobContext, chunk: ChunkEntry) -> ChunkState:
    """Return the state of a chunk that was taken in: `resent` if another request of it may be at work still."""
    return ChunkState.ACCEPTED if without_trace(context, chunk) is None else ChunkState.RESENT


def without_trace(context: JobContext, chunk: ChunkEntry) -> ChunkEntry | None:
    """Return the chunk, or the one that it is a part of, that was sent again for want of a trace; None if none was."""
    readback = context.route.readback
    if readback is None or not readback.multiset or (chunk.attempts < 2 and chunk.parent is None):
        return None
    chunks = {c.number: c for c in context.ledger.chunks(context.job.id)} if chunk.parent is not None else {}
    found = None
    whole: ChunkEntry | None = chunk
    while whole is not None:
        events = context.ledger.events(context.job.id, chunk=whole.number, kind="evidence")
        if any(event.data.get("state") == ChunkState.PENDING for event in events):
            found = whole
        whole = chunks.get(whole.parent) if whole.parent is not None else None
    return found


def look_for_doubles(context: JobContext, chunks: Sequence[ChunkEntry]) -> None:
    """Look once more for what was sent again, one settle time later; what is there twice is for a person."""
    resent = [chunk for chunk in chunks if chunk.state is ChunkState.RESENT]
    readback = context.route.readback
    if not resent or readback is None:
        return
    context.clock.sleep(context.options.settle)
    judge = Judge(context, readback)
    wholes = {chunk.number: without_trace(context, chunk) or chunk for chunk in resent}
    reading = judge.reader.read(list(wholes.values()))
    for chunk in resent:
        note = _doubled(judge, reading, chunk, wholes[chunk.number])
        kind = "doubled" if note else "looked again"
        data = {"note": note, "read_at": reading.at.isoformat()}
        changes = {"undecided": bool(note), "message": note}
        context.ledger.move(context.job.id, chunk, ChunkState.ACCEPTED, kind=kind, data=data, **changes)


def _doubled(judge: Judge, reading: Reading, chunk: ChunkEntry, whole: ChunkEntry) -> str:
    """Say why the chunk may be there twice; nothing if there is no sign of it."""
    found = judge.judge(Doubt(chunk=whole), reading)
    if found.verdict is Verdict.ABSENT:
        return ""
    if reading.unseen:
        return f"whether its records are there twice cannot be told: {found.note}"
    what = found.import_id if found.verdict is Verdict.LANDED else found.note
    return f"its records may be there twice: import {chunk.import_id}, and {what}"
