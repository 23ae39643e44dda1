"""Output of `bulkops jobs show`, `resolve` and `cancel`, and access to the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bulkops.cli.output.console import console
from bulkops.cli.output.job_summary import next_command, summary_lines
from bulkops.errors import UsageError
from bulkops.ledger.job_documents import job_document, sums_document
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.paths import ledger_exists, plain_path
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.readonly import ReadOnlyLedger
from bulkops.ledger.refusal_reasons import count_reasons
from bulkops.ledger.states import JobState, chunk_word
from bulkops.settings import default_ledger_url
from bulkops.upload.job_files import before_path, rejected_path
from bulkops.wording import counted

if TYPE_CHECKING:
    from bulkops.ledger.store import Ledger

COLUMNS = ("chunk", "first record", "records", "state", "import", "attempts", "note")
DROP = ("attempts", "first record", "import")
"""Columns that a narrow terminal hides, the least important first."""
SHOWN = 20  # laying out a table costs more than reading ten thousand chunks


@contextmanager
def open_ledger(url: str | None) -> Iterator["Ledger"]:
    """Yield the ledger at `url`, or the default one."""
    from bulkops.ledger.store import opened_ledger

    path = plain_path(url or default_ledger_url())
    missing = path is not None and not ledger_exists(path)
    with opened_ledger(url, notify=console().note) as ledger:
        if missing:
            console().note(f"New ledger: {path}")
        yield ledger


@contextmanager
def read_ledger(url: str | None) -> Iterator[LedgerReader]:
    """Yield the ledger at `url`, or the default one, for reading; without opening it for writing if possible."""
    if (glance := ReadOnlyLedger.open(url or default_ledger_url())) is None:
        with open_ledger(url) as ledger:
            yield ledger
        return
    try:
        yield glance
    finally:
        glance.close()


def latest(ledger: LedgerReader, name: str | None, *, unfinished: bool = False) -> JobEntry:
    """Return the named job, or the latest; with `unfinished` the latest that can be resumed, if any.

    UsageError if the ledger contains no job.
    """
    if name is not None:
        return ledger.job(name)
    jobs = ledger.jobs()
    if not jobs:
        raise UsageError("The ledger contains no job.", hint="Import a file, or choose another ledger with --ledger.")
    candidates = (job for job in reversed(jobs) if not unfinished or resumable_job(ledger, job))
    return next(candidates, jobs[-1])


def resumable_job(ledger: LedgerReader, job: JobEntry) -> bool:
    """Return whether a job has pending records or records in doubt."""
    state = sums_document(job, ledger.sums(job.id).get(job.id, {}))["state"]
    return state in (JobState.UNFINISHED, JobState.IN_DOUBT)


def show_one(name: str | None, url: str | None, *, history: bool, as_json: bool) -> None:
    """Print a job with its chunks, and with `history` also its events."""
    with read_ledger(url) as ledger:
        job = latest(ledger, name)
        sums = ledger.sums(job.id).get(job.id, {})
        figures = job_document(job, ledger.chunks(job.id)) if as_json else sums_document(job, sums)
        document: dict[str, Any] = dict(figures)
        if document["records"]["rejected"]:
            document["refusals"] = count_reasons(ledger.rejected(job.id))
        shown = [] if as_json else ledger.some_chunks(job.id, most=SHOWN)
        rejected = rejected_path(ledger, job.id)
        if document["records"]["rejected"] and rejected.exists():
            document["rejected_file"] = str(rejected)
        before = before_path(ledger, job.id)
        if before.exists():
            document["before_file"] = str(before)
        if history:
            document["history"] = [
                {"at": e.at.isoformat(), "chunk": e.chunk, "kind": e.kind, **e.data} for e in ledger.events(job.id)
            ]
    if as_json:
        console().emit_json(document, objects=len(document["chunks"]) + len(document.get("history", ())))
    else:
        _show_text(job, document, shown, chunks=sum(total.chunks for total in sums.values()))


def _show_text(job: JobEntry, document: dict[str, Any], shown: list[ChunkEntry], *, chunks: int) -> None:
    out = console()
    for line in summary_lines(document):
        out.result(line)
    out.result(f"File: {job.file_path} ({job.file_bytes:,} bytes, SHA-256 {job.file_sha256})")
    if "before_file" in document:
        out.result(f"Rows before the job: {document['before_file']}")
    ids = " ".join(f"{name} {value}" for name, value in job.target["ids"].items())
    out.result(f"Target: {job.target['base_url']}, {ids}")
    out.table(
        ("chunk", "first record", "records", "state", "import", "attempts", "note"), map(_chunk_row, shown), drop=DROP
    )
    if len(shown) < chunks:
        out.result(f"… {chunks - len(shown):,} more chunks; --json lists all.")
    out.next_step = next_command(document, undecided=next((c.number for c in shown if c.undecided), None))
    for event in document.get("history", []):
        details = ", ".join(f"{k} {v}" for k, v in event.items() if k not in ("at", "chunk", "kind") and v != "")
        where = f"chunk {event['chunk']}" if event["chunk"] else "job"
        out.result(f"{event['at']} {where}: {event['kind']} ({details})")


def _chunk_row(chunk: ChunkEntry) -> tuple[object, ...]:
    state = chunk_word(chunk.state) + (" (undecided)" if chunk.undecided else "")
    imported = "" if chunk.import_id is None else chunk.import_id
    return chunk.number, f"{chunk.first_record:,}", f"{chunk.records:,}", state, imported, chunk.attempts, chunk.message


def resolve_chunk(name: str, number: int, url: str | None, *, accepted: bool, reason: str, as_json: bool) -> None:
    """Record a manual decision about a chunk."""
    from bulkops.upload.manual_resolution import resolve

    with open_ledger(url) as ledger:
        job = ledger.job(name)
        with ledger.exclusive(job.id, what=f"Job {job.id}"):
            chunk = resolve(ledger, job, number, accepted=accepted, reason=reason)
        document = job_document(job, ledger.chunks(job.id))
    if as_json:
        console().emit_json(document)
        return
    console().result(f"Chunk {number} of {name} is now {chunk_word(chunk.state)}.")
    if JobState(document["state"]) is JobState.UNFINISHED:
        console().note(f"Go on with: bulkops jobs resume {name}")
    else:
        console().next_step = next_command(document)


def cancel_job(name: str, url: str | None, *, yes: bool, as_json: bool) -> None:
    """Cancel a job that no process is running; on a terminal, ask first."""
    from bulkops.cli.output.prompt import confirm, target_line
    from bulkops.upload.manual_resolution import cancel, refuse_nothing_to_cancel

    with open_ledger(url) as ledger:
        job = ledger.job(name)
        refuse_nothing_to_cancel(ledger, job)
        figures = job_document(job, ledger.chunks(job.id))["records"]
        kept, pending, unknown = (counted(figures[name], "record") for name in ("accepted", "pending", "in_doubt"))
        fates = f"{kept} accepted (stay at the target); {pending} pending (will not be sent); {unknown} in doubt"
        fact = f"Job {job.id}: {fates}."
        confirm((fact, target_line(job.target)), "Cancel it?", yes=yes, refusal=f"Job {job.id} was not cancelled.")
        with ledger.exclusive(job.id, what=f"Job {job.id}"):
            job = cancel(ledger, job)
        document = job_document(job, ledger.chunks(job.id))
    if as_json:
        console().emit_json(document)
        return
    for line in summary_lines(document):
        console().result(line)
    console().next_step = "bulkops jobs list"
