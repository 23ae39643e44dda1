"""What a command says when an error ends it, and the exit code of that."""

import errno
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.output.console import Console
from bulkops.cli.process.streams import lost_output
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
    """Return False where NO_COLOR asks for text without colours, else None: the terminal decides."""
    return False if os.environ.get("NO_COLOR") else None


def ended_by(error: BaseException, console: Console) -> int:
    """Say what happened and return the exit code."""
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
    if console.verbose and not isinstance(error, (BulkopsError, click.ClickException)):
        import traceback

        click.echo(escaped(redacted("".join(traceback.format_exception(error)))), err=True)
    if _json_asked(console) and not console.emitted:
        _emit(known, console)
    return known.exit_code


def printed(code: int, console: Console) -> int:
    """Return the exit code of a command that ended with `code`: its own, whether or not anybody reads its output.

    2 where the output is lost for another reason, such as a full disk, and the code says no more than how the data is.
    """
    if (failure := lost_output()) is None:
        return code
    hint = "The jobs are in the ledger: `bulkops jobs list` shows them." if console.about_jobs else None
    console.complain(f"{failure.strerror}.", hint)
    return UsageError.exit_code if code in (0, DataError.exit_code) else code


def _hint_of(error: click.ClickException) -> str | None:
    """Return how to give an option that belongs in front of the command, None for every other error."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None or error.ctx.parent is None:
        return None
    root = error.ctx.find_root().command
    names = {name for parameter in root.params for name in parameter.opts}
    if error.option_name not in names:
        return None
    words = error.ctx.command_path.removeprefix(f"{error.ctx.find_root().info_name} ")
    return f"{error.option_name} goes in front of the command: bulkops {error.option_name} {words} …"


def _plain(text: str) -> str:
    for pattern, words in PLAIN:
        text = pattern.sub(words, text)
    return text


def _json_asked(console: Console) -> bool:
    """Tell whether a document is due; an option that cannot be read may have ended the command before --json was."""
    return console.json_asked or "--json" in sys.argv or os.environ.get("BULKOPS_JSON", "") not in ("", "0", "false")


def _emit(known: BulkopsError, console: Console) -> None:
    """Print the error as the command's document."""
    document: ErrorDocument = {"error": known.to_json()}
    console.emit_json(document)


def _translated(error: BaseException) -> BulkopsError:
    """Return an error of ours for one that came through from below."""
    if isinstance(error, ServerRefused):
        # The refusals of a job are settled before they come here, so this one answered a question that will not pass.
        return UsageError(error.message, hint="The same request would be refused again. Check the ids and options.")
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
        hint="Run it again with -v for the traceback.",
    )


def _of_the_system(error: OSError) -> BulkopsError:
    """Return what the system said, of the file that was asked for: `.part` is what it is called until it is whole."""
    if not isinstance(error.filename, (str, bytes)) or not error.filename:
        return UsageError(f"{error.strerror}.")
    path = Path(os.fsdecode(error.filename).removesuffix(".part"))
    if error.errno == errno.ENOENT and not path.parent.exists():
        from bulkops.writing import no_folder  # what it loads takes longer than most commands need to end

        return no_folder(path)
    return UsageError(f"{path}: {error.strerror}.")
