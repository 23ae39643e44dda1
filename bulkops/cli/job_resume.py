"""`bulkops jobs resume` and `undo` in front of a person."""

from collections.abc import Mapping
from typing import Any

from bulkops.chunking.plan import FilePlan
from bulkops.cli.console import console
from bulkops.cli.job_book import latest, open_ledger
from bulkops.cli.job_runs import Voice, show_outcome, signals_handled
from bulkops.cli.targets import TargetChoice
from bulkops.clock import SystemClock
from bulkops.ledger.entries import JobEntry
from bulkops.pipeline import resuming
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
    """Resume a job and return the exit code."""
    stop, voice = Stop(), Voice(url)
    with signals_handled(stop, voice, as_json=as_json), open_ledger(url) as ledger:
        job = latest(ledger, name, unfinished=True)
        outcome = resuming.resume_job(
            job,
            ledger,
            lambda: target.reopen(job.target, address=job.address).open(),
            clock=SystemClock(),
            prove=reconcile,
            changes=changes,
            stop=stop,
            observer=voice,
        )
        return show_outcome(outcome, resume=voice.resume, as_json=as_json)


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
            lambda: target.reopen(earlier.target, address=earlier.address).open(),
            clock=SystemClock(),
            run=RunOptions.from_settings(settings),
            max_removals=settings.get("max_removals"),
            stop=stop,
            observer=voice,
        )
        return show_outcome(outcome, resume=voice.resume, as_json=as_json)
