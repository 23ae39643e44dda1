"""Options that can come from the environment: all of them, each by the name of its command."""

import os
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, TypeVar

import click
from click.core import ParameterSource

F = TypeVar("F", bound=Callable[..., Any])


class Reach(Enum):
    """How far a variable reaches: no guard is lifted and no file written by what was set for another command."""

    EVERYWHERE = "everywhere"  # BULKOPS_SETTLE too: the option means the same wherever it is
    GROUP = "group"  # BULKOPS_EXPORT_OUTPUT too, for all commands of the group
    COMMAND = "command"  # BULKOPS_JOBS_UNDO_MAX_REMOVALS alone


class EnvironmentOption(click.Option):
    """An option whose variable is BULKOPS_, the words of its command, and its own name; shorter ones by its reach."""

    def __init__(self, *names: Any, reach: Reach = Reach.EVERYWHERE, **attributes: Any) -> None:
        super().__init__(*names, **attributes)
        self.reach = reach

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the first of the option's variables that is set to something."""
        return next((value for name in self.variables(ctx) if (value := os.environ.get(name))), None)

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return how messages name the option; the variable too, where a value came from it."""
        hint = super().get_error_hint(ctx)
        if ctx is None or self.name is None or ctx.get_parameter_source(self.name) is not ParameterSource.ENVIRONMENT:
            return hint
        return f"{hint} ({next(name for name in self.variables(ctx) if os.environ.get(name))})"

    def variables(self, ctx: click.Context) -> Iterator[str]:
        """Yield the names of the option's variables, the one that wins first."""
        long = next(name for name in self.opts if name.startswith("--")).removeprefix("--")
        words = _words_of(ctx)
        shortest = {Reach.EVERYWHERE: 0, Reach.GROUP: min(1, len(words)), Reach.COMMAND: len(words)}[self.reach]
        for length in dict.fromkeys((len(words), min(1, len(words)), 0)):
            if length < shortest:
                return
            yield "_".join(["BULKOPS", *words[:length], long]).replace("-", "_").upper()


def option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """Declare an option that can also come from the environment; `reach` says under which names."""
    return click.option(*names, cls=EnvironmentOption, **attributes)


def own_option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """Declare an option that says something else, or too much, for other commands: its variable names the command."""
    return option(*names, reach=Reach.GROUP, **attributes)


def _words_of(ctx: click.Context) -> list[str]:
    """Return the words of a command behind the program's name."""
    words: list[str] = []
    while ctx.parent is not None:
        words.insert(0, str(ctx.command.name))
        ctx = ctx.parent
    return words
