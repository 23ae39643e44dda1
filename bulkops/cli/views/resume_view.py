"""Output of `bulkops jobs resume` and `bulkops jobs undo`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkops.cli.output.console import console
from bulkops.cli.output.jobs_view import latest, open_ledger, resumable_job
from bulkops.cli.output.progress import JobProgress, document_of, resume_command, show_outcome, signals_handled
from bulkops.cli.process.parameters import id_parameter
from bulkops.cli.process.targets import TargetChoice
from bulkops.clock import SystemClock
from bulkops.errors import BulkopsError, LedgerUnusable, UsageError
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import JobState, job_word
from bulkops.ledger.store import Ledger
from bulkops.pipeline import resuming
from bulkops.pipeline.running import Outcome, resumable
from bulkops.upload.stop import Stop

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import FailedJob, ResumedJobs, RunDocument


def resume_job(
    name: str | None,
    target: TargetChoice,
    url: str | None,
    *,
    changes: Mapping[str, Any],
    file: Path | None,
    reconcile: bool,
    as_json: bool,
) -> int:
    """Resume a job and return the exit code; also 0 if a finished job needs nothing more."""
    stop, progress = Stop(), JobProgress(url)
    with signals_handled(stop, progress, as_json=as_json), _ledger_to_resume(url) as ledger:
        job = latest(ledger, name, unfinished=True)
        if name is None and job.cancelled:
            outcome = resuming.idle(job, ledger.chunks(job.id), ledger)
        else:
            outcome = resuming.resume_job(
                job,
                ledger,
                lambda: target.reopen(job.target, address=job.address).open(),
                clock=SystemClock(),
                prove=reconcile and (name is not None or not resuming.is_proved(job)),
                changes=changes,
                file=file,
                stop=stop,
                observer=progress,
            )
        if outcome.idle:
            _print_nothing_left(job, outcome, url)
        return show_outcome(outcome, resume=progress.resume, as_json=as_json)


def resume_all(
    target: TargetChoice, url: str | None, *, changes: Mapping[str, Any], reconcile: bool, as_json: bool
) -> int:
    """Resume every unfinished job, oldest first, and return the largest exit code.

    An error of one job, for example because another process runs it, does not stop the others; a signal does.
    """
    if any(name not in target.ambient for name in map(id_parameter, target.ids)):
        raise UsageError("--all works without ids: the ledger contains those of each job.")
    target = target.with_ids({})
    stop, progress, codes = Stop(), JobProgress(url), [0]
    documents: list[RunDocument | FailedJob] = []
    with signals_handled(stop, progress, as_json=as_json), _ledger_to_resume(url) as ledger:
        for job in [job for job in ledger.jobs() if resumable_job(ledger, job)]:
            console().note(f"{job.id}: {job.file_path}")
            code, document = _resume_one(
                job, ledger, target, progress, stop, changes, reconcile=reconcile, quiet=as_json
            )
            codes.append(code)
            documents.append(document)
            if stop.requested:
                break
    if as_json:
        resumed: ResumedJobs = {"jobs": documents}
        console().emit_json(resumed)
    elif not documents:
        console().result("No job is unfinished.")
        console().next_step = "bulkops jobs list"
    return max(codes)


def _resume_one(
    job: JobEntry,
    ledger: Ledger,
    target: TargetChoice,
    progress: JobProgress,
    stop: Stop,
    changes: Mapping[str, Any],
    *,
    reconcile: bool,
    quiet: bool,
) -> "tuple[int, RunDocument | FailedJob]":
    """Resume one of several jobs; return its exit code and its document. With `quiet` only errors are printed."""
    progress.resume = ""
    stop.begun = False
    try:
        outcome = resuming.resume_job(
            job,
            ledger,
            lambda: target.of_job(job).open(),
            clock=SystemClock(),
            prove=reconcile,
            changes=changes,
            stop=stop,
            observer=progress,
        )
    except BulkopsError as error:
        console().complain(f"{job.id}: {error.message}", error.hint)
        return error.exit_code, {"job": job.id, "error": error.to_json()}
    document = document_of(outcome)
    if not quiet:
        return show_outcome(outcome, resume=progress.resume, as_json=False), document
    if outcome.error is not None:
        console().complain(f"{job.id}: {outcome.error.message}", outcome.error.hint)
    return outcome.exit_code, document


@contextmanager
def _ledger_to_resume(url: str | None) -> Iterator[Ledger]:
    """Yield the ledger; Unfinished if it is unavailable: its jobs can be resumed later."""
    try:
        with open_ledger(url) as ledger:
            yield ledger
    except LedgerUnusable as error:
        raise resumable(error) from None


def _print_nothing_left(job: JobEntry, outcome: Outcome, url: str | None) -> None:
    rejected = outcome.document["records"]["rejected"]
    console().note(
        f"There is nothing to resume. The latest job is {job.id}: {job_word(outcome.state, rejected=rejected)}."
    )
    if outcome.state == JobState.DONE and not resuming.is_proved(job):
        console().note(f"Its rows are not proved yet. Read them back with: {resume_command(job, url)} --reconcile")
