"""Import one file of an inbox by a recipe."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bulkops.catalog import find_recipe
from bulkops.configuration_tables import InboxFilesTable
from bulkops.errors import BulkopsError, InUse
from bulkops.inbox.book import Drop
from bulkops.inbox.processing import BOOKS, Desk, Result, failed
from bulkops.inbox.storage import file_error
from bulkops.inbox.taking import decompress, work_files
from bulkops.pipeline.recipes import RecipeRun, StepResult, check_recipe
from bulkops.recipe import Recipe, load_recipe
from bulkops.wording import counted


@dataclass(frozen=True, kw_only=True)
class RecipeImport:
    """The import of one drop by a recipe: the recipe's variable contains the path of the file."""

    desk: Desk
    drop: Drop
    entry: InboxFilesTable

    def run(self) -> Result:
        """Run the recipe, or finish its run of an earlier pass; an error becomes the result."""
        try:
            recipe = self._loaded()
            steps = list(self._run_of(recipe).results())
        except BulkopsError as error:
            return failed(error, None)
        except OSError as error:
            return failed(file_error(error, f"{self.drop.name} cannot be imported"), None)
        return _result(recipe, steps)

    def _loaded(self) -> Recipe:
        path = decompress(work_files(self.desk.book, self.drop))
        recipe = load_recipe(find_recipe(str(self.entry.recipe)), {**self.entry.set, self.entry.variable: str(path)})
        check_recipe(recipe, self.desk.target.ids)
        return recipe

    def _run_of(self, recipe: Recipe) -> RecipeRun:
        desk = self.desk
        return RecipeRun(
            recipe=recipe,
            target=desk.target,
            ledger=desk.ledger,
            clock=desk.clock,
            settings=desk.settings,
            observe=lambda _: desk.observe(self.drop),
            stop=desk.stop,
            dry_run=desk.dry_run,
        )


def _result(recipe: Recipe, steps: list[StepResult]) -> Result:
    """Return the result of the steps of a recipe; the books are the sums of all steps."""
    outcomes = [step.outcome for step in steps if step.outcome is not None]
    books: Mapping[str, int] = {
        name: sum(outcome.document["records"].get(name, 0) for outcome in outcomes) for name in ("input", *BOOKS)
    }
    last = steps[-1]
    jobs = [str(outcome.document["job"]) for outcome in reversed(outcomes) if outcome.document["job"]]
    error, code = last.trouble, last.exit_code
    result = Result(
        state="imported",
        exit=code,
        contract=last.step.contract,
        records=books,
        jobs=tuple(jobs),
        reason=error.message if error else None,
        hint=error.hint if error else None,
        verdict=last.outcome.verdict if last.outcome else None,
    )
    if last.as_expected:
        return replace(result, state="skipped" if all(step.already for step in steps) else "imported")
    said = result.reason or f"step {last.number} of {recipe.name} did not end as expected"
    if code == 4:
        return replace(result, state="waiting", reason=said)
    if code in (2, 3, 130) or isinstance(error, InUse):
        return replace(result, state="failed", reason=said, error=type(error).__name__ if error else None)
    state = "partial" if books["accepted"] else "quarantined"
    return replace(result, state=state, reason=f"{said} ({counted(len(steps), 'step')} run)")
