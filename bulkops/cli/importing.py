"""The steps behind `bulkops import`, with what is said on the way."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import FilePlan, plan_file, refuse_odd_file
from bulkops.chunking.schedule import cost_of
from bulkops.cli.console import console
from bulkops.cli.job_runs import finish, resume_command, run_and_report, signals_handled
from bulkops.cli.options import query_of
from bulkops.cli.run_options import given_settings
from bulkops.cli.targets import TargetChoice
from bulkops.clock import SystemClock
from bulkops.errors import DataError, InputUnreadable, Interrupted
from bulkops.ledger.entries import JobEntry
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import refuse_other_bytes, refused_document
from bulkops.settings import default_ledger_url
from bulkops.upload.figures import job_document
from bulkops.upload.guards import Difference
from bulkops.upload.options import RunOptions
from bulkops.upload.starting import new_chunks, new_job
from bulkops.upload.stopping import Stop
from bulkops.upload.workflow import Guards, begin, locked, opened
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport, ValidationSettings
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules import Severity

SHOWN_FINDINGS = 20


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The options of `bulkops import` that are not the target."""

    chosen: dict[str, object]
    max_rows: int | None
    max_bytes: int
    ledger: str | None
    again: bool
    allow_empty: bool
    max_removals: str
    dry_run: bool
    reconcile: bool
    yes: bool
    as_json: bool
    settle: float | None = None
    concurrency: int | None = None
    isolate: bool | None = None
    isolate_requests: int | None = None
    max_errors: str | None = None


def run_import(contract: Contract, file: Path, target: TargetChoice, choices: Choices) -> int:
    """Run an import to its end and return the exit code."""
    stop = Stop()
    with ExitStack() as stack:
        known = stack.enter_context(signals_handled(stop, as_json=choices.as_json))
        ids = target.ids_for(contract)
        query = query_of(contract, choices.chosen)
        limits = chunk_limits(contract, max_rows=choices.max_rows, max_bytes=choices.max_bytes)
        run = RunOptions.from_settings(given_settings(vars(choices)))
        refuse_odd_file(file)
        validated = _validated(contract, file, as_json=choices.as_json)
        plan = plan_file(file, limits)
        refuse_other_bytes(validated, plan)
        clock = SystemClock()
        place = stack.enter_context(target.with_ids(ids).open())
        ledger = Ledger.open(choices.ledger or default_ledger_url(), clock=clock)
        stack.callback(ledger.close)
        job = new_job(contract, plan, place, options=query, run=run, max_removals=choices.max_removals, now=clock.now())
        stack.enter_context(locked(job, ledger, clock=clock))
        context = stack.enter_context(opened(job, place, ledger, clock=clock, stop=stop, say=console().note))
        _describe(plan, contract, context.ids)
        _confirm(yes=choices.yes or choices.dry_run)
        guards = Guards(again=choices.again, allow_empty=choices.allow_empty)
        resume = resume_command(job, choices.ledger)
        difference = begin(job, contract, plan, context=context, guards=guards, dry_run=choices.dry_run, stop=stop)
        _tell(difference)
        if choices.dry_run:
            return _dry(job, plan, as_json=choices.as_json)
        known["resume"] = resume
        ran = run_and_report(context, stop=stop, resume=resume, begun=True)
        return finish(context, ran, reconcile=choices.reconcile, as_json=choices.as_json)


def _validated(contract: Contract, file: Path, *, as_json: bool) -> FileReport:
    """Validate the file; DataError, after the findings are shown, if any of them is an error."""
    report = validate_files(contract, [file], settings=ValidationSettings(now=SystemClock().now()))
    found = report.files[0]
    if found.unreadable:
        raise InputUnreadable(found.unreadable)
    if not report.errors:
        if report.warnings:
            console().note(f"{file}: {report.warnings:,} warnings; `bulkops validate` shows them.")
        return found
    if as_json:
        console().emit_json({**refused_document(contract, found), "validation": report.to_json()})
    else:
        for finding in [f for f in found.findings if f.severity == Severity.ERROR][:SHOWN_FINDINGS]:
            place = ":".join(str(part) for part in (file, finding.line) if part is not None)
            console().result(f"{place}: {finding.code} {finding.name}: {finding.message}")
    raise DataError(
        f"{file} has {report.errors:,} errors. Nothing was sent.",
        hint=f"`bulkops validate {contract.name} {file}` shows all of them; `bulkops fix` mends some.",
    )


def _describe(plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:
    cost = cost_of(plan, contract.route(ids).readback)
    console().note(
        f"{plan.path}: {plan.records:,} records in {cost.requests:,} requests, at least {cost.least_seconds:,.0f} s. "
        f"The import {contract.effect}."
    )


def _confirm(*, yes: bool) -> None:
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if not click.confirm("Send it?", err=True):
        raise Interrupted("Nothing was sent.")


def _tell(difference: Difference | None) -> None:
    if difference is None:
        return
    if difference.equal:
        console().note(f"The target holds the same {difference.kept:,} rows already, so nothing is sent.")
        return
    console().note(
        f"Compared with the target: {difference.added:,} added, {difference.changed:,} changed, "
        f"{difference.removed:,} removed, {difference.kept:,} kept."
    )


def _dry(job: JobEntry, plan: FilePlan, *, as_json: bool) -> int:
    if as_json:
        console().emit_json({**job_document(job, new_chunks(plan)), "job": None, "dry_run": True})
    else:
        console().result("Dry run: everything is ready, and nothing was sent.")
    return 0
