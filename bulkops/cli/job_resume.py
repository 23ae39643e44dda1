"""`bulkops jobs resume` and `undo` in front of a person."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bulkops.chunking.plan import FilePlan
from bulkops.cli.console import console
from bulkops.cli.job_book import latest, open_ledger
from bulkops.cli.job_runs import Voice, resume_command, show_outcome, signals_handled
from bulkops.cli.targets import TargetChoice
from bulkops.clock import SystemClock
from bulkops.errors import LedgerUnusable
from bulkops.ledger.entries import JobEntry
from bulkops.ledger.states import JobState
from bulkops.ledger.store import Ledger
from bulkops.pipeline import resuming
from bulkops.pipeline.running import Outcome, resumable
from bulkops.upload.options import RunOptions
from bulkops.upload.stopping import Stop
from bulkops_validators.model.contract import Contract


def resume_job(
    name: str | None,
    target: TargetChoice,
    url: str | None,
    *,
    changes: Mapping[str, Any],
    reconcile: bool,
    as_json: bool,
) -> int:
    """Resume a job and return the exit code: 0 as well if nothing is left to do of a job that is done."""
    stop, voice = Stop(), Voice(url)
    with signals_handled(stop, voice, as_json=as_json), _ledger_to_resume(url) as ledger:
        job = latest(ledger, name, unfinished=True)
        if name is None and job.cancelled:
            outcome = resuming.idle(job, ledger.chunks(job.id), ledger)
        else:
            outcome = resuming.resume_job(
                job,
                ledger,
                lambda: target.reopen(job.target).open(),
                clock=SystemClock(),
                prove=reconcile and (name is not None or not resuming.is_proved(job)),
                changes=changes,
                stop=stop,
                observer=voice,
            )
        if outcome.idle:
            _say_nothing_is_left(job, outcome, url)
        return show_outcome(outcome, resume=voice.resume, as_json=as_json)


@contextmanager
def _ledger_to_resume(url: str | None) -> Iterator[Ledger]:
    """Yield the ledger; Unfinished if it cannot be used: what is in it can be resumed once it is back."""
    try:
        with open_ledger(url) as ledger:
            yield ledger
    except LedgerUnusable as error:
        raise resumable(error) from None


def _say_nothing_is_left(job: JobEntry, outcome: Outcome, url: str | None) -> None:
    console().note(f"Nothing is left to do. The last job is {job.id}: {outcome.state}.")
    if outcome.state == JobState.DONE and not resuming.is_proved(job):
        console().note(f"Its rows were not proved. Read them back with: {resume_command(job, url)} --reconcile")


class UndoVoice(Voice):
    """Says what is put back."""

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:  # noqa: ARG002 - the observer's
        """Keep in mind what is put back, until that has begun."""
        self._plan = plan

    def introduce(self, job: JobEntry) -> None:
        """Say what is put back as well."""
        console().note(f"Putting back {self._plan.records:,} records from {self._plan.path}.")
        super().introduce(job)


def undo_job(name: str, target: TargetChoice, url: str | None, *, settings: Mapping[str, Any], as_json: bool) -> int:
    """Import what a replacing job found at its target, and return the exit code."""
    stop, voice = Stop(), UndoVoice(url)
    with signals_handled(stop, voice, as_json=as_json), open_ledger(url) as ledger:
        earlier = ledger.job(name)
        outcome = resuming.undo_job(
            earlier,
            ledger,
            lambda: target.reopen(earlier.target).open(),
            clock=SystemClock(),
            run=RunOptions.from_settings(settings),
            max_removals=settings.get("max_removals"),
            stop=stop,
            observer=voice,
        )
        return show_outcome(outcome, resume=voice.resume, as_json=as_json)
