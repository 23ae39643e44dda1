"""Run a recipe: its imports one after another, up to the first that does not end as expected."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from bulkops.account.preflight import Preflight, check_import
from bulkops.account.reading import MAX_REQUESTS, AccountReader
from bulkops.clock import Clock
from bulkops.errors import BulkopsError, DataError, Interrupted, UsageError
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import ImportRequest, Place, import_file
from bulkops.pipeline.observer import Observer
from bulkops.pipeline.previous_run import GOOD_VERDICTS, Earlier, earlier_job
from bulkops.pipeline.resuming import resume_job
from bulkops.pipeline.running import Outcome, as_it_stands, resumable
from bulkops.queries import query_texts
from bulkops.recipe import Recipe, Step
from bulkops.settings import Target
from bulkops.transport.notices import Say, silent
from bulkops.upload.guards import accepted_rules
from bulkops.upload.options import MAX_REMOVALS, RunOptions, share_of
from bulkops.upload.stop import Stop, StoppableClock
from bulkops.upload.workflow import Guards, open_client
from bulkops.wording import counted
from bulkops_validators import CONTRACTS

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import ImportDocument
    from bulkops.json_documents.runs import StepResultDocument

GUARDS = re.compile(
    r"--(again|only-new|leave-unfinished|allow-empty|max-removals|max-errors|accept)"
    r"(?: ([\d.]+%?|[A-Z]{3}\d{3}(?:,[A-Z]{3}\d{3})*))?"
)


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """How one step ended, and whether that is what the recipe expects.

    `error` is what kept the step from beginning; there is no outcome then, but `preflight` may say why. `already` says
    that an earlier run had done it, `resumed` that this one went on with what an earlier run had begun.
    """

    number: int
    step: Step
    outcome: Outcome | None
    seconds: float
    error: BulkopsError | None = None
    already: bool = False
    resumed: bool = False
    dry_run: bool = False
    preflight: Preflight | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the step did what it was there for."""
        if self.outcome is None:
            return False
        if self.step.expect == "refused":
            return self.outcome.state == "refused" and self.outcome.document["job"] is None
        if self.dry_run:
            return self.outcome.exit_code == 0
        if self.outcome.exit_code != 0 or self.outcome.state != "done":
            return False
        if self.outcome.idle and self.outcome.document["job"] is None:  # every record was sent before
            return True
        return not self.step.reconcile or self.outcome.verdict in GOOD_VERDICTS

    @property
    def trouble(self) -> BulkopsError | None:
        """What kept the step from beginning, or ended it early, in the words of recipes."""
        error = self.error or (self.outcome.error if self.outcome else None)
        return error and _in_words_of_recipes(error)

    @property
    def exit_code(self) -> int:
        """The exit code of a run that ends with this step."""
        if self.as_expected:
            return 0
        if self.outcome is None:
            return self.error.exit_code if self.error else DataError.exit_code
        return self.outcome.exit_code or DataError.exit_code

    def to_json(self) -> "StepResultDocument":
        """Return the step's part of `run --json`."""
        document = cast("ImportDocument", dict(self.outcome.document)) if self.outcome else None
        checked = self.outcome.validation if self.outcome else None
        told: StepResultDocument = {
            "number": self.number,
            "contract": self.step.contract,
            "file": str(self.step.file),
            "expect": self.step.expect,
            "as_expected": self.as_expected,
            "already_done_by": document["job"] if document and self.already else None,
            "resumed": self.resumed,
            "exit": self.outcome.exit_code if self.outcome else self.exit_code,
            "findings": dict(checked.files[0].counts) if checked else {},
            "import": document,
        }
        if self.preflight is not None:
            told["findings"] = dict(self.preflight.report.counts)
            told["preflight"] = self.preflight.to_json()
        if (error := self.trouble) is not None:
            told["error"] = error.to_json()
        return told


