"""What happened in a job besides the routine, in plain words, each thing once. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bulkops.ledger.events import Event

ROUTINE = {"created", "sent", "accepted", "reconciled", "settings changed"}
LONGEST = 300
WHAT = {
    "in doubt": "No answer came",
    "evidence": "Read back",
    "undecided": "A person must decide",
    "doubled": "May be there twice",
    "isolating": "Cut into smaller requests",
    "cut smaller": "Cut into smaller requests",
    "resolved": "A person decided",
    "rejected": "Refused for good",
    "refused": "The server refused it",
    "target changed": "The target had changed",
    "cancelled": "Cancelled",
}
FOUND = {
    "landed": "all of it is there, so it counts as accepted",
    "absent": "nothing of it is there",
    "partly": "a part of it is there",
    "ambiguous": "what is there does not settle it",
    "equal": "the target holds the same already, so nothing was sent",
}
NEXT = {"pending": "it goes again", "rejected": "it counts as refused", "in_doubt": "it stays in doubt"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that happened; `chunk` is None where it was the whole job.

    `detail` is in words of ours; `said` is what the server, the evidence or a person said, which may hold values.
    """

    at: datetime
    chunk: int | None
    what: str
    detail: str
    said: str = ""


def told_steps(events: Sequence[Event]) -> Iterator[Step]:
    """Yield the steps that were no routine, in order; what was only said again is told once."""
    steps = [_step(event) for event in events if event.kind not in ROUTINE]
    last = {(step.chunk, step.said): place for place, step in enumerate(steps) if step.said}
    seen: set[tuple[object, ...]] = set()
    spoken: set[tuple[object, ...]] = set()
    for place, step in enumerate(steps):
        timeless = (step.chunk, step.what, step.detail, step.said)
        if timeless in seen or (step.what == WHAT["evidence"] and last.get((step.chunk, step.said), place) > place):
            continue
        seen.add(timeless)
        again = (step.chunk, step.said) in spoken
        spoken.add((step.chunk, step.said))
        yield replace(step, said="") if again else step


def _step(event: Event) -> Step:
    data = event.data
    said = next((str(data[name]) for name in ("note", "message", "reason") if data.get(name)), "")
    detail = "; ".join(_details(event.kind, data))
    return Step(
        at=event.at, chunk=event.chunk, what=WHAT.get(event.kind, event.kind.capitalize()),
        detail=detail, said=said if len(said) <= LONGEST else said[: LONGEST - 1] + "…",
    )  # fmt: skip


def _details(kind: str, data: Mapping[str, Any]) -> Iterator[str]:
    if kind in ("evidence", "undecided") and data.get("verdict"):
        yield FOUND.get(str(data["verdict"]), str(data["verdict"]))
    if data.get("rows"):
        yield f"{data['rows']:,} rows found"
    if data.get("import_id") is not None:
        yield f"import {data['import_id']}"
    if kind == "evidence" and data.get("state") in NEXT:
        yield NEXT[str(data["state"])]
    if data.get("decision"):
        yield "it is there" if data["decision"] == "accepted" else "send it again"
    if data.get("status") is not None:
        yield f"status {data['status']}"
    if into := data.get("into"):
        yield f"goes on in {len(into):,} chunks: {', '.join(map(str, into[:10]))}{' …' if len(into) > 10 else ''}"
    if kind == "target changed":
        yield ", ".join(f"{value:,} {name}" for name, value in data.items() if isinstance(value, int))
