"""Output of `bulkops run`: the progress of the steps, the table at the end, and the next step."""

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from bulkops.account.preflight import Preflight
from bulkops.chunking.plan import FilePlan
from bulkops.cli.output.console import Console, console
from bulkops.cli.output.jobs_view import open_ledger
from bulkops.cli.output.preflight_view import finding_lines, note_lines
from bulkops.cli.output.progress import JobProgress, signals_handled
from bulkops.cli.output.prompt import difference_line
from bulkops.cli.process.targets import TargetChoice
from bulkops.clock import SystemClock
from bulkops.errors import FileChanged, InDoubt, Interrupted, UsageError
from bulkops.ledger.models import JobEntry
from bulkops.ledger.paths import without_password
from bulkops.ledger.states import job_word
from bulkops.pipeline.observer import Silent
from bulkops.pipeline.offline import OfflineCheck
from bulkops.pipeline.recipes import RecipeRun, StepResult
from bulkops.recipe import Recipe, Step
from bulkops.transport.notices import Notifier
from bulkops.upload.guards import TargetDifference
from bulkops.upload.options import RunOptions
from bulkops.upload.stop import Stop
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.json_documents.runs import RecipeRunDocument

COLUMNS = ("step", "contract", "file", "records", "chunks", "accepted", "skipped", "rejected", "outcome", "proof", "s")
DROP = ("chunks", "s", "skipped", "file", "proof", "records", "accepted", "rejected")
"""Columns that a narrow terminal hides, the least important first."""
AS_EXPECTED = "Every step ended as the recipe expects."
SHOWN_JOBS = 3
"""Maximum number of jobs that the next command names."""


SHOWN_FINDINGS = 10
"""Findings of a mapped file that a stopped run lists with their legacy rows."""
SHARES: tuple[Literal["accepted", "skipped", "rejected", "in_doubt", "pending"], ...] = (
    "accepted",
    "skipped",
    "rejected",
    "in_doubt",
    "pending",
)
"""The parts that the records of a job divide into."""


@dataclass(frozen=True, kw_only=True)
class RunChoices:
    """The options of `bulkops run` without the recipe and the target."""

    ledger: str | None
    settle: float
    response_timeout: float | None
    first: int
    dry_run: bool
    restart: bool
    as_json: bool
    offline: OfflineCheck | None = None


def run_steps(recipe: Recipe, choice: TargetChoice, choices: RunChoices) -> list[StepResult]:
    """Run the steps and return their results, with a bar on a terminal."""
    stop, again = Stop(), JobProgress(choices.ledger)
    results: list[StepResult] = []

    def began() -> None:
        again.resume = rerun_command()

    with (
        signals_handled(stop, again, as_json=choices.as_json),
        open_ledger(choices.ledger) as ledger,
        choice.open() as target,
        console().bar(total=len(recipe.steps) - choices.first + 1, unit=" step", scale=False, leave=False) as bar,
        console().bar(unit=" source row", leave=False) as rows,
    ):
        run = RecipeRun(
            recipe=recipe,
            target=target,
            ledger=ledger,
            clock=SystemClock(),
            settings=RunOptions(settle=choices.settle, response_timeout=choices.response_timeout),
            observe=lambda step: StepProgress(step, console(), began),
            stop=stop,
            dry_run=choices.dry_run,
            first=choices.first,
            notify=console().note,
            restart=choices.restart,
            progress=rows.update,
            offline=choices.offline,
        )
        for result in run.results():
            results.append(result)
            bar.update()
    return results


