"""The question before an upload, a removal or a cancellation: first the facts, then yes or no."""

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from bulkops.cli.output.console import console
from bulkops.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from bulkops.upload.guards import TargetDifference


def confirm(facts: Iterable[str], question: str, *, yes: bool, required: bool = False, refusal: str) -> None:
    """Print the facts to stderr and, on a terminal, ask; raise Interrupted with `refusal` if the user declines.

    With `yes`, or without a terminal, the user is not asked. UsageError if an answer is `required` without a
    terminal.
    """
    asked = not yes and on_terminal()
    for fact in facts:
        if asked:  # nobody can answer without the facts, so --quiet does not hide them
            console().state(fact)
        else:
            console().note(fact)
    if asked and not _confirmed(question):
        raise Interrupted(refusal)
    if required and not asked and not yes:
        raise UsageError(f"{question} Without a terminal this needs --yes. {refusal}", hint="Add --yes to confirm.")


def on_terminal() -> bool:
    """Return whether a user can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def target_line(target: Mapping[str, Any], facts: Mapping[str, str] | None = None) -> str:
    """Return the target's identity as a fact; `facts` contains a description for each known id."""
    known = facts or {}
    ids = (f"{name} {known.get(name, value)}" for name, value in target["ids"].items())
    return ", ".join([f"Target: {target['base_url']}", *ids])


def difference_line(difference: "TargetDifference") -> str:
    """Return the changes of a replacement as a fact."""
    return (
        f"Compared with the target: {difference.added:,} added, {difference.changed:,} changed, "
        f"{difference.removed:,} removed, {difference.kept:,} kept."
    )


def _confirmed(question: str) -> bool:
    """Ask and return the reply; a closed terminal or stdin means no."""
    try:
        return click.confirm(question, err=True)
    except (click.Abort, OSError):
        return False
