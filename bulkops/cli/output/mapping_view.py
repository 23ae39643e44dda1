"""Output of `bulkops map`."""

import shlex
from contextlib import nullcontext
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from bulkops.cli.output.console import console
from bulkops.cluster import opened_cluster
from bulkops.mapping.preview import Pair, first_pairs
from bulkops.pipeline.mapping import map_into, placed_errors, workspace_of
from bulkops.recipe import Recipe
from bulkops.remote.paths import RemotePath
from bulkops.writing import Permit

if TYPE_CHECKING:
    from bulkops.json_documents.runs import MapDocument, MappedStepDocument

WIDTH = 80
"""Maximum width of the source and the result side by side."""
HALF = (WIDTH - 4) // 2


def write_files(recipe: Recipe, folder: Path, permit: Permit, *, as_json: bool, cluster: str | None = None) -> int:
    """Write the mapped files of a recipe, here or on a cluster, print their books, and return the exit code."""
    if not isinstance(folder, RemotePath):
        folder.mkdir(parents=True, exist_ok=True)
    steps: list[MappedStepDocument] = []
    rows = []
    with (
        nullcontext(None) if cluster is None else opened_cluster(cluster) as workers,
        console().bar(unit=" source row", leave=False) as bar,
        workspace_of(recipe, bar.update) as space,
    ):
        for number, step, found in map_into(recipe, folder, space, permit, workers):
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