class StepProgress(Silent):
    """Prints the progress and the waits of a step to stderr."""

    def __init__(self, step: Step, out: Console, began: Callable[[], None]) -> None:
        self._step = step
        self._out = out
        self._began = began

    def connected(self, notifier: Notifier) -> None:
        """Show the waits and transfers of the client on a terminal."""
        self._out.show_waits(notifier)

    def checked(self, preflight: Preflight) -> None:
        """Print the findings of the preflight, and the skipped checks."""
        for text in note_lines(preflight):
            self.note(text)
        for text in finding_lines(preflight):
            self._out.complain(f"{self._step.contract}: {text}")

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:
        """Print the step's contract, size and target ids."""
        place = " ".join(f"{name} {value}" for name, value in ids.items())
        size = f"{counted(plan.records, 'record')} in {counted(len(plan.chunks), 'request')}"
        self._out.note(f"{contract.name}: {size} to {place}")

    def compared(self, difference: TargetDifference) -> None:
        """Print the changes of a replacement before the upload."""
        self.note(difference_line(difference))

    def began(self, job: JobEntry) -> None:
        """Note that the run can be resumed, and print the job's name."""
        self._began()
        self._out.note(f"{self._step.contract}: job {job.id}")

    def note(self, text: str) -> None:
        """Print a note."""
        self._out.note(f"{self._step.contract}: {text}")


def _rest_of_recipe(first: int) -> str:
    return f"Then continue with: {rerun_command(first)}"


def show_results(
    recipe: Recipe,
    results: Sequence[StepResult],
    *,
    dry_run: bool,
    as_json: bool = False,
    success: str = AS_EXPECTED,
    rest: Callable[[int], str] = _rest_of_recipe,
) -> int:
    """Print the results of the steps, and to stderr the error and the next step; return the exit code.

    `success` is printed if all steps ended well; it may be blank. `rest` says how to go on from a step, by its number.
    """
    last = _ending(results)
    console().about_jobs = True
    good = last.as_expected
    if as_json:
        console().emit_json(_document(recipe, results, dry_run=dry_run))
    else:
        rows = [_row(result) for result in results if result.outcome is not None]
        if rows:
            console().table(COLUMNS, rows, drop=DROP)
        for text in _books(results):
            console().result(text)
    if good:
        if text := "Dry run: every step is ready to import. Nothing was sent." if dry_run else success:
            console().note(text)
        console().next_step = _next_command(results, dry_run=dry_run)
        return 0
    console().complain(f"{recipe.name} stopped at step {last.number}: {last.step.contract} {last.step.input_name}.")
    if (error := last.trouble) is not None:
        console().complain(error.message, error.hint)
    for line in _next_steps(recipe, last, rest):
        console().note(line)
    return last.exit_code


def _next_command(results: Sequence[StepResult], *, dry_run: bool) -> str:
    """Return the command that sends a dry run, or that reports or lists the jobs of a run."""
    if dry_run:
        return shlex.join(["bulkops", *(word for word in map(without_password, sys.argv[1:]) if word != "--dry-run")])
    jobs = [job for result in results if result.outcome and (job := result.outcome.document["job"])]
    if len(jobs) > SHOWN_JOBS:
        return "bulkops jobs list"
    return shlex.join(["bulkops", "report", *jobs, "-o", "report.html"]) if jobs else ""


def _books(results: Sequence[StepResult]) -> list[str]:
    """Return the books of each mapped step, from the source rows to the records that the target accepted."""
    lines = []
    for result in results:
        found, outcome = result.mapping, result.outcome
        if found is None:
            continue
        text = f"Step {result.number}: {counted(found.source_rows, 'source row')} = {found.rows_used:,} used"
        text += f" + {found.left_out:,} left out"
        if outcome is not None:
            counts = outcome.document["records"]
            shares = ((counts[name], name.replace("_", " ")) for name in SHARES)
            shown = " + ".join(f"{count:,} {name}" for count, name in shares if count or name == "accepted")
            text += f"; {counted(counts['input'], 'record')} = {shown}"
        lines.append(f"{text}.")
        lines += _sum_lines(result)
    return lines


def _sum_lines(result: StepResult) -> Iterator[str]:
    """Yield the amounts of a mapped step for each subledger, from the mapped file to the rows that were read back."""
    mapped = result.mapping.sums if result.mapping else {}
    proof = result.outcome.document.get("reconciliation") if result.outcome else None
    compared = {each["subledger"]: each for each in (proof or {}).get("sums", [])}
    for ledger in sorted({*mapped, *compared}):
        text = f"{mapped.get(ledger, Decimal(0)).normalize():,f} mapped"
        if each := compared.get(ledger):
            text += f", {Decimal(each['sent']):,f} accepted, {Decimal(each['found']):,f} read back"
        yield f"Step {result.number}, {f'subledger {ledger}' if ledger else 'main ledger'}: {text}."


