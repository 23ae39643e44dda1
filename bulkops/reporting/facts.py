"""What a report says of a job, gathered once; every form of the report is made from it. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from bulkops.ledger.events import Event, EventKind
from bulkops.ledger.job_summary import job_document, job_state
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState, JobState
from bulkops.reporting.steps import Step, told_steps

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import JobDocument
    from bulkops.json_documents.reports import ReportedJob, SettingsDocument, TimelineEntry

STATES = ("accepted", "skipped", "rejected", "in_doubt", "pending")
AFTERWARDS = {"reconciled", "settings changed"}
ENDED = {JobState.DONE, JobState.REFUSED, JobState.CANCELLED}
WORDS = {"in_doubt": "in doubt"}


@dataclass(frozen=True, kw_only=True)
class JobFacts:
    """A job with all that is told of it.

    `document` is that of `jobs show --json`. `progress` are seconds since the first request and records accepted by
    then. `doubts` are the steps that were no routine. `rejected` are rows of line, records, message. `findings` are
    rule and count; None where the file was not checked again. `sums` are amounts by subledger, as text. `settings` are
    how the job was run; `ended` is when its last chunk was settled.
    """

    document: Mapping[str, Any]
    title: str
    effect: str
    chunks: "tuple[TimelineEntry, ...]" = ()
    progress: tuple[tuple[float, int], ...] = ()
    doubts: tuple[Step, ...] = ()
    rejected: tuple[tuple[str, ...], ...] = ()
    findings: tuple[tuple[str, int], ...] | None = None
    sums: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    ended: datetime | None = None

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.document["job"])

    @property
    def records(self) -> Mapping[str, int]:
        """How many records are in each state, and `input`."""
        found: Mapping[str, int] = self.document["records"]
        return found

    @property
    def balanced(self) -> bool:
        """Whether the records of all states add up to the input."""
        return self.records["input"] == sum(self.records[state] for state in STATES)

    @property
    def reconciliation(self) -> Mapping[str, Any] | None:
        """The document of the reconciliation, if there was one."""
        found: Mapping[str, Any] | None = self.document["reconciliation"]
        return found

    @property
    def state(self) -> str:
        """The job's state."""
        return str(self.document["state"])

    @property
    def verdict(self) -> str:
        """The verdict of the reconciliation; blank where there was none."""
        return str(self.reconciliation["verdict"]) if self.reconciliation else ""

    def to_json(self) -> "ReportedJob":
        """Return everything as one document."""
        return {
            **cast("JobDocument", self.document),
            "balanced": self.balanced,
            "timeline": list(self.chunks),
            "progress": [list(point) for point in self.progress],
            "doubts": [
                {"at": s.at.isoformat(), "chunk": s.chunk, "what": s.what, "detail": s.detail, "said": s.said}
                for s in self.doubts
            ],
            "rejected": [list(row) for row in self.rejected],
            "findings": None if self.findings is None else dict(self.findings),
            "sums": dict(self.sums),
            "notes": list(self.notes),
            "settings": cast("SettingsDocument", dict(self.settings)),
            "ended": self.ended.isoformat() if self.ended else None,
        }


def job_facts(
    job: JobEntry, chunks: Sequence[ChunkEntry], events: Sequence[Event], *, title: str, effect: str, **more: Any
) -> JobFacts:
    """Return the facts of a job from what the ledger holds; `more` are the fields that come from its files."""
    return JobFacts(
        document=job_document(job, chunks),
        title=title,
        effect=effect,
        chunks=tuple(_timeline(chunks, events)),
        progress=tuple(_progress(chunks, events)),
        doubts=tuple(told_steps(events)),
        settings=job.settings,
        ended=_ended(job, chunks, events),
        **more,
    )


def _ended(job: JobEntry, chunks: Sequence[ChunkEntry], events: Sequence[Event]) -> datetime | None:
    if job_state(job, chunks) not in ENDED:
        return None
    return max((event.at for event in events if event.kind not in AFTERWARDS), default=None)


def _timeline(chunks: Sequence[ChunkEntry], events: Sequence[Event]) -> "Iterator[TimelineEntry]":
    of_chunk: dict[int | None, list[Event]] = defaultdict(list)
    for event in events:
        of_chunk[event.chunk].append(event)
    for chunk in chunks:
        if chunk.state is ChunkState.DIVIDED:
            continue
        own = of_chunk[chunk.number]
        sent = [event.at for event in own if event.kind == EventKind.SENT]
        ended = own[-1].at if own and not chunk.undecided else None
        yield {
            "number": chunk.number,
            "first_record": chunk.first_record,
            "records": chunk.records,
            "state": WORDS.get(chunk.state.value, chunk.state.value),
            "import_id": chunk.import_id,
            "attempts": chunk.attempts,
            "sent": sent[0].isoformat() if sent else None,
            "ended": ended.isoformat() if ended and sent else None,
            "seconds": round((ended - sent[0]).total_seconds(), 2) if ended and sent else None,
            "sha256": chunk.sha256,
            "message": chunk.message,
        }


def _progress(chunks: Sequence[ChunkEntry], events: Sequence[Event]) -> Iterator[tuple[float, int]]:
    """Yield a point for each chunk that was accepted, in the order of time, from (0, 0) on."""
    accepted = {chunk.number: chunk.records for chunk in chunks if chunk.state is ChunkState.ACCEPTED}
    begun = next((event.at for event in events if event.kind == EventKind.SENT), None)
    if begun is None:
        return
    total = 0
    yield 0.0, 0
    for event in events:
        if event.data.get("state") == ChunkState.ACCEPTED and event.chunk in accepted:
            total += accepted.pop(event.chunk)
            yield round((event.at - begun).total_seconds(), 3), total


def mask(text: str) -> str:
    """Return a value of which only its ends can be told: enough to find it, too little to use it."""
    if len(text) <= 4:
        return "•" * len(text)
    return f"{text[:2]}{'•' * min(len(text) - 3, 8)}{text[-1]}"


def masked(facts: JobFacts) -> JobFacts:
    """Return the facts without values of records: keys and cells of examples, and what the server said."""
    document = dict(facts.document)
    if facts.reconciliation:
        examples = [
            {**e, **{name: mask(e[name]) for name in ("key", "sent", "found") if e.get(name)}}
            for e in facts.reconciliation.get("examples", [])
        ]
        document["reconciliation"] = {**facts.reconciliation, "examples": examples}
    rejected = tuple((*row[:-1], "(masked)") for row in facts.rejected)
    doubts = tuple(replace(step, said="(masked)" if step.said else "") for step in facts.doubts)
    document["chunks"] = [{k: v for k, v in chunk.items() if k != "message"} for chunk in document["chunks"]]
    chunks: list[TimelineEntry] = [
        {**chunk, "message": "(masked)" if chunk["message"] else ""} for chunk in facts.chunks
    ]
    return replace(facts, document=document, rejected=rejected, doubts=doubts, chunks=tuple(chunks))
