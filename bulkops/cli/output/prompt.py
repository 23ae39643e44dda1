"""The question before something is sent, removed or given up: first the facts, then yes or no."""

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from bulkops.cli.output.console import console, line
from bulkops.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from bulkops.upload.guards import Difference


def confirm(facts: Iterable[str], question: str, *, yes: bool, required: bool = False, refusal: str) -> None:
    """Print the facts to stderr and, on a terminal, ask; Interrupted with `refusal` if the answer is no.

    With `yes` nothing is asked. Without a terminal nobody can be asked: UsageError if an answer is `required`.
    """
    asked = not yes and on_terminal()
    for fact in facts:
        if asked:  # nobody can answer without the facts, so --quiet does not hide them
            click.echo(line(fact), err=True)
        else:
            console().note(fact)
    if asked and not _answer(question):
        raise Interrupted(refusal)
    if required and not asked and not yes:
        raise UsageError(f"{question} There is no terminal to ask on. {refusal}", hint="Add --yes to do it.")


def on_terminal() -> bool:
    """Return whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def target_line(target: Mapping[str, Any], facts: Mapping[str, str] | None = None) -> str:
    """Return the target's identity as a fact; `facts` has for an id what is known of it, the id included."""
    known = facts or {}
    ids = (f"{name} {known.get(name, value)}" for name, value in target["ids"].items())
    return ", ".join([f"Target: {target['base_url']}", *ids])


def difference_line(difference: "Difference") -> str:
    """Return what a replacement changes as a fact."""
    return (
        f"Compared with the target: {difference.added:,} added, {difference.changed:,} changed, "
        f"{difference.removed:,} removed, {difference.kept:,} kept."
    )


def _answer(question: str) -> bool:
    """Ask; a terminal that is gone, or a closed stdin, means no."""
    try:
        return click.confirm(question, err=True)
    except (click.Abort, OSError):
        return False
