"""Output of `bulkops run --plan`."""

import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bulkops.account.preflight import Preflight
from bulkops.cli.output.console import console, duration
from bulkops.cli.output.preflight_view import finding_lines
from bulkops.pipeline.mapping import PlannedStep, plan_steps, with_files
from bulkops.pipeline.offline import OfflineCheck, offline_error
from bulkops.pipeline.recipes import earlier_values, step_ids
from bulkops.recipe import Recipe
from bulkops.wording import counted

if TYPE_CHECKING:
    from bulkops.json_documents.runs import PlannedStepDocument, RunPlanDocument


def show_plan(
    recipe: Recipe, given: Mapping[str, int], offline: OfflineCheck | None, *, first: int, as_json: bool
) -> int:
    """Print the requests, bytes and minimum time of each step, and return the exit code; sends nothing.

    With `offline`, each step is compared with the snapshot; `given` are the ids that steps may lack.
    """
    with console().bar(unit=" source row", leave=False) as bar:
        steps = list(plan_steps(recipe, first=first, progress=bar.update))
    ready = with_files(recipe, {step.number: step.mapping for step in steps if step.mapping is not None})
    checked = {} if offline is None else {step.number: _checked(step, ready, given, offline) for step in steps}
    seconds = sum(step.least_seconds for step in steps)
    requests = sum(step.requests for step in steps)
    size = sum(step.plan.bytes for step in steps)
    if as_json:
        document: RunPlanDocument = {
            "recipe": recipe.name,
            "steps": [_planned(step, checked.get(step.number)) for step in steps],
            "requests": requests,
            "bytes": size,
            "least_seconds": seconds,
        }
        console().emit_json(document)
        return _exit_code(checked.values())
    columns = ("step", "contract", "records", "bytes", "requests", "least", "read back", "least time")
    console().table(columns, [_row(step) for step in steps], drop=("step", "read back", "bytes"))
    total = f"{counted(requests, 'request')}, {counted(size, 'byte')}, at least {seconds / 3600:.2f} hours"
    console().result(f"{total} at 3 requests per second, reconciliation included. Nothing was sent.")
    code = _exit_code(checked.values())
    if code == 0:
        console().next_step = shlex.join(["bulkops", "run", str(recipe.path), "--dry-run"])
    return code


def _checked(step: PlannedStep, recipe: Recipe, given: Mapping[str, int], offline: OfflineCheck) -> Preflight | None:
    """Return the findings of a step, and print them if they stop its import; None if the step expects a refusal.

    `recipe` has the mapped files. References that only the account can decide are printed too.
    """
    if step.step.expect != "done":
        return None
    earlier = earlier_values(recipe, step.number, given)
    found = offline.findings(step.step, step.plan.path, step_ids(step.step, given), earlier)
    for text in found.not_checked:
        console().note(f"step {step.number} ({step.step.contract}): not checked: {text}.")
    if (error := offline_error(found)) is not None:
        for text in finding_lines(found):
            console().complain(f"step {step.number} ({step.step.contract}): {text}")
        console().complain(error.message, error.hint)
    return found


def _exit_code(checked: Iterable[Preflight | None]) -> int:
    """Return 0, or the exit code of the first step that does not fit the snapshot."""
    errors = (offline_error(found) for found in checked if found is not None)
    return next((error.exit_code for error in errors if error is not None), 0)


def _row(step: PlannedStep) -> tuple[object, ...]:
    cost = step.cost
    counts = (step.plan.records, step.plan.bytes, cost.requests)
    verify = cost.verify_requests if step.step.reconcile else 0
    return (
        step.number,
        step.step.contract,
        *(f"{count:,}" for count in counts),
        duration(cost.least_seconds),
        f"{verify:,}",
        duration(step.least_seconds),
    )


def _planned(step: PlannedStep, checked: Preflight | None) -> "PlannedStepDocument":
    cost, proved = step.cost, step.step.reconcile
    document: PlannedStepDocument = {
        "number": step.number,
        "contract": step.step.contract,
        "file": str(step.plan.path),
        "records": step.plan.records,
        "bytes": step.plan.bytes,
        "requests": cost.requests,
        "least_seconds": cost.least_seconds,
        "verify": {
            "requests": cost.verify_requests if proved else 0,
            "least_seconds": cost.verify_least_seconds if proved else 0.0,
        },
    }
    if step.mapping is not None:
        document["mapping"] = step.mapping.to_json()
    if checked is not None:
        document["preflight"] = checked.to_json()
    return document
