"""Summarise the unusual events of a job in plain words, without repetitions. Pure functions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bulkops.ledger.events import (
    DuplicateImport,
    Event,
    EventKind,
    EvidenceRead,
    OutcomeUnknown,
    Refused,
    Resolved,
    TargetChanged,
)
from bulkops.ledger.states import ChunkState

ROUTINE = {
    EventKind.CREATED,
    EventKind.SENT,
    EventKind.ACCEPTED,
    EventKind.RECONCILED,
    EventKind.SETTINGS_CHANGED,
}
LONGEST = 300
WHAT: dict[str, str] = {
    EventKind.IN_DOUBT: "No response",
    EventKind.EVIDENCE: "Read back",
    EventKind.UNDECIDED: "Needs a manual decision",
    EventKind.DOUBLED: "May be at the target twice",
    EventKind.ISOLATING: "Divided into smaller requests",
    EventKind.CUT_SMALLER: "Divided into smaller requests",
    EventKind.RESOLVED: "Decided by a person",
    EventKind.REJECTED: "Rejected",
    EventKind.REFUSED: "Refused by the server",
    EventKind.BLOCKED: "Blocked before it reached the API",
    EventKind.TOO_LARGE: "Refused as too large",
    EventKind.ONE_REASON: "Stopped: all records are refused for the same reason",
    EventKind.TARGET_CHANGED: "The target had changed",
    EventKind.CLOCK_SET: "A clock was set",
    EventKind.CANCELLED: "Cancelled",
}
FOUND = {
    "landed": "all of its records were found, so it counts as accepted",
    "absent": "none of its records were found",
    "partly": "a part of its records was found",
    "ambiguous": "the rows found do not settle it",
    "equal": "the target already has the same content, so nothing was sent",
}
NEXT: dict[ChunkState | None, str] = {
    ChunkState.PENDING: "it is resent",
    ChunkState.REJECTED: "it is rejected",
    ChunkState.IN_DOUBT: "it stays in doubt",
}
DECIDED = {
    "accepted": "its records are at the target",
    "resend": "it is resent",
    "partly": "a part of its records is at the target; the rest is sent",
}


@dataclass(frozen=True, kw_only=True)
class EventSummary:
    """One unusual event; `chunk` is None if it concerns the whole job.

    `detail` is text of bulkops. `said` is the message of the server, the evidence or a person; it may contain values.
    """

    at: datetime
    chunk: int | None
    what: str
    detail: str
    said: str = ""


def summarise_events(events: Sequence[Event]) -> Iterator[EventSummary]:
    """Yield the unusual events in order; an equal event or a repeated message of a chunk appears once."""
    summaries = [_summary(event) for event in events if event.kind not in ROUTINE]
    last = {(each.chunk, each.said): index for index, each in enumerate(summaries) if each.said}
    seen: set[tuple[object, ...]] = set()
    messages: set[tuple[object, ...]] = set()
    for index, each in enumerate(summaries):
        without_time = (each.chunk, each.what, each.detail, each.said)
        message = (each.chunk, each.said)
        if without_time in seen or (each.what == WHAT[EventKind.EVIDENCE] and last.get(message, index) > index):
            continue
        seen.add(without_time)
        repeated = message in messages
        messages.add(message)
        yield replace(each, said="") if repeated else each


def _summary(event: Event) -> EventSummary:
    said = event.payload.said if event.payload else ""
    return EventSummary(
        at=event.at,
        chunk=event.chunk,
        what=WHAT.get(event.kind, event.kind.capitalize()),
        detail="; ".join(_details(event)),
        said=said if len(said) <= LONGEST else said[: LONGEST - 1] + "…",
    )


def _details(event: Event) -> Iterator[str]:
    match event.payload:
        case EvidenceRead() as read:
            yield from _evidence(read)
            if event.kind == EventKind.EVIDENCE and event.state in NEXT:
                yield NEXT[event.state]
        case DuplicateImport(import_id=number):
            yield f"import {number}"
        case OutcomeUnknown() as unknown:
            facts = (("import", unknown.import_id), ("status", unknown.status))
            yield from (f"{name} {value}" for name, value in facts if value is not None)
        case Refused(status=int(status)):
            yield f"status {status}"
        case Resolved() as resolved:
            yield DECIDED.get(resolved.decision, resolved.decision)
        case TargetChanged() as changed:
            yield ", ".join(f"{count:,} {name}" for name, count in changed.counts().items())
    if into := event.into:
        yield f"continues in {len(into):,} chunks: {', '.join(map(str, into[:10]))}{' …' if len(into) > 10 else ''}"


def _evidence(read: EvidenceRead) -> Iterator[str]:
    if read.verdict:
        yield FOUND.get(read.verdict, read.verdict)
    if read.rows:
        yield f"{read.rows:,} rows found"
    if read.import_id is not None:
        yield f"import {read.import_id}"
