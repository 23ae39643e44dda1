"""Options that environment variables can set, and the former names of renamed options."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from bulkops.cli.output.console import console

F = TypeVar("F", bound=Callable[..., Any])
GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


class Reach(Enum):
    """The scope of an option's variables. A variable of one command never lifts a guard or names a file of another."""

    EVERYWHERE = "everywhere"  # also BULKOPS_SETTLE: the option has one meaning in all commands
    GROUP = "group"  # also BULKOPS_EXPORT_OUTPUT, for all commands of the group
    COMMAND = "command"  # only BULKOPS_JOBS_UNDO_MAX_REMOVALS


class EnvironmentOption(click.Option):
    """An option that an environment variable can set: BULKOPS_, the words of the command, and the option's name.

    `reach` decides which shorter names work too. `former` names the parameter of the option's former name.
    """

    def __init__(
        self, *names: Any, reach: Reach = Reach.EVERYWHERE, former: str | None = None, **attributes: Any
    ) -> None:
        super().__init__(*names, **attributes)
        self.reach = reach
        self.former = former

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the value of the option's first variable that is set and not empty."""
        return next((value for name in self.variables(ctx) if (value := os.environ.get(name))), None)

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Return the option's value and source; a value under the former name counts, with a notice on stderr."""
        value, source = super().consume_value(ctx, opts)
        renamed = [each for each in ctx.command.params if isinstance(each, FormerOption) and each.name == self.former]
        if not renamed or source is ParameterSource.COMMANDLINE:
            return value, source
        former, former_source = renamed[0].consume_value(ctx, opts)
        if former_source not in GIVEN or (source is ParameterSource.ENVIRONMENT and former_source is source):
            return value, source
        old, new = renamed[0].given_name(ctx, former_source), self.given_name(ctx, former_source)
        console().note(f"{old} is now called {new}. The old name still works.")
        return former, former_source

    def given_name(self, ctx: click.Context, source: ParameterSource) -> str:
        """Return the name that sets the option from a source: a variable or the long option."""
        if source is ParameterSource.ENVIRONMENT:
            names = list(self.variables(ctx))
            return next((name for name in names if os.environ.get(name)), names[0])
        return next(name for name in self.opts if name.startswith("--"))

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return click's additions to the help text, with the range in plain words and only where it matters."""
        extra = super().get_help_extra(ctx)
        if "range" in extra:
            del extra["range"]
            if bounds := getattr(self.type, "bounds", ""):
                extra["range"] = bounds
        return extra

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return the option's name for messages, with the variable if the value came from one."""
        hint = super().get_error_hint(ctx)
        if ctx is None or self.name is None or ctx.get_parameter_source(self.name) is not ParameterSource.ENVIRONMENT:
            return hint
        return f"{hint} ({self.given_name(ctx, ParameterSource.ENVIRONMENT)})"

    def variables(self, ctx: click.Context) -> Iterator[str]:
        """Yield the names of the option's variables, the one with the highest priority first."""
        long = next(name for name in self.opts if name.startswith("--")).removeprefix("--")
        words = _command_words(ctx)
        shortest = {Reach.EVERYWHERE: 0, Reach.GROUP: min(1, len(words)), Reach.COMMAND: len(words)}[self.reach]
        for length in dict.fromkeys((len(words), min(1, len(words)), 0)):
            if length < shortest:
                return
            yield "_".join(["BULKOPS", *words[:length], long]).replace("-", "_").upper()


class FormerOption(EnvironmentOption):
    """The former name of an option. It is hidden, and sets the option under its present name."""


def option(*names: str, former: Sequence[str] = (), **attributes: Any) -> Callable[[F], F]:
    """Declare an option that environment variables can set; `reach` decides which.

    `former` are names that the option had before. They still work, and print a notice.
    """
    if not former:
        return click.option(*names, cls=EnvironmentOption, **attributes)
    key = "former_" + former[-1].removeprefix("--").replace("-", "_")
    shared = {name: value for name, value in attributes.items() if name in ("type", "is_flag", "multiple", "reach")}
    hide = click.option(*former, key, cls=FormerOption, hidden=True, expose_value=False, **shared)
    declare = click.option(*names, cls=EnvironmentOption, former=key, **attributes)
    return lambda function: declare(hide(function))


def own_option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """Declare an option with another meaning, or more power, in other commands: its variables name the command."""
    return option(*names, reach=Reach.GROUP, **attributes)


def _command_words(ctx: click.Context) -> list[str]:
    """Return the words of a command after the program's name."""
    words: list[str] = []
    while ctx.parent is not None:
        words.insert(0, str(ctx.command.name))
        ctx = ctx.parent
    return words
