"""Every JSON document that a command prints in a test is compared with the schema that `bulkops schema` prints."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import click
from jsonschema_rs import Draft202012Validator

from bulkops.cli.main import COMMANDS, cli
from bulkops.schemas import SCHEMAS, schema_of

GROUPS = ("jobs", "ledger")
NO_COMMAND = frozenset({"error", "on-end", "recipe", "config"})
"""Schemas of what any command prints when it fails, of what a hook receives, and of files that bulkops reads."""


@cache
def validator(name: str) -> Draft202012Validator:
    """Return what compares a document with a schema."""
    return Draft202012Validator(schema_of(name))


def schema_name(words: Sequence[str]) -> str | None:
    """Return the name of the schema of the command in `words`; None if it has no command."""
    known = [word for word in words if word in COMMANDS]
    if not known:
        return None
    if known[0] not in GROUPS:
        return known[0]
    following = words[list(words).index(known[0]) + 1 :]
    return "-".join([known[0], *following[:1]])


def check_document(words: Sequence[str], out: str) -> None:
    """Fail if a command with --json printed a document that its schema, or that of errors, does not describe.

    Output that is not JSON was cut off on purpose, which is the test's own affair.
    """
    if "--json" not in words or not out.strip():
        return
    try:
        document = json.loads(out)
    except ValueError:
        return
    faults = faults_of(words, document)
    assert not faults, (list(words), faults)


def faults_of(words: Sequence[str], document: Any) -> list[str]:
    """Return where a document of a command differs from its schema."""
    name = schema_name(words)
    if name is None or (isinstance(document, dict) and set(document) == {"error"}):
        name = "error"
    if name == "schema" and isinstance(document, dict):
        return [] if document["$schema"] == schema_of("validate")["$schema"] else ["not a schema"]
    if name not in SCHEMAS:
        return [f"There is no schema for {name}."]
    return [f"{error.message} at {list(error.instance_path)}" for error in validator(name).iter_errors(document)]


def commands_with_json() -> set[str]:
    """Return the names that the schemas of all commands with --json must have."""
    context = click.Context(cli, info_name="bulkops")
    found = set()
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        if name in GROUPS and isinstance(command, click.Group):
            found |= {f"{name}-{child}" for child, each in command.commands.items() if _has_json(each)}
        elif isinstance(command, click.Group):
            children = [command.get_command(context, child) for child in command.list_commands(context)]
            found |= {name for child in children if child is not None and _has_json(child)}
        elif _has_json(command):
            found.add(name)
    return found


def _has_json(command: click.Command) -> bool:
    return any("--json" in parameter.opts for parameter in command.params)
