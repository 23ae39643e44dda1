"""Output of `bulkops jobs resume` and `bulkops jobs undo`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkops.chunking.plan import FilePlan
from bulkops.cli.output.console import console
from bulkops.cli.output.jobs_view import latest, open_ledger, resumable_job
from bulkops.cli.output.progress import JobProgress, document_of, resume_command, show_outcome, signals_handled
from bulkops.cli.output.prompt import confirm, difference_line, target_line
from bulkops.cli.process.parameters import id_parameter
from bulkops.cli.process.targets import TargetChoice
from bulkops.clock import SystemClock
from bulkops.errors import BulkopsError, LedgerUnusable, UsageError
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import JobState, job_word
from bulkops.ledger.store import Ledger
from bulkops.pipeline import resuming
from bulkops.pipeline.running import Outcome, resumable
from bulkops.upload.guards import TargetDifference
from bulkops.upload.options import RunOptions
from bulkops.upload.stop import Stop
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract, Mode

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


class UndoProgress(JobProgress):
    """Prints the rows that an undo restores and changes, and asks before the upload."""

    def __init__(self, ledger_url: str | None, earlier: JobEntry, *, yes: bool) -> None:
        super().__init__(ledger_url)
        self._earlier = earlier
        self._yes = yes
        self._plan: FilePlan | None = None

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:  # noqa: ARG002 - the observer's
        """Store the plan until the comparison with the target; without one, ask now."""
        self._plan = plan
        if contract.mode is Mode.REPLACE:
            return
        left = self._earlier.records - plan.records
        facts = [
            f"Undo of job {self._earlier.id}: restores the {counted(plan.records, 'row')} that its records changed.",
            target_line(self._earlier.target),
        ]
        if left:
            facts.append(
                f"{counted(left, 'record')} of the job had no row before. They stay: the API cannot remove them."
            )
        confirm(facts, "Restore them?", yes=self._yes, required=True, refusal="Nothing was sent.")

    def compared(self, difference: TargetDifference) -> None:
        """Print the changes of the undo, and ask; without a terminal --yes is required."""
        records = self._plan.records if self._plan else 0
        facts = [
            f"Undo of job {self._earlier.id}: restores the {counted(records, 'record')} that the target contained.",
            target_line(self._earlier.target),
            difference_line(difference),
        ]
        nothing = difference.equal
        confirm(facts, "Restore them?", yes=self._yes or nothing, required=not nothing, refusal="Nothing was sent.")


def undo_job(
    name: str, target: TargetChoice, url: str | None, *, settings: Mapping[str, Any], yes: bool, as_json: bool
) -> int:
    """Import the rows that a replacing job found at its target, and return the exit code."""
    stop = Stop()
    with open_ledger(url) as ledger:
        earlier = ledger.job(name)
        progress = UndoProgress(url, earlier, yes=yes)
        with signals_handled(stop, progress, as_json=as_json):
            outcome = resuming.undo_job(
                earlier,
                ledger,
                lambda: target.reopen(earlier.target, address=earlier.address).open(),
                clock=SystemClock(),
                run=RunOptions.from_settings(settings),
                max_removals=settings.get("max_removals"),
                stop=stop,
                observer=progress,
            )
            return show_outcome(outcome, resume=progress.resume, as_json=as_json)
