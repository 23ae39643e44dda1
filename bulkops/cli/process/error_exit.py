"""Turn the error that ends a command into a message and an exit code."""

import errno
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.output.console import Console
from bulkops.cli.process.streams import output_failure
from bulkops.errors import BulkopsError, DataError, Interrupted, ServerRefused, Unfinished, UsageError
from bulkops.escaping import escaped
from bulkops.redaction import redacted

if TYPE_CHECKING:
    from bulkops.json_documents.common import ErrorDocument

PLAIN = (
    (re.compile(r"is not a valid integer(?: range)?\b"), "is not a whole number"),
    (re.compile(r"is not a valid float(?: range)?\b"), "is not a number"),
    (re.compile(r"is not a valid boolean\. Recognized values: .*"), "is neither 1 nor 0."),
)


def without_color() -> bool | None:
    """Return False if NO_COLOR is set, else None: colours depend on the terminal."""
    return False if os.environ.get("NO_COLOR") else None


def report_error(error: BaseException, console: Console) -> int:
    """Print the error to stderr, and with --json to stdout, and return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the help, of many lines
        click.echo(escaped(error.format_message()), err=True)
        return UsageError.exit_code
    if isinstance(error, click.ClickException):
        known: BulkopsError = UsageError(_plain(error.format_message()), hint=_hint_of(error))
        if isinstance(error, click.UsageError) and error.ctx:
            click.echo(escaped(error.ctx.get_usage()), err=True)
    else:
        known = _translated(error)
    console.complain(known.message, known.hint)
    if console.debug and not isinstance(error, (BulkopsError, click.ClickException)):
        import traceback

        click.echo(escaped(redacted("".join(traceback.format_exception(error)))), err=True)
    if _json_asked(console) and not console.emitted:
        _emit(known, console)
    return known.exit_code


def final_exit_code(code: int, console: Console) -> int:
    """Return the final exit code of a command that ended with `code`.

    A closed pipe does not change it. If the output was lost for another reason, such as a full disk, 0 and 1 become 2
    and the cause is printed.
    """
    if (failure := output_failure()) is None:
        return code
    from bulkops.disk import not_written  # loaded only for an error

    known = not_written("stdout", failure, instead="send the output elsewhere")
    hint = "The ledger contains the jobs: `bulkops jobs list` shows them." if console.about_jobs else known.hint
    console.complain(known.message, hint)
    return UsageError.exit_code if code in (0, DataError.exit_code) else code


def _hint_of(error: click.ClickException) -> str | None:
    """Return where to find a missing JOB, or how to write a global option after the command; None for other errors."""
    if isinstance(error, click.MissingParameter) and error.ctx and error.param and error.param.name == "job":
        return "`bulkops jobs list` lists all jobs."
    if not isinstance(error, click.NoSuchOption) or error.ctx is None or error.ctx.parent is None:
        return None
    root = error.ctx.find_root().command
    names = {name for parameter in root.params for name in parameter.opts}
    if error.option_name not in names:
        return None
    words = error.ctx.command_path.removeprefix(f"{error.ctx.find_root().info_name} ")
    return f"{error.option_name} must come before the command: bulkops {error.option_name} {words} …"


def _plain(text: str) -> str:
    for pattern, words in PLAIN:
        text = pattern.sub(words, text)
    return text


def _json_asked(console: Console) -> bool:
    """Return whether --json applies, also if an invalid option ended the command before --json was read."""
    return console.json_asked or "--json" in sys.argv or os.environ.get("BULKOPS_JSON", "") not in ("", "0", "false")


def _emit(known: BulkopsError, console: Console) -> None:
    """Print the error as JSON."""
    document: ErrorDocument = {"error": known.to_json()}
    console.emit_json(document)


def _translated(error: BaseException) -> BulkopsError:
    """Return the bulkops error for an exception of a command or a library."""
    if isinstance(error, ServerRefused):
        # The refusals of a job are settled before they come here, so this one answered a question that will not pass.
        return UsageError(
            error.message, hint="The server would reject the same request again. Check the ids and options."
        )
    if isinstance(error, Unfinished) and error.hint is None:
        error.hint = "Run the command again."
    if isinstance(error, BulkopsError):
        return error
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return Interrupted("Interrupted.")
    if isinstance(error, OSError) and error.strerror:
        return _of_the_system(error)
    return UsageError(
        f"This is a bug in bulkops: {type(error).__name__}: {error}",
        hint="Run the command again with --debug in front of it, and report the traceback.",
    )


def _of_the_system(error: OSError) -> BulkopsError:
    """Return the bulkops error for an operating-system error; it names the final file instead of its `.part` file."""
    from bulkops.disk import FULL, not_written  # loaded only for an error

    full = error.errno in FULL
    if not isinstance(error.filename, (str, bytes)) or not error.filename:
        hint = "`bulkops doctor` shows the free space of the state folder and of the folder of temporary files."
        return UsageError(f"{error.strerror}.", hint=hint if full else None)
    path = Path(os.fsdecode(error.filename).removesuffix(".part"))
    if error.errno == errno.ENOENT and not path.parent.exists():
        from bulkops.writing import no_folder  # its imports take longer than the end of most commands

        return no_folder(path)
    return not_written(path, error) if full else UsageError(f"{path}: {error.strerror}.")
