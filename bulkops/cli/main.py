"""The group of commands, loaded lazily, and the one place that makes messages and exit codes of errors."""

import os
import sys
from importlib import import_module
from pathlib import Path

import click

from bulkops.cli.console import Console
from bulkops.errors import BulkopsError, Interrupted, UsageError
from bulkops.version import __version__

# Name, module and what `bulkops --help` says of it: so that asking for help imports no command.
COMMANDS = {
    "validate": ("bulkops.cli.validate", "Check files against a contract: every defect, located."),
    "check": ("bulkops.cli.check", "Validate the files that the configuration maps to contracts."),
    "fix": ("bulkops.cli.fix", "Write a repaired copy of a file, with every change listed."),
    "rules": ("bulkops.cli.rules", "List the rules, or explain one."),
    "contracts": ("bulkops.cli.contracts", "List the contracts, or show one: columns, limits, endpoint."),
    "plan": ("bulkops.cli.plan", "Show how a file would be cut into requests. Sends nothing."),
    "split": ("bulkops.cli.split", "Write the chunks of a file as files."),
    "import": ("bulkops.cli.import_", "Validate, plan, upload and, if asked, prove."),
    "export": ("bulkops.cli.export", "Save what a deployment holds."),
    "reconcile": ("bulkops.cli.reconcile", "Compare a file with what the target holds, row by row."),
    "jobs": ("bulkops.cli.jobs", "List, show, resume, resolve, cancel or undo jobs."),
    "report": ("bulkops.cli.report", "Make one page of a job that people can sign."),
    "run": ("bulkops.cli.run", "Run a recipe: several imports in order."),
    "recipes": ("bulkops.cli.recipes", "List the shipped recipes, or show one."),
    "sandbox": ("bulkops.cli.sandbox", "Serve a local deployment to try and rehearse against."),
}


class LazyGroup(click.Group):
    """A group that imports a command when it is first asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done and true, 1 the data, 2 usage or configuration, 3 unfinished (resume), "
    "4 in doubt, 5 refused by a guard, 130 interrupted.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="BULKOPS_CONFIG",
    help="Configuration file; default: the nearest bulkops.toml or pyproject.toml with [tool.bulkops].",
)
@click.option("-q", "--quiet", is_flag=True, envvar="BULKOPS_QUIET", help="Say only results and errors.")
@click.option("-v", "--verbose", is_flag=True, envvar="BULKOPS_VERBOSE", help="Say more; show tracebacks of bugs.")
@click.version_option(__version__, prog_name="bulkops")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, *, quiet: bool, verbose: bool) -> None:
    """Move data in and out of Talon.One by CSV: validate, plan, upload, resume, reconcile."""
    if quiet and verbose:
        raise click.UsageError("-q and -v contradict each other.")
    console = ctx.ensure_object(Console)
    console.quiet, console.verbose = quiet, verbose
    ctx.meta["bulkops.config"] = config


def main() -> None:
    """Run the command line; every error becomes a message on stderr and a documented exit code."""
    console = Console()
    try:
        with cli.make_context("bulkops", sys.argv[1:], obj=console) as ctx:
            value = cli.invoke(ctx)  # a command's integer return value is its exit code
            code = value if isinstance(value, int) else 0
            sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - the last edge: nothing may end in a traceback
        code = _explain(error, console)
    except KeyboardInterrupt:
        code = _explain(Interrupted("Interrupted."), console)
    sys.exit(code)


def _drop_stdout() -> None:
    """Send what is left in the buffer of stdout nowhere, so that the interpreter's end does not try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: BaseException, console: Console) -> int:
    """Say what happened and return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        # The reader went away, as `| head` does: nothing more can be said there.
        _drop_stdout()
        return 0
    if isinstance(error, click.ClickException):
        error.show()
        known: BulkopsError = UsageError(error.format_message())
    else:
        known = _translated(error)
        console.complain(str(known))
    if console.verbose and not isinstance(error, (BulkopsError, click.ClickException)):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if "--json" in sys.argv and not console.emitted:
        _emit_error(known, console)
    try:
        sys.stdout.flush()
    except OSError:
        _drop_stdout()
    return known.exit_code


def _emit_error(known: BulkopsError, console: Console) -> None:
    """Print the error as the command's document; where stdout itself has failed, stderr has said it."""
    try:
        console.emit_json({"error": {"message": known.message, "hint": known.hint, "exit": known.exit_code}})
    except OSError:
        _drop_stdout()


def _translated(error: BaseException) -> BulkopsError:
    """Return an error of ours for one that came through from below."""
    if isinstance(error, BulkopsError):
        return error
    if isinstance(error, click.Abort):
        return Interrupted("Interrupted.")
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return UsageError(f"{where}{error.strerror}.")
    return UsageError(
        f"This is a bug in bulkops: {type(error).__name__}: {error}",
        hint="Run it again with -v for the traceback.",
    )
