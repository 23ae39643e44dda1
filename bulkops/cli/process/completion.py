"""Shell completion of rules, jobs, targets, recipes and schemas; an unreadable source completes nothing."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem, shell_complete

from bulkops.errors import BulkopsError

MOST_JOBS = 200


def completed(cli: click.Command, variable: str) -> int:
    """Print the completions that a shell requested with an environment variable, and return the exit code."""
    try:
        return shell_complete(cli, {}, "bulkops", variable, os.environ[variable])
    except Exception:  # noqa: BLE001 - a message would appear in the middle of the line that is being typed
        return 1


def jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Return the jobs of the ledger, newest first."""
    from bulkops.cli.output.jobs_view import read_ledger

    with suppress(BulkopsError), read_ledger(ctx.params.get("ledger")) as ledger:
        found = [job for job in reversed(ledger.jobs()) if job.id.startswith(incomplete)]
        return [CompletionItem(job.id, help=job.file_path.name) for job in found[:MOST_JOBS]]
    return []


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Return the targets of the configuration file, and `sandbox`."""
    from bulkops.configuration import read_config

    names = {"sandbox": "the embedded sandbox"}
    with suppress(BulkopsError):
        tables = read_config(ctx.find_root().params.get("config")).tables.get("targets", {})
        names |= {name: str(table.get("base_url", "")) for name, table in tables.items() if isinstance(table, dict)}
    return [CompletionItem(name, help=about) for name, about in names.items() if name.startswith(incomplete)]


def rules(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Return the codes and names of rules, also for a comma-separated list."""
    from bulkops_validators.model.rules_registry import RULES

    before, comma, last = incomplete.rpartition(",")
    names = [(word, rule.summary) for rule in RULES.values() for word in (rule.code, rule.name)]
    return _starting(((f"{before}{comma}{word}", about) for word, about in names), before + comma, last)


def contracts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Return the contracts whose names begin with the typed word."""
    from bulkops_validators import CONTRACTS

    return _starting(((name, each.title) for name, each in CONTRACTS.items()), "", incomplete)


def _starting(words: Iterable[tuple[str, str]], before: str, last: str) -> list[CompletionItem[Any]]:
    start = (before + last).lower()
    return [CompletionItem(word, help=about) for word, about in words if word.lower().startswith(start)]


def recipes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Return the shipped recipes, or file names if no recipe matches."""
    from bulkops.catalog import shipped_recipes

    found = [CompletionItem(name) for name in shipped_recipes() if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def schemas(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:  # noqa: ARG001
    """Offer the names of schemas."""
    from bulkops.schemas import SCHEMAS

    return [CompletionItem(name, help=s.about) for name, s in SCHEMAS.items() if name.startswith(incomplete)]
