"""Running a job in front of a person: progress, signals, the summary, the proof, and the exit code."""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import click
from tqdm import tqdm

from bulkops.cli.console import console
from bulkops.cli.job_summary import summary_lines
from bulkops.errors import BulkopsError, Interrupted
from bulkops.ledger.entries import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState, JobState
from bulkops.reconciling.jobs import known_of
from bulkops.reconciling.run import Evidence
from bulkops.reconciling.run import reconcile as reconcile_rows
from bulkops.upload.context import JobContext, Observer
from bulkops.upload.figures import EXIT_CODES, job_document, job_state
from bulkops.upload.paths import rejected_path
from bulkops.upload.stopping import Stop, stopping_on_signals
from bulkops.upload.workflow import run_job

FINAL = frozenset({ChunkState.ACCEPTED, ChunkState.REJECTED, ChunkState.SKIPPED})


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How far a run came: the chunks, the error that ended it early, and the command that goes on with it."""

    chunks: Sequence[ChunkEntry]
    error: BulkopsError | None
    resume: str


@contextmanager
def signals_handled(stop: Stop, *, as_json: bool) -> Iterator[dict[str, str]]:
    """Let signals end the command well; what is put under "resume" is said when a second one ends it at once."""
    known: dict[str, str] = {}

    def last_words() -> tuple[str, str]:
        hint = f"Resume with: {known['resume']}" if "resume" in known else None
        said = f"\nStopped. {hint or 'Nothing was sent.'}\n"
        error = {"message": "Stopped at once.", "hint": hint, "exit": Interrupted.exit_code}
        return said, json.dumps({"error": error}) + "\n" if as_json and not console().emitted else ""

    with stopping_on_signals(stop, say=console().note, last_words=last_words):
        yield known


def run_and_report(context: JobContext, *, stop: Stop, resume: str, begun: bool = False) -> Ran:
    """Run a job; what ends it early is kept for `finish`, since the ledger has the figures all the same."""
    error: BulkopsError | None = None
    console().note(f"Job {context.job.id}")
    with _progress(context) as observer:
        try:
            run_job(context, stop=stop, observer=observer, begun=begun)
        except BulkopsError as raised:
            error = raised
    return Ran(chunks=context.ledger.chunks(context.job.id), error=error, resume=resume)


def finish(context: JobContext, ran: Ran, *, reconcile: bool, as_json: bool) -> int:
    """Prove the rows if asked, print the job, and return the exit code."""
    job = context.ledger.job(context.job.id)
    state = job_state(job, ran.chunks)
    code = EXIT_CODES[state] if ran.error is None else ran.error.exit_code
    if reconcile and state in (JobState.DONE, JobState.REFUSED):
        try:
            job, proof = _reconciled(context, job, ran)
            code = code or proof
        except BulkopsError as raised:
            ran = replace(ran, error=raised)
            code = raised.exit_code
    show_job(context, job, ran, as_json=as_json)
    return code


def _reconciled(context: JobContext, job: JobEntry, ran: Ran) -> tuple[JobEntry, int]:
    result = reconcile_rows(
        context.contract,
        job.file_path,
        Evidence(client=context.client, ids=context.ids, options=job.options),
        known=known_of(job, ran.chunks, context.contract),
        settle=context.options.settle,
        clock=context.clock,
        observer=console().note,
    )
    return context.ledger.change_job(job, kind="reconciled", reconciliation=result.to_json()), result.exit_code


def show_job(context: JobContext, job: JobEntry, ran: Ran, *, as_json: bool) -> None:
    """Print the summary of a job, and to stderr what ended it and how to go on."""
    document = job_document(job, ran.chunks)
    rejected = rejected_path(context.ledger, job.id)
    if document["records"]["rejected"] and rejected.exists():
        document["rejected_file"] = str(rejected)
    if ran.error is not None:
        document["error"] = {"message": ran.error.message, "hint": ran.error.hint, "exit": ran.error.exit_code}
    if as_json:
        console().emit_json(document)
    else:
        for line in summary_lines(document):
            console().result(line)
    if ran.error is not None:
        console().complain(str(ran.error))
    for line in _next_steps(document, ran):
        console().note(line)


def _next_steps(document: dict[str, Any], ran: Ran) -> Iterator[str]:
    counted = [c for c in ran.chunks if c.amount is not None and c.amount + c.skipped != c.records]
    if counted:
        first, others = counted[0], len(counted) - 1
        more = f" (and {others:,} more chunks differ)" if others else ""
        said = f"{first.amount:,} of the {first.records:,} records of chunk {first.number}{more}"
        yield f"The server counted {said}; reconcile to see what is there."
    doubtful = [c for c in ran.chunks if c.undecided]
    for chunk in doubtful[:5]:
        yield f"Chunk {chunk.number} is in doubt: {chunk.message}."
    if doubtful:
        yield f"Decide with: bulkops jobs resolve {document['job']} CHUNK --as accepted|resend --reason TEXT"
    elif document["state"] == JobState.UNFINISHED:
        yield f"Resume with: {ran.resume}"


def resume_command(job: JobEntry, ledger_url: str | None) -> str:
    """Return the exact command that goes on with a job."""
    words = ["bulkops"]
    context = click.get_current_context(silent=True)
    if context is not None and (config := context.meta.get("bulkops.config")):
        words += ["--config", str(config)]
    words += ["jobs", "resume", job.id]
    if ledger_url:
        words += ["--ledger", ledger_url]
    name = job.settings.get("target_name")
    if name and name != "sandbox":
        words += ["--target", str(name)]
    return shlex.join(words)


@contextmanager
def _progress(context: JobContext) -> Iterator[Observer]:
    """Show a bar of records on a terminal, and nothing elsewhere."""
    done: set[int] = set()
    hidden = console().quiet or not sys.stderr.isatty()
    with tqdm(total=context.job.records, unit=" records", unit_scale=True, file=sys.stderr, disable=hidden) as bar:

        def observe(chunk: ChunkEntry) -> None:
            if chunk.state in FINAL and chunk.number not in done:
                done.add(chunk.number)
                bar.update(chunk.records)

        yield observe