def _ending(results: Sequence[StepResult]) -> StepResult:
    """Return the step that ended the run: the first one that is not as expected, else the last."""
    return next((result for result in results if not result.as_expected), results[-1])


def _document(recipe: Recipe, results: Sequence[StepResult], *, dry_run: bool) -> "RecipeRunDocument":
    last, steps = _ending(results), [result.to_json() for result in results]
    document: RecipeRunDocument = {
        "recipe": recipe.name,
        "state": "done" if last.as_expected else "stopped",
        "steps": steps,
    }
    if dry_run:
        document["dry_run"] = True
    if not last.as_expected and "error" in (step := steps[results.index(last)]):
        document["error"] = step["error"]
    return document


def _next_steps(recipe: Recipe, last: StepResult, rest: Callable[[int], str]) -> list[str]:
    """Return the next steps after a step that did not end as expected."""
    job = last.outcome.document["job"] if last.outcome else None
    following = [rest(last.number + 1)] if last.number < len(recipe.steps) else []
    if isinstance(last.trouble, FileChanged):  # a recipe that is run again would send the file as a new one
        return following if job else []
    checked = last.outcome.validation if last.outcome else None
    if last.exit_code == InDoubt.exit_code:
        decide = f"bulkops jobs resolve {job} CHUNK --as accepted|resend|partly --reason TEXT"
        return [f"Decide manually: bulkops jobs show {job}, then {decide}", f"Then continue with: {rerun_command()}"]
    if checked is not None and checked.errors and last.step.expect == "done":
        advice = f"{counted(checked.errors, 'error')}: bulkops validate {last.step.contract} {last.step.file}"
        legacy = [f"  {each.origin}: {each.message} ({each.code})" for each in checked.files[0].findings if each.origin]
        what = "the source or the mapping" if legacy else "the file"
        return [advice, *legacy[:SHOWN_FINDINGS], f"Fix {what}, then continue with: {rerun_command()}"]
    if last.outcome is not None and last.outcome.rejected_file is not None:
        lines = [
            f"Rejected records: {last.outcome.rejected_file} (reasons in the file beside it). Fix and import them."
        ]
        return [*lines, *following]
    if last.outcome is not None and last.outcome.verdict == "mismatch":
        advice = f"The target differs from the file: bulkops reconcile --job {job}"
        return [advice, f"Then continue with: {rerun_command()}"]
    if job is not None or last.exit_code in (Interrupted.exit_code, 3):
        return [f"Continue with: {rerun_command()}"]
    return []


def rerun_command(first: int | None = None) -> str:
    """Return the command that was given, without passwords, optionally with another first step."""
    words = [without_password(word) for word in sys.argv[1:]]
    if first is not None:
        words = [*words, "--from", str(first)]
    return shlex.join(["bulkops", *words])


def _row(result: StepResult) -> tuple[object, ...]:
    if result.outcome is None:
        raise ValueError("A step without an outcome has no record counts.")
    document = result.outcome.document
    records = document["records"]
    if result.dry_run and document.get("dry_run"):
        outcome = "ready"
    elif document["job"] is None and document["state"] == "done":
        outcome = "nothing new"
    elif document["job"] is None:
        checked = result.outcome.validation
        outcome = f"invalid, {counted(sum(checked.files[0].counts.values()) if checked else 0, 'finding')}"
    elif result.already:
        outcome = f"already done by {document['job']}"
    else:
        outcome = job_word(document["state"], rejected=records["rejected"])
    return (
        result.number,
        result.step.contract,
        result.step.file.name,
        f"{records['input']:,}",
        len(document["chunks"]),
        *(f"{records[name]:,}" for name in ("accepted", "skipped", "rejected")),
        outcome if result.as_expected else f"{outcome} (not as expected)",
        result.outcome.verdict or "-",
        f"{result.seconds:.1f}",
    )


def variables_of(chosen: tuple[str, ...]) -> dict[str, str]:
    """Return the variables given as NAME=VALUE; UsageError for another form."""
    values = {}
    for pair in chosen:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {pair!r} is not of the form NAME=VALUE.")
        values[name] = value
    return values
