"""Check at the end of a run whether chunks that were resent are at the target twice.

A chunk is resent if no trace of it was found. If the first request completed after all, later than the wait allowed,
the records are at the target twice and only a person can remove them. The state `resent` in the ledger means that this
check is still due.
"""

from collections.abc import Sequence
from typing import Any

from bulkops.ledger.events import Doubled, Event, EventKind, LookedAgain
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.contenders import context_of, unanswered_of, wait_for_answers
from bulkops.upload.evidence.judge import ChunkToJudge, Judge
from bulkops.upload.evidence.snapshots import Snapshot
from bulkops.upload.evidence.timeouts import seconds_until_late_work_shows
from bulkops.upload.evidence.verdict import ChunkVerdict
from bulkops.wording import counted

# A chunk returns to pending because no trace of it was found, or by a manual decision; either may be wrong.
SENT_AGAIN = frozenset({EventKind.EVIDENCE, EventKind.RESOLVED})


def accepted_state(context: JobContext, chunk: ChunkEntry) -> ChunkState:
    """Return the state of an imported chunk: `resent` if an earlier request of it may still be processed."""
    return ChunkState.ACCEPTED if resent_original(context, chunk) is None else ChunkState.RESENT


def resent_original(context: JobContext, chunk: ChunkEntry) -> ChunkEntry | None:
    """Return the chunk, or the ancestor of it, that was resent because no trace of it was found; None if none was."""
    readback = context.route.readback
    if readback is None or not readback.multiset or (chunk.attempts < 2 and chunk.parent is None):
        return None
    chunks = {c.number: c for c in context.ledger.chunks(context.job.id)} if chunk.parent is not None else {}
    found = None
    whole: ChunkEntry | None = chunk
    while whole is not None:
        if _sent_again_in_doubt(context.ledger.events(context.job.id, chunk=whole.number)):
            found = whole
        whole = chunks.get(whole.parent) if whole.parent is not None else None
    return found


def _sent_again_in_doubt(events: Sequence[Event]) -> bool:
    """Return whether a chunk was in doubt, and then returned to pending by evidence or by a manual decision."""
    kinds = [event.kind for event in events]
    doubted = kinds.index(EventKind.IN_DOUBT) if EventKind.IN_DOUBT in kinds else len(events)
    return any(e.kind in SENT_AGAIN and e.state is ChunkState.PENDING for e in events[doubted:])


def find_duplicates(context: JobContext, chunks: Sequence[ChunkEntry]) -> None:
    """Read back once more for resent chunks, after no earlier request of them can still be imported unseen.

    Records found twice need a manual decision. An import that may belong to an open chunk of another job does not
    suggest a duplicate: bulkops waits for a request in flight, and a chunk in doubt claims the import when
    its job is resumed.
    """
    resent = [chunk for chunk in chunks if chunk.state is ChunkState.RESENT]
    readback = context.route.readback
    if not resent or readback is None:
        return
    judge = Judge(context, readback)
    _wait_for_late_work(context, judge, resent)
    wholes = {chunk.number: resent_original(context, chunk) or chunk for chunk in resent}
    for last in (False, True):
        snapshot = judge.reader.read(list(wholes.values()))
        notes = {chunk.number: _duplicate_note(judge, snapshot, chunk, wholes[chunk.number]) for chunk in resent}
        if last or not (any(notes.values()) and wait_for_answers(context, snapshot.contenders)):
            break
    for chunk in resent:
        note = notes[chunk.number]
        looked = (Doubled if note else LookedAgain)(note=note, read_at=snapshot.at.isoformat())
        changes: dict[str, Any] = {"undecided": bool(note), "message": note}
        context.ledger.move(context.job.id, chunk, ChunkState.ACCEPTED, looked, **changes)


def _wait_for_late_work(context: JobContext, judge: Judge, resent: Sequence[ChunkEntry]) -> None:
    """Wait until no request with these records, of any job, can still be imported unseen."""
    own = [seconds_until_late_work_shows(context, chunk) for chunk in resent]
    others = [
        seconds_until_late_work_shows(context_of(context, contender), contender.chunk)
        for contender in unanswered_of(context)
        if any(judge.reader.may_equal(chunk, contender) for chunk in resent)
    ]
    pause = max(context.options.settle, *own, *others)
    text = (
        f"Waiting {pause:,.0f} s, then reading back again: {counted(len(resent), 'chunk')} "
        f"{'was' if len(resent) == 1 else 'were'} resent, and an earlier request may still be imported."
    )
    context.client.notifier.wait(pause, text)


def _duplicate_note(judge: Judge, snapshot: Snapshot, chunk: ChunkEntry, whole: ChunkEntry) -> str:
    """Return why the chunk may be at the target twice; empty if nothing suggests it."""
    found = judge.judge(ChunkToJudge(chunk=whole), snapshot)
    if found.verdict is ChunkVerdict.ABSENT:
        return ""
    if snapshot.unseen:
        return f"whether its records are at the target twice is unknown: {found.note}"
    if found.verdict is ChunkVerdict.LANDED:
        waiting = sum(rival.waits_for_import for rival in judge.rivals(whole, snapshot))
        if found.exact <= waiting:
            return ""
    what = found.import_id if found.verdict is ChunkVerdict.LANDED else found.note
    return f"its records may be at the target twice: import {chunk.import_id}, and {what}"
