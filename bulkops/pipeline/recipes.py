"""Run a recipe: its imports one after another, up to the first that does not end as expected."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bulkops.account.earlier_steps import EarlierValues
from bulkops.account.preflight import Preflight, check_import
from bulkops.account.reading import MAX_REQUESTS, AccountReader
from bulkops.clock import Clock
from bulkops.errors import BulkopsError, DataError, Interrupted, UsageError
from bulkops.ledger.models import JobEntry
from bulkops.ledger.store import Ledger
from bulkops.mapping.mapped import MappedFile, Progress, Workspace
from bulkops.pipeline.importing import Destination, ImportRequest, import_file
from bulkops.pipeline.mapping import RunRecord, kept_file, with_files, workspace_of
from bulkops.pipeline.observer import Observer
from bulkops.pipeline.offline import OfflineCheck, offline_error
from bulkops.pipeline.previous_run import GOOD_VERDICTS, PreviousRun, previous_run
from bulkops.pipeline.resuming import resume_job
from bulkops.pipeline.running import Outcome, outcome_of_job, resumable
from bulkops.queries import query_texts
from bulkops.recipe import Recipe, Step
from bulkops.remote.paths import exists
from bulkops.settings import Target
from bulkops.transport.notices import Notify, discard_notice
from bulkops.upload.guards import accepted_rules
from bulkops.upload.options import MAX_REMOVALS, RunOptions, share_of
from bulkops.upload.stop import Stop, StoppableClock
from bulkops.upload.workflow import Guards, open_client
from bulkops.wording import counted
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import CreatedBy

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import ImportDocument
    from bulkops.json_documents.runs import StepResultDocument

GUARDS = re.compile(
    r"--(again|only-new|only-changed|leave-unfinished|allow-empty|max-removals|max-errors|accept)"
    r"(?: ([\d.]+%?|[A-Z]{3}\d{3}(?:,[A-Z]{3}\d{3})*))?"
)


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """The result of one step, and whether it is the one that the recipe expects.

    `error` prevented the step from starting; `outcome` is then None, but `preflight` may contain the reason. `already`:
    an earlier run completed the step. `resumed`: this run resumed the job of an earlier one. `mapping` is the mapped
    file of a step with a source. With `by_options`, hints name options of a command instead of keys of a step.
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
    mapping: MappedFile | None = None
    by_options: bool = False

    @property
    def as_expected(self) -> bool:
        """Whether the step ended as the recipe expects."""
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
        """The error that prevented the step or ended it early, with hints for recipes unless `by_options`."""
        error = self.error or (self.outcome.error if self.outcome else None)
        return error if error is None or self.by_options else _in_words_of_recipes(error)

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
        result: StepResultDocument = {
            "number": self.number,
            "contract": self.step.contract,
            "file": str(self.step.file) if self.step.file != Path() else self.step.input_name,
            "expect": self.step.expect,
            "as_expected": self.as_expected,
            "already_done_by": document["job"] if document and self.already else None,
            "resumed": self.resumed,
            "exit": self.outcome.exit_code if self.outcome else self.exit_code,
            "findings": dict(checked.files[0].counts) if checked else {},
            "import": document,
        }
        if self.mapping is not None:
            result["mapping"] = self.mapping.to_json()
        if self.preflight is not None:
            result["findings"] = dict(self.preflight.report.counts)
            result["preflight"] = self.preflight.to_json()
        if (error := self.trouble) is not None:
            result["error"] = error.to_json()
        return result


