"""Map the steps of a recipe that have a source, before anything is sent, and remember the sources of a begun run."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import FilePlan, plan_file
from bulkops.chunking.schedule import Cost, cost_of
from bulkops.cluster import Cluster
from bulkops.errors import BulkopsError, GuardRefused, UsageError
from bulkops.mapping.controls import refuse_other_totals
from bulkops.mapping.expressions import MappingError
from bulkops.mapping.mapped import MappedFile, Progress, Workspace, map_step, workspace
from bulkops.mapping.on_cluster import map_step_on_cluster
from bulkops.private import private_folder
from bulkops.queries import query_texts
from bulkops.recipe import Recipe, Step, place_of_step
from bulkops.settings import mapped_folder
from bulkops.writing import Permit
from bulkops_validators import CONTRACTS

if TYPE_CHECKING:
    from bulkops.ledger.store import Ledger

_ODD = re.compile(r"[^\w.-]+")


def recipe_folder(recipe: Recipe) -> Path:
    """Return the state folder of a recipe: its mapped files, its workspace, and the record of its run."""
    name = hashlib.sha256(str(recipe.path.resolve()).encode()).hexdigest()[:16]
    return private_folder(mapped_folder()) / name


@contextmanager
def workspace_of(recipe: Recipe, progress: Progress | None = None) -> Iterator[Workspace]:
    """Yield the workspace of a recipe; UsageError if another process uses it."""
    folder = private_folder(recipe_folder(recipe))
    with workspace(folder / "work", progress=progress) as space:
        yield space


def map_one(recipe: Recipe, number: int, step: Step, map_it: Callable[[], MappedFile]) -> MappedFile:
    """Map a step and compare its control totals; errors name the recipe, the line and the step."""
    with placed_errors(recipe, number, step):
        found = map_it()
    refuse_other_totals(f"{recipe.name}: step {number} ({step.contract})", found.controls)
    return found


@contextmanager
def placed_errors(recipe: Recipe, number: int, step: Step) -> Iterator[None]:
    """Add the recipe and the step to an error; of a wrong key, also the line in the file."""
    try:
        yield
    except MappingError as error:
        place = place_of_step(recipe, number, error.key)
        raise _placed(error, f"{place}: {error.message}") from None
    except BulkopsError as error:
        raise _placed(error, f"{recipe.name}: step {number} ({step.contract}): {error.message}") from None


def _placed(error: BulkopsError, message: str) -> BulkopsError:
    """Return an error of the same exit code with another message."""
    placed = UsageError(message) if isinstance(error, MappingError) else copy(error)
    placed.message, placed.hint, placed.args = message, error.hint, (message,)
    return placed


def map_into(
    recipe: Recipe, folder: Path, space: Workspace, permit: Permit, cluster: Cluster | None = None
) -> Iterator[tuple[int, Step, MappedFile]]:
    """Write the mapped file of each step with a source to a folder, and yield it; with a cluster, its workers map."""
    how = map_step if cluster is None else partial(map_step_on_cluster, cluster=cluster)
    for number, step in enumerate(recipe.steps, start=1):
        if step.source is not None:
            path = folder / f"{number:02}-{step.contract}.csv"
            yield number, step, map_one(recipe, number, step, partial(how, step, path, space, permit=permit))


def kept_path(recipe: Recipe, number: int, step: Step, key: str) -> Path:
    """Return the path of a mapped file in the state folder; another content gets another path."""
    name = _ODD.sub("-", recipe.name).strip("-") or "recipe"
    return recipe_folder(recipe) / key[:16] / f"{name}-{number:02}-{step.contract}.csv"


@dataclass
class RunRecord:
    """The begun steps of a recipe at a target: the job and the sources of each, until the run ends as expected.

    The record is a file beside the mapped files. A later run compares its sources with it.
    """

    path: Path
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def at(cls, recipe: Recipe, target: Mapping[str, Any]) -> "RunRecord":
        """Return the record of a recipe with its variables at a target."""
        facts = json.dumps([dict(target), dict(recipe.variables)], sort_keys=True)
        name = hashlib.sha256(facts.encode()).hexdigest()[:16]
        path = recipe_folder(recipe) / f"run-{name}.json"
        try:
            steps = json.loads(path.read_text(encoding="utf-8"))["steps"]
        except (OSError, ValueError, KeyError):
            steps = {}
        return cls(path=path, steps=steps)

    def refuse_change(self, number: int, found: MappedFile, ledger: "Ledger") -> None:
        """Raise GuardRefused if a step was begun with other sources."""
        known = self.steps.get(str(number))
        if known is None or known["digests"] == dict(found.digests):
            return
        changed = next(name for name, digest in known["digests"].items() if found.digests.get(name) != digest)
        job = ledger.job(known["job"])
        raise GuardRefused(
            f"The {changed} of step {number} changed after an earlier run of the recipe began job {job.id} from it.",
            hint=f"Restore the source; or finish the job (bulkops jobs resume {job.id}) and add --restart to begin "
            "with the changed source.",
        )

    def began(self, number: int, job: str, found: MappedFile) -> None:
        """Store that a step began."""
        self.steps[str(number)] = {"job": job, "digests": dict(found.digests), "file": str(found.path)}
        draft = self.path.with_suffix(".part")
        draft.write_text(json.dumps({"steps": self.steps}), encoding="utf-8")
        draft.replace(self.path)

    def clear(self) -> None:
        """Remove the record: the run ended as expected, or is to begin again."""
        self.steps = {}
        self.path.unlink(missing_ok=True)


def with_files(recipe: Recipe, files: Mapping[int, MappedFile]) -> Recipe:
    """Return a recipe in which each mapped step has its mapped file."""
    steps: Sequence[Step] = [
        step.model_copy(update={"file": files[number].path}) if number in files else step
        for number, step in enumerate(recipe.steps, start=1)
    ]
    return recipe.model_copy(update={"steps": tuple(steps)})


def kept_file(recipe: Recipe, number: int, step: Step, space: Workspace) -> MappedFile:
    """Map a step into the state folder, where the file stays for its job; a complete file is used again."""

    def path_of(key: str) -> Path:
        path = kept_path(recipe, number, step, key)
        private_folder(path.parent)
        return path

    return map_one(recipe, number, step, partial(map_step, step, path_of, space))


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """The plan of one step, its cost, and its mapped file if it has a source."""

    number: int
    step: Step
    plan: FilePlan
    cost: Cost
    mapping: MappedFile | None = None

    @property
    def least_seconds(self) -> float:
        """The minimum seconds of the upload and of the reconciliation."""
        return self.cost.least_seconds + (self.cost.verify_least_seconds if self.step.reconcile else 0)

    @property
    def requests(self) -> int:
        """The requests of the upload and of the reconciliation."""
        return self.cost.requests + (self.cost.verify_requests if self.step.reconcile else 0)


def plan_steps(recipe: Recipe, *, first: int = 1, progress: Progress | None = None) -> Iterator[PlannedStep]:
    """Map the steps of a recipe and yield the plan of each; sends nothing. Errors as for `map_one` and `plan_file`."""
    with workspace_of(recipe, progress) as space:
        for number, step in enumerate(recipe.steps, start=1):
            if number < first:
                continue
            found = None if step.source is None else kept_file(recipe, number, step, space)
            contract = CONTRACTS[step.contract]
            names = contract.sent_names(query_texts(contract, step.options))
            limits = chunk_limits(contract, max_rows=step.max_rows)
            plan = plan_file(step.file if found is None else found.path, limits, names=names)
            route = next((each for each in contract.routes if set(each.ids) == set(step.ids)), contract.routes[0])
            yield PlannedStep(number=number, step=step, plan=plan, cost=cost_of(plan, route.readback), mapping=found)
