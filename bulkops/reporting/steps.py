"""What happened in a job besides the routine, in plain words, each thing once. Pure."""

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
    EventKind.REFUSED: "The server refused it",
    EventKind.BLOCKED: "Blocked before it reached the API",
    EventKind.TOO_LARGE: "Refused as too large",
    EventKind.ONE_REASON: "Stopped: all records are refused for one reason",
    EventKind.TARGET_CHANGED: "The target had changed",
    EventKind.CLOCK_SET: "A clock was set",
    EventKind.CANCELLED: "Cancelled",
}
FOUND = {
    "landed": "all of its records were found, so it counts as accepted",
    "absent": "none of its records were found",
    "partly": "a part of its records was found",
    "ambiguous": "what was found does not settle it",
    "equal": "the target already has the same content, so nothing was sent",
}
NEXT: dict[ChunkState | None, str] = {
    ChunkState.PENDING: "it is sent again",
    ChunkState.REJECTED: "it is rejected",
    ChunkState.IN_DOUBT: "it stays in doubt",
}
DECIDED = {
    "accepted": "its records are at the target",
    "resend": "it is sent again",
    "partly": "a part of its records is at the target; the rest is sent",
}


@dataclass(frozen=True, kw_only=True)
class EventSummary:
    """Something that happened; `chunk` is None where it was the whole job.

    `detail` is in words of ours; `said` is what the server, the evidence or a person said, which may hold values.
    """

    at: datetime
    chunk: int | None
    what: str
    detail: str
    said: str = ""


def summarise_events(events: Sequence[Event]) -> Iterator[EventSummary]:
    """Yield the steps that were no routine, in order; what was only said again is told once."""
    steps = [_step(event) for event in events if event.kind not in ROUTINE]
    last = {(step.chunk, step.said): place for place, step in enumerate(steps) if step.said}
    seen: set[tuple[object, ...]] = set()
    spoken: set[tuple[object, ...]] = set()
    for place, step in enumerate(steps):
        timeless = (step.chunk, step.what, step.detail, step.said)
        if timeless in seen or (
            step.what == WHAT[EventKind.EVIDENCE] and last.get((step.chunk, step.said), place) > place
        ):
            continue
        seen.add(timeless)
        again = (step.chunk, step.said) in spoken
        spoken.add((step.chunk, step.said))
        yield replace(step, said="") if again else step


def _step(event: Event) -> EventSummary:
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
