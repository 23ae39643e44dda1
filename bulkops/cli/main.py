"""The command group, which loads commands when they are used, and the handling of all errors."""

import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from bulkops.cli.options.environment import option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.output.console import Console
from bulkops.cli.process.error_exit import final_exit_code, report_error, without_color
from bulkops.cli.process.processors import leave, prepare
from bulkops.cli.process.signals import interrupt_on_signals
from bulkops.cli.process.streams import prepare_streams
from bulkops.errors import Interrupted, UsageError
from bulkops.redaction import remember_keys
from bulkops.remote.notices import listen
from bulkops.version import __version__
from bulkops.wording import guess, nearest

# Name, module and what `bulkops --help` says of it: so that asking for help imports no command.
COMMANDS = {
    "init": ("bulkops.cli.commands.init", "Propose a recipe from legacy files."),
    "validate": ("bulkops.cli.commands.validate", "Check files against a contract and locate every finding."),
    "check": ("bulkops.cli.commands.check", "Validate the files that the configuration maps to contracts."),
    "fix": ("bulkops.cli.commands.fix", "Write a repaired copy of a file and list the changes."),
    "rules": ("bulkops.cli.commands.rules", "List the rules, or explain one."),
    "contracts": ("bulkops.cli.commands.contracts", "List the contracts, or show one: columns, limits, endpoint."),
    "plan": ("bulkops.cli.commands.plan", "Show how a file is split into requests. Sends nothing."),
    "split": ("bulkops.cli.commands.split", "Write the chunks of a file as files."),
    "import": ("bulkops.cli.commands.import_", "Validate, plan and upload a file; optionally prove the result."),
    "export": ("bulkops.cli.commands.export", "Save data of a deployment to a file."),
    "reconcile": ("bulkops.cli.commands.reconcile", "Compare a file with the rows of the target."),
    "jobs": ("bulkops.cli.commands.jobs", "List, show, resume, resolve, cancel or undo jobs."),
    "ledger": ("bulkops.cli.commands.ledger", "Back up, check or prune the ledger, which stores the jobs."),
    "report": ("bulkops.cli.commands.report", "Write a one-page report of jobs."),
    "map": ("bulkops.cli.commands.map_", "Map the legacy files of a recipe to import files. Sends nothing."),
    "run": ("bulkops.cli.commands.run", "Run a recipe: several imports in order."),
    "copy": ("bulkops.cli.commands.copy", "Copy rows from one deployment to another, and prove them."),
    "inbox": ("bulkops.cli.commands.inbox", "Import the files that partners drop into a folder."),
    "recipes": ("bulkops.cli.commands.recipes", "List the shipped recipes, or show one."),
    "schema": (
        "bulkops.cli.commands.schema",
        "Print the JSON Schema of --json output, recipes or configuration.",
    ),
    "snapshot": ("bulkops.cli.commands.snapshot", "Store the description of an account for offline checks."),
    "doctor": ("bulkops.cli.commands.doctor", "Check configuration, ledger, network, key, rights and clock."),
    "sandbox": ("bulkops.cli.commands.sandbox", "Serve a local deployment for tests and rehearsals."),
}


HELP = "help"
COMPLETION = "_BULKOPS_COMPLETE"
"""Variable that a shell sets to request completions; its value names the shell and the request."""


class LazyGroup(click.Group):
    """A group that imports a command when it is first used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the command names in the order of a typical workflow."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command, or None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        from bulkops.cli.options.run_log import with_run_log  # needs modules that --help does not

        return with_run_log(command)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command, also for `help COMMAND`; UsageError suggests a name for an unknown one."""
        if ctx.resilient_parsing:  # a shell asks for completion, so an unknown word is valid
            return super().resolve_command(ctx, args[1:] or [""] if args[0] == HELP else args)
        if args[:1] == [HELP]:
            args = [*args[1:], "--help"]
            if args == ["--help"]:
                click.echo(ctx.get_help())
                ctx.exit()
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise UsageError(f"Unknown command {args[0]!r}.", hint=_command_hint(args[0]))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """Return the commands, without importing them, and the global options."""
        found = [CompletionItem(name, help=about) for name, (_, about) in COMMANDS.items()]
        found.append(CompletionItem(HELP, help="Show the help of a command."))
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [item for item in found if item.value.startswith(incomplete)] + options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands to the help without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


def _command_hint(word: str) -> str:
    """Return a hint for an unknown command: a similar command, or where to put a contract name."""
    if nearest(word, COMMANDS):
        return guess(word, COMMANDS)
    from bulkops_validators import CONTRACTS

    if contracts := nearest(word, CONTRACTS):
        return f"Put a command in front: bulkops validate {contracts[0]} FILE, or bulkops import {contracts[0]} FILE."
    return guess(word, COMMANDS)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="An environment variable can set every option: BULKOPS_COMMAND_OPTION. "
    "Exit codes: 0 success, 1 problem in the data, 2 wrong usage or configuration, 3 unfinished (resume the job), "
    "4 in doubt (manual decision), 5 stopped by a guard, 130 interrupted.",
)
@option(
    "--config",
    type=FilePath(local="the configuration is read from this machine", dir_okay=False),
    help="Configuration file; default: the nearest bulkops.toml or pyproject.toml with [tool.bulkops].",
)
@option("-q", "--quiet", is_flag=True, help="Print only results and errors.")
@option("--debug", former=["-v", "--verbose"], is_flag=True, help="Print the traceback of an unexpected error.")
@click.version_option(__version__, prog_name="bulkops")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, *, quiet: bool, debug: bool) -> None:
    """Import and export Talon.One data as CSV: validate, plan, upload, resume, reconcile."""
    console = ctx.ensure_object(Console)
    console.quiet, console.debug = quiet, debug
    ctx.meta["bulkops.config"] = config
    listen(console.note)


def run() -> int:
    """Run the command line and return its exit code; print each error to stderr."""
    prepare()
    remember_keys(os.environ)
    if os.environ.get(COMPLETION):
        from bulkops.cli.process.completion import completed

        return completed(cli, COMPLETION)
    console = Console()
    try:
        prepare_streams()
        with (
            interrupt_on_signals(),
            cli.make_context("bulkops", sys.argv[1:], obj=console, color=without_color()) as ctx,
        ):
            value = cli.invoke(ctx)  # a command's integer return value is its exit code
            code = value if isinstance(value, int) else 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last edge: nothing may end in a traceback
        code = report_error(error, console)
        if isinstance(error, click.exceptions.Exit):  # help or the version was printed
            return final_exit_code(code, console)
    return _finished(code, console)


def _finished(code: int, console: Console) -> int:
    """Print the end of a command, write its output to the end, and return the exit code of the process.

    A signal that arrives now ends the writing or the step that it interrupts, and the process continues to its end.
    """
    try:
        console.end(code)
        code = final_exit_code(code, console)
    except KeyboardInterrupt:
        code = Interrupted.exit_code
    for close in reversed(console.at_exit):
        with suppress(KeyboardInterrupt):
            close(code)
    return code


def main() -> None:
    """Run the command line and end with SystemExit."""
    sys.exit(run())


def process() -> None:
    """Run the command line and end the process without Python's slow clean-up."""
    leave(run())
