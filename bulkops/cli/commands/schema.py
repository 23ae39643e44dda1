"""`bulkops schema`: the JSON Schemas of the documents that bulkops prints and reads."""

import shlex
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import json_option
from bulkops.cli.output.console import console
from bulkops.cli.process import completion

if TYPE_CHECKING:
    from bulkops.json_documents.catalogs import SchemaSummary


@click.command("schema")
@click.argument("name", required=False, shell_complete=completion.schemas)
@json_option
def command(name: str | None, *, as_json: bool) -> None:
    """Print the JSON Schema of a document: of a command's --json output, a recipe or the configuration.

    Without a NAME, list the names. A schema has every key that this version prints; later versions may add keys.
    """
    from bulkops.schemas import SCHEMAS, schema_of

    if name is not None:
        console().emit_json(schema_of(name))
        console().next_step = _next_command(name)
    elif as_json:
        listed: list[SchemaSummary] = [{"name": each, "about": schema.about} for each, schema in SCHEMAS.items()]
        console().emit_json(listed)
    else:
        console().table(("schema", "of what"), [(each, schema.about) for each, schema in SCHEMAS.items()])
        console().next_step = "bulkops schema NAME"


def _next_command(name: str) -> str:
    """Return the command that prints or reads the documents of a schema; without such a command, list the schemas."""
    readers = {"recipe": "bulkops run RECIPE --dry-run", "config": "bulkops doctor"}
    if name in readers:
        return readers[name]
    command, _, subcommand = name.partition("-")
    known = click.get_current_context().find_root().command
    words = [command, subcommand] if subcommand else [command]
    listed = isinstance(known, click.Group) and command in known.list_commands(click.get_current_context())
    return shlex.join(["bulkops", *words, "--help"]) if listed else "bulkops schema"
