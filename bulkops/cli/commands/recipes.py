"""`bulkops recipes`: list the shipped recipes, or show one."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import json_option
from bulkops.cli.options.environment import own_option
from bulkops.cli.output.console import console
from bulkops.cli.process import completion
from bulkops.errors import UsageError

if TYPE_CHECKING:
    from bulkops.json_documents.catalogs import RecipeSummary


@click.command("recipes")
@click.argument("name", required=False, shell_complete=completion.recipes)
@own_option("--copy", is_flag=True, help="Copy the recipe and its sample files into the working folder.")
@json_option
def command(name: str | None, *, copy: bool, as_json: bool) -> None:
    """List the shipped recipes, or show or copy one."""
    from bulkops.catalog import find_recipe, shipped_recipes
    from bulkops.recipe import load_recipe

    if copy:
        from bulkops.catalog import copy_recipe

        if name is None:
            raise UsageError("--copy needs the NAME of a recipe.")
        written = copy_recipe(name, Path.cwd())
        if as_json:
            console().emit_json(load_recipe(written[0], {}).model_dump(mode="json"))
        else:
            console().lines("\n".join(str(path.relative_to(Path.cwd())) for path in written))
        console().next_step = f"bulkops map {written[0].name} --head 5"
        return
    if name is not None:
        path = find_recipe(name)
        if as_json:
            console().emit_json(load_recipe(path, {}).model_dump(mode="json"))
        else:
            console().lines(path.read_text(encoding="utf-8").rstrip())
            console().next_step = f"bulkops run {name} --dry-run"
        return
    recipes = [load_recipe(path, {}) for path in shipped_recipes().values()]
    if as_json:
        listed: list[RecipeSummary] = [{"name": r.name, "about": r.about, "steps": len(r.steps)} for r in recipes]
        console().emit_json(listed)
    else:
        console().table(
            ("recipe", "steps", "about"), [(r.name, len(r.steps), r.about) for r in recipes], drop=["steps"]
        )
        console().next_step = "bulkops run RECIPE"