@dataclass(frozen=True, kw_only=True)
class RecipeRun:
    """A run of a recipe, and everything it needs.

    `first` is the number of the first step to run; `notify` receives notices about requests, and `progress` the number
    of source rows that were just read. `restart`: sources may differ from those of an unfinished run. `by_options`: the
    steps come from the options of a command. `offline`: all steps must fit this snapshot before the first request.
    `mapped` and `record` are set once the sources are mapped.
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
    notify: Notify = discard_notice
    restart: bool = False
    progress: Progress | None = None
    by_options: bool = False
    offline: OfflineCheck | None = None
    mapped: Mapping[int, MappedFile] = field(default_factory=dict)
    record: RunRecord | None = None

    def results(self) -> Iterator[StepResult]:
        """Yield the result of each step as it ends; the first unexpected result is the last.

        All sources are mapped before anything else; then all steps are compared with the snapshot, if there is one, and
        with the account before the first one begins. If a source cannot be mapped, or if steps do not fit, only their
        results are yielded.
        """
        record = None if self.recipe.sandbox else RunRecord.at(self.recipe, self.target.identity())
        if record is not None and self.restart and not self.dry_run:
            record.clear()
        mapped, failed = self._mapped(record)
        if failed is not None:
            yield failed
            return
        good = False
        run = replace(self, recipe=with_files(self.recipe, mapped), mapped=mapped, record=record)
        unfit = list(run.unfit_offline())
        for result in unfit or run.imports():
            yield result
            good = result.as_expected
        if record is not None and good and not self.dry_run:
            record.clear()

    def _numbered(self) -> list[tuple[int, Step]]:
        """Return the steps to run with their numbers."""
        return [(number, step) for number, step in enumerate(self.recipe.steps, 1) if number >= self.first]

    def _mapped(self, record: RunRecord | None) -> tuple[dict[int, MappedFile], StepResult | None]:
        """Return the mapped file of each step with a source, and the result of the first that cannot be mapped."""
        files: dict[int, MappedFile] = {}
        steps = [(number, step) for number, step in self._numbered() if step.source is not None]
        if not steps:
            return files, None
        with workspace_of(self.recipe, self.progress) as space:
            for number, step in steps:
                result = self._result(number, step, partial(self._mapped_step, space=space, record=record))
                if result.error is not None or result.mapping is None:
                    return files, result
                files[number] = result.mapping
        return files, None

    def _mapped_step(self, ended: StepResult, *, space: Workspace, record: RunRecord | None) -> StepResult:
        """Map the source of a step; GuardRefused if it changed after the run began the step."""
        found = kept_file(self.recipe, ended.number, ended.step, space)
        if record is not None:
            record.refuse_change(ended.number, found, self.ledger)
        observer = self.observe(ended.step)
        for note in found.notes:
            observer.note(f"{found.parts[0].name}: {note}.")
        observer.note(found.summary)
        return replace(ended, mapping=found)

    def unfit_offline(self) -> Iterator[StepResult]:
        """Yield the results of the steps that do not fit the snapshot; the files of all steps must be ready."""
        if self.offline is None:
            return
        for number, step in self._numbered():
            result = self._result(number, step, partial(self._checked_offline, offline=self.offline))
            if result.error is not None:
                yield result

    def _checked_offline(self, ended: StepResult, *, offline: OfflineCheck) -> StepResult:
        """Check a step that is to be sent against the snapshot."""
        step, target = ended.step, self._target_of(ended.step)
        if not self._is_sent(step, target):
            return ended
        earlier = earlier_values(self.recipe, ended.number, self.target.ids)
        found = offline.findings(step, step.file, target.ids, earlier)
        if (error := offline_error(found)) is None:
            return ended
        self.observe(step).checked(found)
        return replace(ended, error=error, preflight=found)

    def imports(self) -> Iterator[StepResult]:
        """Yield the result of each step; the files of all steps must be ready."""
        steps = self._numbered()
        clock = StoppableClock(self.clock, self.stop)
        with open_client(self.target, self.ledger, clock=clock, notify=self.notify) as client:
            reader = AccountReader(client)
            many = counted(len(steps), "step")
            self.notify(f"Preflight: comparing {many} with the account, with at most {MAX_REQUESTS} requests each.")
            unfit = list(self._unfit(steps, reader))
            yield from unfit
            for number, step in [] if unfit else steps:
                began = time.monotonic()
                result = self._result(number, step, partial(self._run, reader=reader))
                yield replace(result, seconds=time.monotonic() - began)
                if not result.as_expected:
                    return

    def _unfit(self, steps: Sequence[tuple[int, Step]], reader: AccountReader) -> Iterator[StepResult]:
        """Yield the results of steps that do not fit the account; another error ends the check."""
        for number, step in steps:
            result = self._result(number, step, partial(self._checked, reader=reader))
            if result.error is not None:
                yield result
                if result.preflight is None:
                    return

    def _result(self, number: int, step: Step, work: Callable[[StepResult], StepResult]) -> StepResult:
        """Return the result of `work` for a step; an error or an interrupt becomes part of the result."""
        ended = StepResult(
            number=number, step=step, outcome=None, seconds=0, dry_run=self.dry_run, mapping=self.mapped.get(number),
            by_options=self.by_options,
        )  # fmt: skip
        try:
            if self.stop.requested:
                raise Interrupted("Interrupted.")
            self.stop.begun = False  # no request of this step is in flight: a signal may end the step at once
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
        if not self._is_sent(step, target):
            return ended
        ids = {name: target.ids[name] for name in contract.route(target.ids).ids}
        accept = _guards(step).accept
        preflight = check_import(
            contract,
            step.file,
            ids,
            reader,
            accept=accept,
            search=False,  # earlier steps may create the profiles and cards
            earlier=earlier_values(self.recipe, ended.number, self.target.ids),
            say=self.observe(step).note,
        )
        error = preflight.error()
        if error or "ACC131" in preflight.report.counts:  # the check right before the import does not search profiles
            self.observe(step).checked(preflight)
        if error is None:
            return ended
        return replace(ended, error=error, preflight=preflight)

    def _is_sent(self, step: Step, target: Target) -> bool:
        """Return whether this run is to send records of a step: no earlier run completed it."""
        earlier = self._earlier(step, target)
        return step.expect == "done" and (earlier is None or earlier.open or not self._counts(earlier, step))

    def _target_of(self, step: Step) -> Target:
        return replace(self.target, ids=step_ids(step, self.target.ids))

    def _earlier(self, step: Step, target: Target) -> PreviousRun | None:
        """Return the job of an earlier run that may complete the step; None for a step that expects a refusal."""
        if step.expect != "done":
            return None
        contract, siblings = CONTRACTS[step.contract], [each.file for each in self.recipe.steps]
        options = query_texts(contract, step.options)
        return previous_run(self.ledger, contract, step.file, target, options, siblings=siblings)

    def _run(self, ended: StepResult, *, reader: AccountReader) -> StepResult:
        """Run a step: use the job of an earlier run if it counts, else import the file."""
        step, target = ended.step, self._target_of(ended.step)
        contract = CONTRACTS[step.contract]
        earlier = self._earlier(step, target)
        if earlier is not None and self._counts(earlier, step):
            return self._use_earlier_job(ended, earlier, target, reader)
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
        place = Destination.at(target, self.ledger)
        observer = self._recording(ended.number, self.observe(step))
        outcome = import_file(request, place, clock=self.clock, stop=self.stop, observer=observer)
        return replace(ended, outcome=outcome)

    def _recording(self, number: int, observer: Observer) -> Observer:
        """Return an observer that also stores which job a mapped step began."""
        found = self.mapped.get(number)
        if found is None or self.record is None or self.dry_run:
            return observer
        return cast("Observer", _Recording(observer, partial(self.record.began, number, found=found)))

    def _counts(self, earlier: PreviousRun, step: Step) -> bool:
        """Return whether an earlier job completes the step, or must be resumed for it.

        Refused records are sent again if that duplicates nothing.
        """
        if earlier.open:
            return True
        doubles = earlier.kept and not CONTRACTS[step.contract].mode.resend_is_safe
        return not step.again and (earlier.done or doubles)

    def _use_earlier_job(
        self, ended: StepResult, earlier: PreviousRun, target: Target, reader: AccountReader
    ) -> StepResult:
        """Use the job of an earlier run for the step: report it, or reconcile or resume it now."""
        step = ended.step
        settled = not earlier.open and (earlier.proved or not step.reconcile or not earlier.done)
        if settled or self.dry_run:
            outcome = self._reported(step, earlier)
        else:
            outcome = self._resumed(step, earlier, target, reader)
        return replace(ended, outcome=outcome, already=earlier.done, resumed=earlier.open)

    def _reported(self, step: Step, earlier: PreviousRun) -> Outcome:
        """Return the outcome of an earlier job without any change to it."""
        job = earlier.job
        ended = "goes on as job" if earlier.open else "was done by job" if earlier.done else "was ended by job"
        self.observe(step).note(f"{step.file.name} {ended} {job.id}.")
        outcome = outcome_of_job(job, self.ledger.chunks(job.id), self.ledger)
        return replace(outcome, exit_code=0) if self.dry_run and earlier.open else outcome

    def _resumed(self, step: Step, earlier: PreviousRun, target: Target, reader: AccountReader) -> Outcome:
        """Reconcile an earlier job that is complete, or resume one that is not."""
        job, observer = earlier.job, self.observe(step)
        observer.note(f"{step.file.name} {'is proved' if earlier.done else 'goes on'} as job {job.id}.")
        return resume_job(
            job,
            self.ledger,
            lambda: Destination.at(target, self.ledger).target(),
            clock=self.clock,
            prove=step.reconcile,
            changes=self._changes(step, job.settings),
            file=step.file if job.source is None and step.file.absolute() != job.file_path else None,
            account=reader,
            stop=self.stop,
            observer=observer,
        )

    def _changes(self, step: Step, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of the recipe that differ from those of the job to resume."""
        wanted = {
            "settle": self.settings.settle,
            "response_timeout": self.settings.response_timeout,
            "max_errors": step.max_errors,
            "max_removals": step.max_removals or MAX_REMOVALS,
        }
        return {name: value for name, value in wanted.items() if kept.get(name) != value}


