"""A job in front of a person: progress, signals' last words, the summary, and how to go on."""

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import click
from tqdm import tqdm

from bulkops.account.preflight import Preflight
from bulkops.cli.output.console import console, line
from bulkops.cli.output.job_summary import summary_lines
from bulkops.cli.output.preflight_view import finding_lines, note_lines
from bulkops.errors import FileChanged, Interrupted, LedgerLost, Unfinished
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.paths import shown
from bulkops.ledger.states import ChunkState, JobState
from bulkops.pipeline.observer import Silent
from bulkops.pipeline.running import Outcome
from bulkops.upload.refusals.header_names import ADVICE
from bulkops.upload.stop import Stop, stopping_on_signals

if TYPE_CHECKING:
    from bulkops.json_documents.common import ErrorDocument
    from bulkops.json_documents.jobs import RunDocument

FINAL = frozenset({ChunkState.ACCEPTED, ChunkState.REJECTED, ChunkState.SKIPPED})


class Voice(Silent):
    """Says on stderr how a run goes on, with a bar of records on a terminal; `resume` is the command to go on with it.

    `resume` is empty until the ledger has the job: before that there is nothing to resume.
    """

    def __init__(self, ledger_url: str | None) -> None:
        self.resume = ""
        self._ledger_url = ledger_url
        self._bar: tqdm[Any] | None = None
        self._done: set[int] = set()

    def checked(self, preflight: Preflight) -> None:
        """Show what does not fit the account, and what was not checked."""
        for text in note_lines(preflight):
            console().note(text)
        for text in finding_lines(preflight):
            console().complain(text)

    def began(self, job: JobEntry) -> None:
        """Know the command to resume with before anything else, name the job, and show the bar."""
        self.resume = resume_command(job, self._ledger_url)
        self.introduce(job)
        hidden = console().quiet or not sys.stderr.isatty()
        self._bar = tqdm(total=job.records, unit=" records", unit_scale=True, file=sys.stderr, disable=hidden)

    def introduce(self, job: JobEntry) -> None:
        """Name the job."""
        console().note(f"Job {job.id}")

    def moved(self, chunk: ChunkEntry) -> None:
        """Count the records of a chunk that is final."""
        if self._bar is not None and chunk.state in FINAL and chunk.number not in self._done:
            self._done.add(chunk.number)
            self._bar.update(chunk.records)

    @property
    def countdown(self) -> Callable[[str, float], None] | None:
        """Show the seconds left of a wait in front of the bar, on a terminal."""
        return None if self._bar is None or self._bar.disable else self._count

    def _count(self, text: str, left: float) -> None:  # noqa: ARG002 - a note has said it
        if self._bar is not None:
            self._bar.set_description_str(f"waiting {left:,.0f} s" if left > 0 else "")

    def ran(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()

    def note(self, text: str) -> None:
        """Pass it on."""
        console().note(text)


@contextmanager
def signals_handled(stop: Stop, voice: Voice, *, as_json: bool) -> Iterator[None]:
    """Let signals end the command well; when a second one ends it at once, the command to resume with is said."""

    def last_words() -> tuple[str, str]:
        hint = f"Resume with: {voice.resume}" if voice.resume else None
        said = f"\nStopped. {line(hint or 'Nothing was sent.')}\n"
        document: ErrorDocument = {"error": Interrupted("Stopped at once.", hint=hint).to_json()}
        return said, json.dumps(document) + "\n" if as_json and not console().emitted else ""

    with stopping_on_signals(stop, say=console().note, last_words=last_words):
        yield


def show_outcome(outcome: Outcome, *, resume: str, as_json: bool) -> int:
    """Print the summary of a job, to stderr what ended it and how to go on, and return the exit code."""
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
    return outcome.exit_code


def document_of(outcome: Outcome) -> "RunDocument":
    """Return the document of an outcome, with its rejected file and its error, if there are any."""
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
        said = f"an amount of {first.amount:,} for the {first.records:,} records of chunk {first.number}{more}"
        job = outcome.document["job"]
        yield f"The server reported {said}; bulkops jobs show {job} --history says why they count as accepted."
    if advised := [c.message for c in outcome.chunks if ADVICE in c.message]:
        yield advised[0][advised[0].index(ADVICE) :]
    doubtful = [c for c in outcome.chunks if c.undecided]
    for chunk in doubtful[:5]:
        yield f"Chunk {chunk.number} is in doubt: {chunk.message}."
    if doubtful:
        job = outcome.document["job"]
        yield f"Decide with: bulkops jobs resolve {job} CHUNK --as accepted|resend|partly --reason TEXT"
        yield "partly reads back, accepts the records that are at the target, and lets the others be sent."
    elif outcome.state == JobState.UNFINISHED and not isinstance(outcome.error, (FileChanged, LedgerLost)):
        yield f"Resume with: {resume}"
    elif outcome.exit_code == Unfinished.exit_code:
        yield f"The proof is missing. Read the rows back with: {resume} --reconcile"


def resume_command(job: JobEntry, ledger_url: str | None) -> str:
    """Return the exact command that goes on with a job."""
    words = ["bulkops"]
    context = click.get_current_context(silent=True)
    if context is not None and (config := context.meta.get("bulkops.config")):
        words += ["--config", str(config)]
    words += ["jobs", "resume", job.id]
    if ledger_url:
        words += ["--ledger", shown(ledger_url)]
    name = job.settings.get("target_name")
    if name and name != "sandbox":
        words += ["--target", str(name)]
    return shlex.join(words)
