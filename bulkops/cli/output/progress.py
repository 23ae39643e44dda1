"""Progress and result of a job: the bar, the message on a second signal, the summary, and the next step."""

import json
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, cast

import click

from bulkops.account.preflight import Preflight
from bulkops.cli.output.console import console, line
from bulkops.cli.output.job_summary import next_command, summary_lines
from bulkops.cli.output.preflight_view import finding_lines, note_lines
from bulkops.errors import FileChanged, Interrupted, LedgerLost, Unfinished
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.paths import without_password
from bulkops.ledger.states import ChunkState, JobState
from bulkops.pipeline.observer import Silent
from bulkops.pipeline.running import Outcome
from bulkops.transport.notices import Amount, Notifier
from bulkops.upload.refusals.header_names import ADVICE
from bulkops.upload.stop import Stop, stopping_on_signals

if TYPE_CHECKING:
    from bulkops.json_documents.common import ErrorDocument
    from bulkops.json_documents.jobs import RunDocument

FINAL = frozenset({ChunkState.ACCEPTED, ChunkState.REJECTED, ChunkState.SKIPPED})


class JobProgress(Silent):
    """Prints the progress of a job to stderr, on a terminal with a bar of records.

    `resume` is the command that resumes the job; empty until the ledger contains the job.
    """

    def __init__(self, ledger_url: str | None) -> None:
        self.resume = ""
        self._ledger_url = ledger_url
        self._bar: Amount | None = None
        self._open = ExitStack()
        self._done: set[int] = set()

    def checked(self, preflight: Preflight) -> None:
        """Print the findings of the preflight, and the skipped checks."""
        for text in note_lines(preflight):
            console().note(text)
        for text in finding_lines(preflight):
            console().complain(text)

    def began(self, job: JobEntry) -> None:
        """Store the resume command first, then print the job's name and show the bar."""
        self.resume = resume_command(job, self._ledger_url)
        self.introduce(job)
        self._bar = self._open.enter_context(console().bar(total=job.records, unit=" records"))

    def introduce(self, job: JobEntry) -> None:
        """Print the job's name."""
        console().note(f"Job {job.id}")

    def moved(self, chunk: ChunkEntry) -> None:
        """Add the records of a chunk in a final state to the bar."""
        if self._bar is not None and chunk.state in FINAL and chunk.number not in self._done:
            self._done.add(chunk.number)
            self._bar.update(chunk.records)

    def connected(self, notifier: Notifier) -> None:
        """Show the waits and transfers of the client on a terminal."""
        console().show_waits(notifier)

    def ran(self) -> None:
        """Close the bar."""
        self._open.close()

    def note(self, text: str) -> None:
        """Print a note."""
        console().note(text)


@contextmanager
def signals_handled(stop: Stop, progress: JobProgress, *, as_json: bool) -> Iterator[None]:
    """Let a signal stop the command cleanly; a second one ends it at once and prints the resume command."""

    def last_words() -> tuple[str, str]:
        hint = f"Resume with: {progress.resume}" if progress.resume else None
        text = f"\nStopped. {line(hint or 'Nothing was sent.')}\n"
        document: ErrorDocument = {"error": Interrupted("Stopped at once.", hint=hint).to_json()}
        return text, json.dumps(document) + "\n" if as_json and not console().emitted else ""

    with stopping_on_signals(stop, notify=console().note, final_messages=last_words):
        try:
            yield
        finally:
            progress.ran()


def show_outcome(outcome: Outcome, *, resume: str, as_json: bool) -> int:
    """Print the summary of a job, and to stderr its error and next steps; return the exit code."""
    console().about_jobs = True
    document, error = document_of(outcome), outcome.error
    if as_json:
        console().emit_json(document)
    else:
        for summary in summary_lines(document):
            console().result(summary)
    if error is not None:
        console().complain(error.message, error.hint)
    for step in _next_steps(outcome, resume):
        console().note(step)
    if outcome.exit_code == 0 or (error is None and outcome.state == JobState.REFUSED):
        console().next_step = next_command(document)
    return outcome.exit_code


def document_of(outcome: Outcome) -> "RunDocument":
    """Return the JSON document of an outcome, with its rejected file and its error, if any."""
    document = cast("RunDocument", dict(outcome.document))
    if outcome.rejected_file is not None:
        document["rejected_file"] = str(outcome.rejected_file)
    if (error := outcome.error) is not None:
        document["error"] = error.to_json(exit_code=outcome.exit_code)
    return document


def _next_steps(outcome: Outcome, resume: str) -> Iterator[str]:
    counted = [
        c
        for c in outcome.chunks
        if c.amount is not None and c.amount + c.skipped != c.records and c.state is ChunkState.ACCEPTED
    ]
    if counted:
        first, others = counted[0], len(counted) - 1
        more = f" (and {others:,} more chunks differ)" if others else ""
        amounts = f"an amount of {first.amount:,} for the {first.records:,} records of chunk {first.number}{more}"
        job = outcome.document["job"]
        yield f"The server reported {amounts}; bulkops jobs show {job} --history prints why they count as accepted."
    if advised := [c.message for c in outcome.chunks if ADVICE in c.message]:
        yield advised[0][advised[0].index(ADVICE) :]
    doubtful = [c for c in outcome.chunks if c.undecided]
    for chunk in doubtful[:5]:
        yield f"Chunk {chunk.number} is in doubt: {chunk.message}."
    if doubtful:
        job = outcome.document["job"]
        yield f"Decide with: bulkops jobs resolve {job} CHUNK --as accepted|resend|partly --reason TEXT"
        yield "partly reads back, accepts the records found at the target, and returns the others to pending."
    elif outcome.state == JobState.UNFINISHED and not isinstance(outcome.error, (FileChanged, LedgerLost)):
        yield f"Resume with: {resume}"
    elif outcome.exit_code == Unfinished.exit_code:
        yield f"The proof is missing. Read the rows back with: {resume} --reconcile"


def resume_command(job: JobEntry, ledger_url: str | None) -> str:
    """Return the complete command that resumes a job."""
    words = ["bulkops"]
    context = click.get_current_context(silent=True)
    if context is not None and (config := context.meta.get("bulkops.config")):
        words += ["--config", str(config)]
    words += ["jobs", "resume", job.id]
    if ledger_url:
        words += ["--ledger", without_password(ledger_url)]
    name = job.settings.get("target_name")
    if name and name != "sandbox":
        words += ["--target", str(name)]
    return shlex.join(words)