@dataclass(frozen=True, kw_only=True)
class RecipeRun:
    """What a recipe runs against, and how.

    `first` is the number of the step to begin with; `say` announces requests.
    """

    recipe: Recipe
    target: Target
    ledger: Ledger
    clock: Clock
    settings: RunOptions
    observe: Callable[[Step], Observer]
    stop: Stop = field(default_factory=Stop)
    dry_run: bool = False
    first: int = 1
    say: Say = silent

    def results(self) -> Iterator[StepResult]:
        """Yield the result of each step as it ends; the first that is not as expected is the last.

        All steps are compared with the account before the first one begins. If steps do not fit it, only their
        results are yielded.
        """
        steps = [(number, step) for number, step in enumerate(self.recipe.steps, 1) if number >= self.first]
        clock = StoppableClock(self.clock, self.stop)
        with open_client(self.target, self.ledger, clock=clock, say=self.say) as client:
            reader = AccountReader(client)
            many = counted(len(steps), "step")
            self.say(f"Preflight: comparing {many} with the account, with at most {MAX_REQUESTS} requests each.")
            unfit = list(self._unfit(steps, reader))
            yield from unfit
            for number, step in [] if unfit else steps:
                began = time.monotonic()
                result = self._result(number, step, partial(self._run, reader=reader))
                yield replace(result, seconds=time.monotonic() - began)
                if not result.as_expected:
                    return

    def _unfit(self, steps: Sequence[tuple[int, Step]], reader: AccountReader) -> Iterator[StepResult]:
        """Yield the results of steps that do not fit the account; nothing else is checked after another error."""
        for number, step in steps:
            result = self._result(number, step, partial(self._checked, reader=reader))
            if result.error is not None:
                yield result
                if result.preflight is None:
                    return

    def _result(self, number: int, step: Step, work: Callable[[StepResult], StepResult]) -> StepResult:
        ended = StepResult(number=number, step=step, outcome=None, seconds=0, dry_run=self.dry_run)
        try:
            if self.stop.asked:
                raise Interrupted("Interrupted.")
            self.stop.begun = False  # nothing of this step is under way: a signal may end it where it is
            return work(ended)
        except BulkopsError as error:
            return replace(ended, error=resumable(error))
        except KeyboardInterrupt:
            return replace(ended, error=Interrupted("Interrupted."))
        finally:
            self.stop.begun = True

    def _checked(self, ended: StepResult, *, reader: AccountReader) -> StepResult:
        """Compare a step that is to be sent with the account."""
        step, target = ended.step, self._target_of(ended.step)
        contract = CONTRACTS[step.contract]
        if step.expect != "done":
            return ended
        earlier = self._earlier(step, target)
        if earlier is not None and not earlier.open and self._counts(earlier, step):
            return ended
        ids = {name: target.ids[name] for name in contract.route(target.ids).ids}
        accept = _guards(step).accept
        preflight = check_import(contract, step.file, ids, reader, accept=accept, search=False, say=silent)
        if (error := preflight.error()) is None:
            return ended
        self.observe(step).checked(preflight)
        return replace(ended, error=error, preflight=preflight)

    def _target_of(self, step: Step) -> Target:
        return replace(self.target, ids=step_ids(step, self.target.ids))

    def _earlier(self, step: Step, target: Target) -> Earlier | None:
        """Return the job of an earlier run that a step that is to be done may stand on."""
        if step.expect != "done":
            return None
        contract, siblings = CONTRACTS[step.contract], [each.file for each in self.recipe.steps]
        options = query_texts(contract, step.options)
        return earlier_job(self.ledger, contract, step.file, target, options, siblings=siblings)

    def _run(self, ended: StepResult, *, reader: AccountReader) -> StepResult:
        step, target = ended.step, self._target_of(ended.step)
        contract = CONTRACTS[step.contract]
        earlier = self._earlier(step, target)
        if earlier is not None and self._counts(earlier, step):
            return self._go_on(ended, earlier, target, reader)
        request = ImportRequest(
            contract=contract,
            file=step.file,
            options=query_texts(contract, step.options),
            max_rows=step.max_rows,
            run=replace(self.settings, max_errors=step.max_errors),
            guards=_guards(step),
            max_removals=step.max_removals or MAX_REMOVALS,
            reconcile=step.reconcile,
            digests=step.digests,
            dry_run=self.dry_run,
            account=reader,
        )
        place = Place.at(target, self.ledger)
        outcome = import_file(request, place, clock=self.clock, stop=self.stop, observer=self.observe(step))
        return replace(ended, outcome=outcome)

    def _counts(self, earlier: Earlier, step: Step) -> bool:
        """Tell whether an earlier job stands for the step; what was refused goes again where that doubles nothing."""
        if earlier.open:
            return True
        doubles = earlier.kept and not CONTRACTS[step.contract].mode.resend_is_safe
        return not step.again and (earlier.done or doubles)

    def _go_on(self, ended: StepResult, earlier: Earlier, target: Target, reader: AccountReader) -> StepResult:
        """Take an earlier job for the step: as it is, proved now, or gone on with."""
        step, job, observer = ended.step, earlier.job, self.observe(ended.step)
        settled = not earlier.open and (earlier.proved or not step.reconcile or not earlier.done)
        if settled or self.dry_run:
            told = "goes on as job" if earlier.open else "was done by job" if earlier.done else "was ended by job"
            observer.note(f"{step.file.name} {told} {job.id}.")
            outcome = as_it_stands(job, self.ledger.chunks(job.id), self.ledger)
            if self.dry_run and earlier.open:
                outcome = replace(outcome, exit_code=0)
            return replace(ended, outcome=outcome, already=earlier.done, resumed=earlier.open)
        observer.note(f"{step.file.name} {'is proved' if earlier.done else 'goes on'} as job {job.id}.")
        outcome = resume_job(
            job,
            self.ledger,
            lambda: Place.at(target, self.ledger).target(),
            clock=self.clock,
            prove=step.reconcile,
            changes=self._changes(step, job.settings),
            file=step.file if job.source is None and step.file.absolute() != job.file_path else None,
            account=reader,
            stop=self.stop,
            observer=observer,
        )
        return replace(ended, outcome=outcome, already=earlier.done, resumed=earlier.open)

    def _changes(self, step: Step, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that the recipe has otherwise than the job that it goes on with."""
        wanted = {
            "settle": self.settings.settle,
            "response_timeout": self.settings.response_timeout,
            "max_errors": step.max_errors,
            "max_removals": step.max_removals or MAX_REMOVALS,
        }
        return {name: value for name, value in wanted.items() if kept.get(name) != value}


def _guards(step: Step) -> Guards:
    """Return the guards that a step lifts."""
    return Guards(
        again=step.again,
        only_new=step.only_new,
        leave_unfinished=step.leave_unfinished,
        allow_empty=step.allow_empty,
        accept=accepted_rules(step.accept),
    )


def step_ids(step: Step, given: Mapping[str, int]) -> dict[str, int]:
    """Return the ids of a step; those it lacks come from the options or the target, if its own do not suffice."""
    own = set(step.ids)
    routes = [set(route.ids) for route in CONTRACTS[step.contract].routes]
    return dict(step.ids) if own in routes else {**given, **step.ids}


def contradictions(recipe: Recipe, given: Mapping[str, int]) -> list[str]:
    """Return a sentence for each id of the recipe that differs from the one that the options or the target give."""
    steps: dict[tuple[str, int, int], list[int]] = {}
    for number, step in enumerate(recipe.steps, start=1):
        for name, value in step.ids.items():
            if given.get(name, value) != value:
                steps.setdefault((name, value, given[name]), []).append(number)
    return [
        f"{recipe.name}: {'step' if len(numbers) == 1 else 'steps'} {', '.join(map(str, numbers))} "
        f"{'sends' if len(numbers) == 1 else 'send'} to {name} {own} as the recipe says, "
        f"not to {name} {other} as the options or the target say."
        for (name, own, other), numbers in steps.items()
    ]


def used_ids(recipe: Recipe, given: Mapping[str, int]) -> frozenset[str]:
    """Return those of the given ids that a step uses, since it lacks them. `check_recipe` must have passed."""
    used: set[str] = set()
    for step in recipe.steps:
        route = CONTRACTS[step.contract].route(step_ids(step, given))
        used |= set(route.ids) - set(step.ids)
    return frozenset(used)


def check_recipe(recipe: Recipe, given: Mapping[str, int]) -> None:
    """Refuse a recipe before anything is sent: an id, a file, an option or a limit that is missing or odd.

    `given` are the ids that steps may lack.
    """
    for number, step in enumerate(recipe.steps, start=1):
        contract = CONTRACTS[step.contract]
        place = f"{recipe.name}: step {number} ({step.contract})"
        try:
            route = contract.route(step_ids(step, given))
        except LookupError as error:
            missing = " and ".join(map(str, error.args))
            hint = "Name them under `ids:` of the step, as options, or in the target's table."
            raise UsageError(f"{place} needs ids: {missing}.", hint=hint) from None
        if odd := sorted(set(step.ids) - set(route.ids)):
            raise UsageError(f"{place} has no use for the id {odd[0]}; it takes {', '.join(route.ids)}.")
        if not step.file.is_file():
            raise UsageError(f"{place}: there is no file {step.file}.")
        query_texts(contract, step.options, place=place)
        accepted_rules(step.accept)
        for name in ("max_removals", "max_errors"):
            if (limit := getattr(step, name)) is not None:
                share_of(limit, 0, option=f"{place}: {name}")


def _in_words_of_recipes(error: BulkopsError) -> BulkopsError:
    """Return an error whose hint names keys of a step where it named options of `bulkops import`."""

    def key(match: re.Match[str]) -> str:
        return f"`{match[1].replace('-', '_')}: {match[2] or 'true'}` in the step"

    if error.hint:
        error.hint = GUARDS.sub(key, error.hint)
    return error