class _Recording:
    """Passes every event on to an observer, and stores the job that began."""

    def __init__(self, observer: Observer, began: Callable[[str], None]) -> None:
        self._observer = observer
        self._began = began

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the observer."""
        return getattr(self._observer, name)

    def began(self, job: JobEntry) -> None:
        """Store the job before its first request."""
        self._began(job.id)
        self._observer.began(job)


def _guards(step: Step) -> Guards:
    """Return the guards that a step lifts."""
    return Guards(
        again=step.again,
        only_new=step.only_new,
        only_changed=step.only_changed,
        leave_unfinished=step.leave_unfinished,
        allow_empty=step.allow_empty,
        accept=accepted_rules(step.accept),
    )


def step_ids(step: Step, given: Mapping[str, int]) -> dict[str, int]:
    """Return the ids of a step; ids that it lacks come from the options or the target."""
    own = set(step.ids)
    routes = [set(route.ids) for route in CONTRACTS[step.contract].routes]
    return dict(step.ids) if own in routes else {**given, **step.ids}


def earlier_values(recipe: Recipe, number: int, given: Mapping[str, int]) -> dict[str, EarlierValues]:
    """Return the values that the steps before a step create for its columns, if their files are known.

    `given` are the ids that steps may lack. Columns that no step of the recipe fills with new entities are left out.
    """
    user, found = recipe.steps[number - 1], {}
    for column in CONTRACTS[user.contract].columns:
        if (made := column.created_by) is None:
            continue
        creating = {n: each for n, each in enumerate(recipe.steps, 1) if _creates(each, made, user, given)}
        earlier = {n: each for n, each in creating.items() if n < number}
        if creating and all(each.file != Path() for each in earlier.values()):
            files = tuple(each.file for each in earlier.values())
            found[column.name] = EarlierValues(made.column, files, tuple(earlier))
    return found


def _creates(step: Step, made: CreatedBy, user: Step, given: Mapping[str, int]) -> bool:
    """Return whether a step creates the entities that a column of another step refers to."""
    if step.contract != made.contract or step.expect != "done":
        return False
    ids, wanted = step_ids(step, given), step_ids(user, given)
    return all(ids.get(name) == wanted.get(name) for name in made.ids)


def contradictions(recipe: Recipe, given: Mapping[str, int]) -> list[str]:
    """Return a sentence for each id of the recipe that differs from the one in the options or the target."""
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
    """Return those of the given ids that a step uses because it lacks them. `check_recipe` must have passed."""
    used: set[str] = set()
    for step in recipe.steps:
        route = CONTRACTS[step.contract].route(step_ids(step, given))
        used |= set(route.ids) - set(step.ids)
    return frozenset(used)


def check_recipe(recipe: Recipe, given: Mapping[str, int]) -> None:
    """Raise UsageError before anything is sent if an id, a file, an option or a limit is missing or invalid.

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
            raise UsageError(f"{place}: the id {odd[0]} does not apply; the step's ids are {', '.join(route.ids)}.")
        if step.source is None and not exists(step.file):
            raise UsageError(f"{place}: the file {step.file} does not exist.")
        query_texts(contract, step.options, place=place)
        accepted_rules(step.accept)
        for name in ("max_removals", "max_errors"):
            if (limit := getattr(step, name)) is not None:
                share_of(limit, 0, option=f"{place}: {name}")


def _in_words_of_recipes(error: BulkopsError) -> BulkopsError:
    """Return an error with a hint that names keys of a step instead of options of `bulkops import`."""

    def key(match: re.Match[str]) -> str:
        return f"`{match[1].replace('-', '_')}: {match[2] or 'true'}` in the step"

    if error.hint:
        error.hint = GUARDS.sub(key, error.hint)
    return error
