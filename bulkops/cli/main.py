"""The group of commands, loaded lazily, and the one place that makes messages and exit codes of errors."""

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

import click

from bulkops import __version__
from bulkops.cli.console import Console
from bulkops.errors import BulkopsError, Interrupted, UsageError

COMMANDS = {
    "validate": "bulkops.cli.validate",
    "fix": "bulkops.cli.fix",
    "rules": "bulkops.cli.rules",
    "contracts": "bulkops.cli.contracts",
    "plan": "bulkops.cli.plan",
    "split": "bulkops.cli.split",
    "import": "bulkops.cli.import_",
    "export": "bulkops.cli.export",
    "reconcile": "bulkops.cli.reconcile",
    "jobs": "bulkops.cli.jobs",
    "report": "bulkops.cli.report",
    "run": "bulkops.cli.run",
    "recipes": "bulkops.cli.recipes",
    "sandbox": "bulkops.cli.sandbox",
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
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command


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


def _explain(error: BaseException, console: Console) -> int:
    """Say what happened and return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        # The reader went away, as `| head` does: nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, click.ClickException):
        error.show()
        known: BulkopsError = UsageError(error.format_message())
    else:
        known = _translated(error)
        click.echo(f"bulkops: {known}", err=True)
    if console.verbose and not isinstance(error, (BulkopsError, click.ClickException)):
        traceback.print_exception(error, file=sys.stderr)
    if "--json" in sys.argv and not console.emitted:
        console.emit_json({"error": {"message": known.message, "hint": known.hint, "exit": known.exit_code}})
    return known.exit_code


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
