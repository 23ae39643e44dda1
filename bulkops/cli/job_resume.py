"""Going on with a job, and putting back what a replacing job removed."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import plan_file
from bulkops.cli.console import console
from bulkops.cli.job_book import latest, open_ledger
from bulkops.cli.job_runs import finish, resume_command, run_and_report, signals_handled
from bulkops.cli.targets import TargetChoice
from bulkops.clock import SystemClock
from bulkops.errors import UsageError
from bulkops.upload.options import RunOptions
from bulkops.upload.starting import contract_of, new_job
from bulkops.upload.stopping import Stop
from bulkops.upload.undoing import Undone, saved_before
from bulkops.upload.workflow import Guards, begin, locked, opened, resumed

# Putting back is a person's decision: it may remove whatever came since, down to nothing.
LIFTED = Guards(again=True, allow_empty=True)


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
    clock = SystemClock()
    stop = Stop()
    with ExitStack() as stack:
        known = stack.enter_context(signals_handled(stop, as_json=as_json))
        ledger = stack.enter_context(open_ledger(url))
        job = latest(ledger, name, unfinished=True)
        if job.cancelled:
            raise UsageError(f"Job {job.id} was cancelled.", hint="Import the file anew.")
        stack.enter_context(locked(job, ledger, clock=clock))
        place = stack.enter_context(target.reopen(job.target).open())
        job = resumed(ledger.job(job.id), ledger, changes=changes)
        context = stack.enter_context(opened(job, place, ledger, clock=clock, stop=stop, say=console().note))
        known["resume"] = resume_command(job, url)
        stop.begun = True
        ran = run_and_report(context, stop=stop, resume=known["resume"])
        return finish(context, ran, reconcile=reconcile, as_json=as_json)


def undo_job(name: str, target: TargetChoice, url: str | None, *, settings: Mapping[str, Any], as_json: bool) -> int:
    """Import what a replacing job found at its target, and return the exit code."""
    clock = SystemClock()
    stop = Stop()
    with ExitStack() as stack:
        known = stack.enter_context(signals_handled(stop, as_json=as_json))
        ledger = stack.enter_context(open_ledger(url))
        earlier = ledger.job(name)
        before = saved_before(ledger, earlier)
        contract = contract_of(earlier)
        plan = plan_file(before, chunk_limits(contract))
        place = stack.enter_context(target.reopen(earlier.target).open())
        run = RunOptions.from_settings(settings)
        limit = settings.get("max_removals")
        job = new_job(contract, plan, place, options=earlier.options, run=run, max_removals=limit, now=clock.now())
        stack.enter_context(locked(job, ledger, clock=clock))
        context = stack.enter_context(opened(job, place, ledger, clock=clock, stop=stop, say=console().note))
        undone = Undone(job=earlier)
        begin(job, contract, plan, context=context, guards=LIFTED, dry_run=False, undone=undone, stop=stop)
        known["resume"] = resume_command(job, url)
        console().note(f"Putting back {plan.records:,} records from {before}.")
        ran = run_and_report(context, stop=stop, resume=known["resume"], begun=True)
        return finish(context, ran, reconcile=False, as_json=as_json)
