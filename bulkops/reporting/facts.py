"""The facts about a job for a report, from which every form of the report is made. Pure functions."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from bulkops.ledger.events import Event, EventKind
from bulkops.ledger.job_documents import job_document, job_state
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState, JobState
from bulkops.reporting.rejections import Reason
from bulkops.reporting.steps import EventSummary, summarise_events

if TYPE_CHECKING:
    from bulkops.json_documents.reports import JobFactsDocument, TimelineEntry
    from bulkops.json_documents.runs import MappedFromDocument

STATES = ("accepted", "skipped", "rejected", "in_doubt", "pending")
AFTERWARDS = {EventKind.RECONCILED, EventKind.SETTINGS_CHANGED, EventKind.FILE_NAMED}
ENDED = {JobState.DONE, JobState.REFUSED, JobState.CANCELLED}
WORDS = {"in_doubt": "in doubt"}
MASKED = "(masked)"
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, kw_only=True)
class JobFacts:
    """All facts about one job that a report shows.

    `document` is the document of `jobs show --json`. `progress` contains pairs: seconds since the first request, and
    records accepted so far. `doubts` are the unusual events. `rejected` contains rows of line, records and message.
    `findings` contains pairs of rule and count; None if the file was not checked again. `sums` are amounts by
    subledger, as text. `settings` are the run settings of the job. `ended` is the time when its last chunk was
    settled. `reasons` are the rejected records by reason, and `rejected_file` is the path of the file with these
    records, if it exists. `reconciled` is the time of the latest reconciliation in the ledger; `outdated`: a chunk has
    changed since. `ledger` is the address of the ledger in commands; None for the default ledger.
    `mapping` are the legacy rows behind a mapped file; None for another file.
    """

    document: Mapping[str, Any]
    title: str
    effect: str
    chunks: "tuple[TimelineEntry, ...]" = ()
    progress: tuple[tuple[float, int], ...] = ()
    doubts: tuple[EventSummary, ...] = ()
    rejected: tuple[tuple[str, ...], ...] = ()
    findings: tuple[tuple[str, int], ...] | None = None
    sums: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    ended: datetime | None = None
    reasons: tuple[Reason, ...] = ()
    rejected_file: str | None = None
    reconciled: datetime | None = None
    outdated: bool = False
    ledger: str | None = None
    mapping: "MappedFromDocument | None" = None

    @property
    def name(self) -> str:
        """The id of the job."""
        return str(self.document["job"])

    @property
    def records(self) -> Mapping[str, int]:
        """The number of records in each state, and in the input."""
        found: Mapping[str, int] = self.document["records"]
        return found

    @property
    def balanced(self) -> bool:
        """Whether the sum of the records of all states equals the input."""
        return self.records["input"] == sum(self.records[state] for state in STATES)

    @property
    def reconciliation(self) -> Mapping[str, Any] | None:
        """The document of the reconciliation; None without one."""
        found: Mapping[str, Any] | None = self.document["reconciliation"]
        return found

    @property
    def state(self) -> str:
        """The state of the job."""
        return str(self.document["state"])

    @property
    def verdict(self) -> str:
        """The verdict of the reconciliation; blank without one."""
        return str(self.reconciliation["verdict"]) if self.reconciliation else ""

    def to_json(self) -> "JobFactsDocument":
        """Return all facts as one JSON document."""
        document: dict[str, Any] = {
            **self.document,
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
            "settings": dict(self.settings),
            "ended": self.ended.isoformat() if self.ended else None,
        }
        if self.mapping is not None:
            document["mapping"] = self.mapping
        return cast("JobFactsDocument", document)


def job_facts(
    job: JobEntry, chunks: Sequence[ChunkEntry], events: Sequence[Event], *, title: str, effect: str, **more: Any
) -> JobFacts:
    """Return the facts of a job from its ledger entries; `more` are the fields that come from its files."""
    return JobFacts(
        document=job_document(job, chunks),
        title=title,
        effect=effect,
        chunks=tuple(_timeline(chunks, events)),
        progress=tuple(_progress(chunks, events)),
        doubts=tuple(summarise_events(events)),
        settings=job.settings,
        ended=_ended(job, chunks, events),
        reconciled=next((event.at for event in reversed(events) if event.kind == EventKind.RECONCILED), None),
        outdated=_outdated(events),
        **more,
    )


def _ended(job: JobEntry, chunks: Sequence[ChunkEntry], events: Sequence[Event]) -> datetime | None:
    if job_state(job, chunks) not in ENDED:
        return None
    return max((event.at for event in events if event.kind not in AFTERWARDS), default=None)


def _outdated(events: Sequence[Event]) -> bool:
    """Return whether a chunk has changed since the latest reconciliation."""
    latest = max((n for n, event in enumerate(events) if event.kind == EventKind.RECONCILED), default=len(events))
    return any(event.chunk is not None for event in events[latest:])


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
            "undecided": chunk.undecided,
            "import_id": chunk.import_id,
            "attempts": chunk.attempts,
            "sent": sent[0].isoformat() if sent else None,
            "ended": ended.isoformat() if ended and sent else None,
            "seconds": round((ended - sent[0]).total_seconds(), 2) if ended and sent else None,
            "sha256": chunk.sha256,
            "message": chunk.message,
        }


def _progress(chunks: Sequence[ChunkEntry], events: Sequence[Event]) -> Iterator[tuple[float, int]]:
    """Yield (seconds, records) for each accepted chunk, in time order; the first point is (0, 0)."""
    accepted = {chunk.number: chunk.records for chunk in chunks if chunk.state is ChunkState.ACCEPTED}
    begun = next((event.at for event in events if event.kind == EventKind.SENT), None)
    if begun is None:
        return
    total = 0
    yield 0.0, 0
    for event in events:
        if event.state is ChunkState.ACCEPTED and event.chunk in accepted:
            total += accepted.pop(event.chunk)
            yield round((event.at - begun).total_seconds(), 3), total


def mask(text: str) -> str:
    """Return a masked value with only its first and last characters: enough to find it, too little to use it."""
    if len(text) <= 4:
        return "•" * len(text)
    return f"{text[:2]}{'•' * min(len(text) - 3, 8)}{text[-1]}"


def masked(facts: JobFacts) -> JobFacts:
    """Return the facts without values of records: masked keys and cells, and no messages of the server."""
    document = dict(facts.document)
    if facts.reconciliation:
        document["reconciliation"] = _masked_result(facts.reconciliation)
    document["chunks"] = [{k: v for k, v in chunk.items() if k != "message"} for chunk in document["chunks"]]
    chunks: list[TimelineEntry] = [{**chunk, "message": MASKED if chunk["message"] else ""} for chunk in facts.chunks]
    return replace(
        facts,
        document=document,
        rejected=tuple((*row[:-1], MASKED) for row in facts.rejected),
        reasons=tuple(replace(reason, message=MASKED) for reason in facts.reasons),
        doubts=tuple(replace(step, said=MASKED if step.said else "") for step in facts.doubts),
        chunks=tuple(chunks),
    )


def _masked_result(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a reconciliation without values; the doubt about an export can quote values."""
    result = {
        **found,
        "examples": [
            {**e, **{name: mask(e[name]) for name in ("key", "sent", "found") if e.get(name)}}
            for e in found.get("examples", [])
        ],
        "notes": [_QUOTED.sub(MASKED, note) for note in found.get("notes", [])],
    }
    if doubt := found.get("doubt"):
        result["doubt"] = _QUOTED.sub(MASKED, doubt)
        result["reason"] = found["reason"].replace(doubt, result["doubt"])
    return result
