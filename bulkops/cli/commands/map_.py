"""`bulkops map`: write the mapped files of a recipe, or show the first rows beside their source."""

from pathlib import Path

import click

from bulkops.cli.options.common import CountType, cluster_option, json_option, limit_options, overwrite_option
from bulkops.cli.options.environment import own_option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.process import completion
from bulkops.cli.process.parameters import variables_of
from bulkops.errors import UsageError


@click.command("map")
@click.argument("recipe", shell_complete=completion.recipes)
@own_option("--into", type=FilePath(file_okay=False), metavar="FOLDER", help="Folder for the files.")
@own_option(
    "--head", type=CountType(), metavar="N", help="Show the first N records beside their source; write nothing."
)
@own_option("--set", "chosen", multiple=True, metavar="NAME=VALUE", help="Set a variable of the recipe.")
@overwrite_option
@cluster_option
@limit_options
@json_option
def command(
    recipe: str,
    *,
    into: Path | None,
    head: int | None,
    chosen: tuple[str, ...],
    overwrite: bool,
    cluster: str | None,
    as_json: bool,
) -> int:
    """Map the sources of RECIPE to files in the import format. Sends nothing.

    Each file has its origins beside it (NAME.origins.parquet), so that other commands name the legacy row.
    """
    from bulkops.catalog import find_recipe
    from bulkops.cli.output.mapping_view import show_head, write_files
    from bulkops.recipe import load_recipe
    from bulkops.writing import Permit

    if (into is None) == (head is None):
        raise UsageError("`bulkops map` needs one of --into and --head.")
    loaded = load_recipe(find_recipe(recipe), variables_of(chosen))
    if all(step.source is None for step in loaded.steps):
        raise UsageError(f"{loaded.name} has no step with a source.", hint="Steps with a file need no mapping.")
    if head is not None:
        return show_head(loaded, head, as_json=as_json)
    assert into is not None
    return write_files(loaded, into, Permit(overwrite=overwrite), as_json=as_json, cluster=cluster)
