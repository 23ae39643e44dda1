"""Output of `bulkops map` and `bulkops run --plan`."""

import shlex
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from bulkops.account.preflight import Preflight
from bulkops.cli.output.console import console, duration
from bulkops.cli.output.preflight_view import finding_lines
from bulkops.mapping.preview import Pair, first_pairs
from bulkops.pipeline.mapping import PlannedStep, map_into, placed_errors, plan_steps, workspace_of
from bulkops.pipeline.offline import OfflineCheck, offline_error
from bulkops.pipeline.recipes import step_ids
from bulkops.recipe import Recipe
from bulkops.remote.paths import RemotePath
from bulkops.wording import counted
from bulkops.writing import Permit

if TYPE_CHECKING:
    from bulkops.json_documents.runs import MapDocument, MappedStepDocument, PlannedStepDocument, RunPlanDocument

WIDTH = 80
"""Maximum width of the source and the result side by side."""
HALF = (WIDTH - 4) // 2


def write_files(recipe: Recipe, folder: Path, permit: Permit, *, as_json: bool) -> int:
    """Write the mapped files of a recipe, print their books, and return the exit code."""
    if not isinstance(folder, RemotePath):
        folder.mkdir(parents=True, exist_ok=True)
    steps: list[MappedStepDocument] = []
    rows = []
    with console().bar(unit=" source row", leave=False) as bar, workspace_of(recipe, bar.update) as space:
        for number, step, found in map_into(recipe, folder, space, permit):
            for note in found.notes:
                console().note(f"{found.parts[0].name}: {note}.")
            steps.append({"number": number, "contract": step.contract, "mapping": found.to_json()})
            counts = (found.source_rows, found.left_out, found.records)
            rows.append((number, step.contract, *(f"{count:,}" for count in counts), found.path.name))
    if as_json:
        document: MapDocument = {"recipe": recipe.name, "steps": steps}
        console().emit_json(document)
        return 0
    columns = ("step", "contract", "source rows", "left out", "records", "file")
    console().table(columns, rows, title=f"{recipe.name}: mapped into {folder}", drop=("step", "left out"))
    console().next_step = shlex.join(["bulkops", "run", str(recipe.path)])
    return 0


def show_head(recipe: Recipe, count: int, *, as_json: bool) -> int:
    """Print the first records of each mapped step beside their source rows, and return the exit code."""
    steps: list[MappedStepDocument] = []
    with workspace_of(recipe) as space:
        for number, step in enumerate(recipe.steps, start=1):
            if step.source is None:
                continue
            with placed_errors(recipe, number, step):
                pairs = first_pairs(step, count, space)
            rows = [
                {"origin": pair.origin.to_json(), "source": dict(pair.source), "mapped": dict(pair.mapped)}
                for pair in pairs
            ]
            steps.append({"number": number, "contract": step.contract, "rows": rows})  # type: ignore[typeddict-item]
            if not as_json:
                console().lines(
                    "\n".join(
                        [f"Step {number}: {step.contract}", *(text for pair in pairs for text in _side_by_side(pair))]
                    )
                )
    if as_json:
        document: MapDocument = {"recipe": recipe.name, "steps": steps}
        console().emit_json(document)
    console().next_step = shlex.join(["bulkops", "map", str(recipe.path), "--into", "FOLDER"])
    return 0


def _side_by_side(pair: Pair) -> list[str]:
    """Return a source row and its record in two columns of names and values."""
    left, right = ([_cell(name, value) for name, value in cells.items()] for cells in (pair.source, pair.mapped))
    lines = [f"{one or '':{HALF}}  > {other or ''}".rstrip() for one, other in zip_longest(left, right)]
    return [f"  {Path(pair.origin.file).name}, {pair.origin.unit} {pair.origin.line}", *lines, ""]


def _cell(name: str, value: str | None) -> str:
    """Return a name and a value in half a line."""
    text = f"  {name}: {'' if value is None else ' '.join(value.split())}"
    return text if len(text) <= HALF else f"{text[: HALF - 1]}…"


def show_plan(
    recipe: Recipe, given: Mapping[str, int], offline: OfflineCheck | None, *, first: int, as_json: bool
) -> int:
    """Print the requests, bytes and minimum time of each step, and return the exit code; sends nothing.

    With `offline`, each step is compared with the snapshot; `given` are the ids that steps may lack.
    """
    with console().bar(unit=" source row", leave=False) as bar:
        steps = list(plan_steps(recipe, first=first, progress=bar.update))
    checked = {} if offline is None else {step.number: _checked(step, given, offline) for step in steps}
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


def _checked(step: PlannedStep, given: Mapping[str, int], offline: OfflineCheck) -> Preflight | None:
    """Return the findings of a step, and print them if they stop its import; None if the step expects a refusal."""
    if step.step.expect != "done":
        return None
    found = offline.findings(step.step, step.plan.path, step_ids(step.step, given))
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
