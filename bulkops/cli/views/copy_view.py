"""Output of `bulkops copy`: the plan and the question, the imports, and the comparison with the source."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bulkops.chunking.schedule import REQUESTS_PER_SECOND
from bulkops.cli.output.console import MOMENT, console, duration
from bulkops.cli.output.jobs_view import open_ledger
from bulkops.cli.output.progress import JobProgress, signals_handled
from bulkops.cli.output.prompt import confirm
from bulkops.cli.process.targets import TargetChoice
from bulkops.cli.views.recipe_view import StepProgress, rerun_command, show_results
from bulkops.cli.views.validation_output import split_list
from bulkops.clock import SystemClock
from bulkops.copy_table import CopyTable, read_copy_table
from bulkops.errors import BulkopsError, DataError
from bulkops.exporting.import_form import Used
from bulkops.ledger.store import Ledger
from bulkops.pipeline.copying import (
    CopiedFile,
    CopyFolder,
    CopyOrder,
    compare_with_source,
    cost_of_step,
    export_all,
    proved_before,
    recipe_of,
    refuse_second_balances,
    with_proof,
)
from bulkops.pipeline.previous_run import GOOD_VERDICTS
from bulkops.pipeline.recipes import RecipeRun, StepResult
from bulkops.recipe import Recipe
from bulkops.reconciling.result import Reconciliation
from bulkops.settings import Target
from bulkops.temporary import temporary_folder
from bulkops.upload.options import RunOptions
from bulkops.upload.stop import Stop
from bulkops.wording import counted

if TYPE_CHECKING:
    from bulkops.json_documents.copies import CopyDocument, CopyStepDocument

COLUMNS = ("step", "contract", "from", "to", "rows", "left out", "records", "requests", "minimum time")
DROP = ("minimum time", "requests", "left out")
"""Columns that a narrow terminal hides, the least important first."""


@dataclass(frozen=True, kw_only=True)
class CopyChoices:
    """The options of `bulkops copy` without the contracts, the targets and the table."""

    used: Used
    settle: float
    response_timeout: float | None
    only_new: bool
    max_removals: str | None
    accept: tuple[str, ...]
    dry_run: bool
    restart: bool
    yes: bool
    ledger: str | None
    as_json: bool

    @property
    def of_steps(self) -> dict[str, object]:
        """The choices that are keys of each step of the recipe."""
        return {"only_new": self.only_new, "max_removals": self.max_removals, "accept": split_list(self.accept)}


@dataclass(kw_only=True)
class CopyResult:
    """The result of a copy so far: its steps, and the comparison with the source by number of the step.

    `error` ended the last comparison early.
    """

    files: Sequence[CopiedFile]
    continued: bool
    results: list[StepResult] = field(default_factory=list)
    compared: dict[int, Reconciliation] = field(default_factory=dict)
    error: BulkopsError | None = None

    @property
    def trouble(self) -> BulkopsError | None:
        """The error that ended the copy; None if every step is proved."""
        if self.error is not None:
            return self.error
        mismatch = [n for n, each in self.compared.items() if each.verdict not in GOOD_VERDICTS]
        if mismatch:
            found = self.compared[mismatch[0]]
            return DataError(f"Step {mismatch[0]} differs from the source: {found.reason}")
        last = self.results[-1] if self.results else None
        return last.trouble if last is not None and not last.as_expected else None

    def rest(self, first: int) -> str:
        """Return a sentence with the places of the steps from a number on."""
        places = [f"{each.place.contract} to {_ids(each.place.target, each)}" for each in self.files[first - 1 :]]
        return f"Then copy the other rows: {'; '.join(places)}."


def run_copy(
    contracts: Sequence[str], source: TargetChoice, target: TargetChoice, table: Path | None, choices: CopyChoices
) -> int:
    """Copy the rows, print the results, and return the exit code."""
    stop, progress = Stop(), JobProgress(choices.ledger)
    names = CopyTable() if table is None else read_copy_table(table)
    with (
        signals_handled(stop, progress, as_json=choices.as_json),
        open_ledger(choices.ledger) as ledger,
        _opened(source, target) as (one, other),
    ):
        order = CopyOrder(contracts=contracts, source=one, target=other, table=names, used=choices.used)
        order.places()  # a mistake in the ids is found before anything else
        folder = CopyFolder(order=order)
        with folder.alone(), _exported(order, folder, ledger, choices) as result:
            if not result.files:
                console().note("The source has no rows to copy.")
                return _show(result, None, choices)
            refuse_second_balances(order, result.files, ledger)
            _ask(order, result, choices)
            if not choices.dry_run:
                folder.store(result.files)
                progress.resume = rerun_command()
            recipe = recipe_of(result.files, choices.of_steps, folder.path)
            _send(order, recipe, result, ledger, choices, stop)
            if not choices.dry_run and result.trouble is None:
                folder.clear()
            return _show(result, recipe, choices)


@contextmanager
def _opened(source: TargetChoice, target: TargetChoice) -> Iterator[tuple[Target, Target]]:
    """Yield both targets; a target that is named twice is opened once."""
    with source.open() as one:
        if source.name == target.name:
            yield one, one
            return
        with target.open() as other:
            yield one, other


@contextmanager
def _exported(order: CopyOrder, folder: CopyFolder, ledger: Ledger, choices: CopyChoices) -> Iterator[CopyResult]:
    """Yield the exports of the source: those of a copy that has begun, or new ones; a dry run keeps none."""
    begun = None if choices.restart or choices.dry_run else folder.begun()
    if begun is not None:
        console().note("This copy has begun: it continues with the exports of its first run. --restart exports again.")
        yield CopyResult(files=begun, continued=True)
        return
    clock = SystemClock()
    with temporary_folder() as temporary:
        place = temporary if choices.dry_run else folder.path
        with console().bar(unit="B", desc="export", delay=MOMENT) as bar:
            files = export_all(order, ledger, clock, place, notify=console().note, progress=bar.update)
        yield CopyResult(files=files, continued=False)


def _ask(order: CopyOrder, result: CopyResult, choices: CopyChoices) -> None:
    """Show the places, the rows and the cost of every step, and ask before anything is sent."""
    rows, facts, seconds = [], [], 0.0
    for number, each in enumerate(result.files, start=1):
        plan, cost = cost_of_step(each)
        least = cost.least_seconds + cost.verify_least_seconds
        seconds += least
        left = sum(each.books["left_out"].values())
        rows.append(
            (number, each.place.contract, _ids(each.place.source, each), _ids(each.place.target, each),
             f"{each.books['rows']:,}", f"{left:,}", f"{each.records:,}", len(plan.chunks) + cost.verify_requests,
             duration(least))
        )  # fmt: skip
        facts += [f"Step {number}, {each.place.contract}: {note}" for note in each.notes]
        facts.append(f"Step {number}: the import {each.place.definition.effect}.")
    if not choices.as_json:
        console().table(COLUMNS, rows, drop=DROP)
    one, other = order.source.identity()["base_url"], order.target.identity()["base_url"]
    facts = [f"From {one} to {other}: at least {seconds:,.0f} s at {REQUESTS_PER_SECOND} requests per second.", *facts]
    confirm(facts, "Send it?", yes=choices.yes or choices.dry_run, refusal="Nothing was sent.")


def _ids(ids: object, found: CopiedFile) -> str:
    pairs = dict(ids) if isinstance(ids, dict) else {}
    return " ".join([*(f"{name} {value}" for name, value in pairs.items()), *map(str, found.place.filters.values())])


def _send(
    order: CopyOrder, recipe: Recipe, result: CopyResult, ledger: Ledger, choices: CopyChoices, stop: Stop
) -> None:
    """Run the imports; after each, compare the target with the source. Stop at the first that is not as expected."""
    clock = SystemClock()
    run = RecipeRun(
        recipe=recipe,
        target=order.target,
        ledger=ledger,
        clock=clock,
        settings=RunOptions(settle=choices.settle, response_timeout=choices.response_timeout),
        observe=lambda step: StepProgress(step, console(), lambda: None),
        stop=stop,
        dry_run=choices.dry_run,
        notify=console().note,
        by_options=True,
    )
    for ended in run.results():
        result.results.append(ended)
        if not ended.as_expected or choices.dry_run or proved_before(ended, ledger) is not None:
            continue
        found = result.files[ended.number - 1]
        try:
            compared = compare_with_source(
                order, found, ended, ledger, clock, settle=choices.settle, notify=console().note
            )
        except BulkopsError as error:
            result.error = error
            return
        if compared is None:
            continue
        result.compared[ended.number] = compared
        result.results[-1] = with_proof(ended, ledger)
        if compared.verdict not in GOOD_VERDICTS:
            return


def _show(result: CopyResult, recipe: Recipe | None, choices: CopyChoices) -> int:
    """Print the results, and return the exit code."""
    trouble = result.trouble
    if choices.as_json:
        console().emit_json(_document(result, choices))
    code = 0
    if result.results and recipe is not None:
        success = "" if trouble else "All copied rows were compared with the source, and are at the target."
        if choices.as_json:
            code = result.results[-1].exit_code
        else:
            code = show_results(recipe, result.results, dry_run=choices.dry_run, success=success, rest=result.rest)
    if not choices.as_json:
        for line in _books(result):
            console().result(line)
    if trouble is None or code:
        return code
    console().complain(trouble.message, trouble.hint)
    console().next_step = rerun_command()
    return trouble.exit_code


def _books(result: CopyResult) -> Iterator[str]:
    """Yield the books of each step, from the rows of the source to the verdict."""
    for ended in result.results:
        books = result.files[ended.number - 1].books
        left = sum(books["left_out"].values())
        merged = f" + {books['merged']:,} merged" if books["merged"] else ""
        done = "copied" if ended.as_expected and not ended.dry_run else "to import"
        text = f"Step {ended.number}: {counted(books['rows'], 'row')} = {books['records']:,} {done}{merged}"
        text += f" + {left:,} left out"
        if ended.number in result.compared:
            found = result.compared[ended.number]
            text += f"; compared with the source: {found.verdict}. {found.reason}"
        yield text


def _document(result: CopyResult, choices: CopyChoices) -> "CopyDocument":
    steps: list[CopyStepDocument] = []
    ended = {each.number: each for each in result.results}
    for number, each in enumerate(result.files, start=1):
        step: CopyStepDocument = {**each.to_json()}  # type: ignore[typeddict-item] # the same keys, and two more
        if number in ended:
            step["result"] = ended[number].to_json()
        if number in result.compared:
            step["source_comparison"] = result.compared[number].to_json()
        steps.append(step)
    trouble = result.trouble
    done = trouble is None and all(each.as_expected for each in result.results)
    document: CopyDocument = {"state": "done" if done else "stopped", "continued": result.continued, "steps": steps}
    if choices.dry_run:
        document["dry_run"] = True
    if trouble is not None:
        document["error"] = trouble.to_json()
    return document
