"""Words that a shell offers: rules, jobs, targets, recipes and schemas. A source that cannot be read offers nothing."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem, shell_complete

from bulkops.errors import BulkopsError

MOST_JOBS = 200


def completed(cli: click.Command, variable: str) -> int:
    """Answer the shell that asked by an environment variable, and return the exit code."""
    try:
        return shell_complete(cli, {}, "bulkops", variable, os.environ[variable])
    except Exception:  # noqa: BLE001 - a message would appear in the middle of the line that is being typed
        return 1


def jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Offer the jobs of the ledger that the line names, the newest first."""
    from bulkops.cli.output.jobs_view import look_at_ledger

    with suppress(BulkopsError), look_at_ledger(ctx.params.get("ledger")) as ledger:
        found = [job for job in reversed(ledger.jobs()) if job.id.startswith(incomplete)]
        return [CompletionItem(job.id, help=job.file_path.name) for job in found[:MOST_JOBS]]
    return []


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Offer the targets of the configuration file, and the sandbox."""
    from bulkops.configuration import read_config

    names = {"sandbox": "the embedded sandbox"}
    with suppress(BulkopsError):
        tables = read_config(ctx.find_root().params.get("config")).tables.get("targets", {})
        names |= {name: str(table.get("base_url", "")) for name, table in tables.items() if isinstance(table, dict)}
    return [CompletionItem(name, help=about) for name, about in names.items() if name.startswith(incomplete)]


def rules(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Offer the codes and names of rules; behind a comma, the next one."""
    from bulkops_validators.model.rules_registry import RULES

    before, comma, last = incomplete.rpartition(",")
    names = [(word, rule.summary) for rule in RULES.values() for word in (rule.code, rule.name)]
    return _starting(((f"{before}{comma}{word}", about) for word, about in names), before + comma, last)


def _starting(words: Iterable[tuple[str, str]], before: str, last: str) -> list[CompletionItem[Any]]:
    start = (before + last).lower()
    return [CompletionItem(word, help=about) for word, about in words if word.lower().startswith(start)]


def recipes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Offer the shipped recipes, or files where none of them begins like this."""
    from bulkops.catalog import shipped_recipes

    found = [CompletionItem(name) for name in shipped_recipes() if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def schemas(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Offer the names of schemas."""
    from bulkops.schemas import SCHEMAS

    return [CompletionItem(name, help=s.about) for name, s in SCHEMAS.items() if name.startswith(incomplete)]
