"""Output of `bulkops import`: progress, the question before uploading, and the exit code."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bulkops.account.preflight import Preflight
from bulkops.chunking.plan import FilePlan
from bulkops.chunking.schedule import cost_of
from bulkops.cli.options.contract import query_of
from bulkops.cli.options.run import given_settings
from bulkops.cli.output.console import console
from bulkops.cli.output.jobs_view import open_ledger
from bulkops.cli.output.preflight_view import finding_lines, note_lines
from bulkops.cli.output.progress import JobProgress, show_outcome, signals_handled
from bulkops.cli.output.prompt import confirm, difference_line, target_line
from bulkops.cli.process.targets import TargetChoice
from bulkops.cli.views.validation_output import repairs_note, split_list
from bulkops.clock import SystemClock
from bulkops.errors import DataError
from bulkops.pipeline.importing import NO_RECORDS, Destination, ImportRequest, import_file
from bulkops.pipeline.running import Outcome
from bulkops.settings import Target
from bulkops.upload.guards import TargetDifference, accepted_rules
from bulkops.upload.options import RunOptions
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import Guards
from bulkops.validation.findings import ValidationReport
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract, Mode
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

SHOWN_FINDINGS = 20

OTHER_IMPORT = "HDR113"
"""The finding that the file belongs to another import; it causes the findings about columns and cells."""


@dataclass(frozen=True, kw_only=True)
class ImportChoices:
    """The options of `bulkops import` without those of the target."""

    chosen: dict[str, object]
    max_rows: int | None
    max_bytes: int | None
    ledger: str | None
    again: bool
    only_new: bool
    only_changed: bool
    digests: bool
    leave_unfinished: bool
    allow_empty: bool
    max_removals: str
    dry_run: bool
    reconcile: bool
    yes: bool
    as_json: bool
    settle: float | None = None
    response_timeout: float | None = None
    concurrency: int | None = None
    isolate: bool | None = None
    isolate_requests: int | None = None
    accept: tuple[str, ...] = ()
    max_errors: str | None = None


def run_import(contract: Contract, file: Path, target: TargetChoice, choices: ImportChoices) -> int:
    """Run an import, print its result, and return the exit code."""
    stop, progress = Stop(), ImportProgress(choices)
    with signals_handled(stop, progress, as_json=choices.as_json):
        ids = target.ids_for(contract)
        request = ImportRequest(
            contract=contract,
            file=file,
            options=query_of(contract, choices.chosen),
            max_rows=choices.max_rows,
            max_bytes=choices.max_bytes,
            run=RunOptions.from_settings(given_settings(vars(choices))),
            guards=Guards(
                again=choices.again,
                only_new=choices.only_new,
                only_changed=choices.only_changed,
                leave_unfinished=choices.leave_unfinished,
                allow_empty=choices.allow_empty,
                accept=accepted_rules(split_list(choices.accept)),
            ),
            max_removals=choices.max_removals,
            dry_run=choices.dry_run,
            reconcile=choices.reconcile,
            digests=choices.digests,
        )
        place = Destination(
            target=lambda: progress.opened(target.with_ids(ids)), ledger=lambda: open_ledger(choices.ledger)
        )
        outcome = import_file(request, place, clock=SystemClock(), stop=stop, observer=progress)
        if outcome.preflight is not None and (error := outcome.preflight.error()) is not None:
            if choices.as_json:
                console().emit_json(outcome.document)
            raise error
        if outcome.validation is not None and outcome.validation.errors:
            raise _refused(request, outcome, outcome.validation, as_json=choices.as_json)
        if not choices.dry_run:
            return show_outcome(outcome, resume=progress.resume, as_json=choices.as_json)
        if choices.as_json:
            console().emit_json(outcome.document)
        else:
            console().result("Dry run: the file is ready to import. Nothing was sent.")
        return outcome.exit_code


class ImportProgress(JobProgress):
    """Prints the findings, the plan and its effect, and asks before the upload.

    For a replacement, the question follows the comparison with the target.
    """

    def __init__(self, choices: ImportChoices) -> None:
        super().__init__(choices.ledger)
        self._choices = choices
        self._unprinted: list[str] = []
        self._target: Target | None = None
        self._known: Mapping[str, str] = {}

    @contextmanager
    def opened(self, target: TargetChoice) -> Iterator[Target]:
        """Yield the open target, and store it for the question."""
        with target.open() as found:
            self._target = found
            yield found

    def validated(self, report: ValidationReport) -> None:
        """Print the first errors, or the number of warnings."""
        (found,) = report.files
        if not report.errors and report.warnings:
            console().note(f"{found.path}: {counted(report.warnings, 'warning')}; `bulkops validate` shows them.")
        if not report.errors or self._choices.as_json:
            return
        for finding in [f for f in found.findings if f.severity == Severity.ERROR][:SHOWN_FINDINGS]:
            place = ":".join(str(part) for part in (found.path, finding.line) if part is not None)
            console().result(f"{place}: {finding.code} {finding.name}: {finding.message}")

    def checked(self, preflight: Preflight) -> None:
        """Print the findings of the preflight and the skipped checks, and store the names of the ids."""
        self._known = preflight.facts
        for text in note_lines(preflight):
            console().note(text)
        if not self._choices.as_json:
            for text in finding_lines(preflight):
                console().result(text)

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:
        """Print the size and effect of the import; ask, unless a comparison with the target comes first."""
        readback = contract.route(ids).readback
        cost = cost_of(plan, readback)
        amount = f"{counted(plan.records, 'record')} in {counted(cost.requests, 'request')}"
        facts = [f"{plan.path}: {amount}, at least {cost.least_seconds:,.0f} s. The import {contract.effect}."]
        if self._target is not None:
            facts.append(target_line({"base_url": self._target.identity()["base_url"], "ids": ids}, self._known))
        if contract.mode is not Mode.REPLACE or readback is None:
            self._ask(facts)
            return
        for fact in facts:
            console().note(fact)
        self._unprinted = facts if console().quiet else []

    def compared(self, difference: TargetDifference) -> None:
        """Print the changes of a replacement, and ask if there are any."""
        if difference.equal:
            console().note(f"The target already contains the same {counted(difference.kept, 'row')}. Nothing is sent.")
            return
        self._ask([*self._unprinted, difference_line(difference)])

    def _ask(self, facts: Sequence[str]) -> None:
        confirm(facts, "Send it?", yes=self._choices.yes or self._choices.dry_run, refusal="Nothing was sent.")


def _refused(request: ImportRequest, outcome: Outcome, report: ValidationReport, *, as_json: bool) -> DataError:
    """Return the error of an invalid file; with --json, print its document first."""
    if as_json:
        console().emit_json({**outcome.document, "validation": report.to_json()})
    contract, file = request.contract.name, request.file
    (found,) = report.files
    repairs = repairs_note(found) or "`bulkops fix` repairs none"
    hint = f"`bulkops validate {contract} {file}` shows all of them; {repairs}."
    errors = [code for code in found.counts if found.severities[code] is Severity.ERROR]
    if all(RULES[code].acceptable for code in errors):
        hint += f" If the values are intended, add --accept {','.join(errors)}."
    if OTHER_IMPORT in found.counts:
        hint = RULES[OTHER_IMPORT].fix
    if errors == [NO_RECORDS]:
        hint = "Check the export that wrote the file. If an empty file is expected, add --allow-empty."
    return DataError(f"{file} has {counted(report.errors, 'error')}. Nothing was sent.", hint=hint)
