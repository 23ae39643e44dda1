"""`bulkops ledger`: back up, check and prune the database that stores jobs."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import json_option, ledger_option, overwrite_option, sure_option
from bulkops.cli.options.environment import own_option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.output.console import console
from bulkops.cli.output.files import output_permit
from bulkops.cli.output.jobs_view import read_ledger
from bulkops.cli.output.prompt import confirm
from bulkops.errors import UsageError
from bulkops.wording import counted

if TYPE_CHECKING:
    from bulkops.json_documents.ledgers import BackupDocument, LedgerCheckDocument, PruneDocument


@click.group("ledger")
def command() -> None:
    """Back up, check or prune the ledger: the database that stores jobs."""


@command.command("backup")
@click.argument("file", type=FilePath(dir_okay=False))
@overwrite_option
@ledger_option
@json_option
def backup(file: Path, ledger: str | None, *, overwrite: bool, as_json: bool) -> None:
    """Write the ledger, its inboxes and the files beside it to FILE, a zip archive. Jobs may run at the same time.

    To restore it, unpack the archive and name ledger.db with --ledger. A resumed job then first searches for imports
    that the restored ledger does not contain.
    """
    from bulkops.clock import SystemClock
    from bulkops.ledger.care import back_up
    from bulkops.writing import whole_file

    url = _existing(ledger)
    with whole_file(file, output_permit(overwrite=overwrite, ledger=ledger)) as out:
        made = back_up(url, out, now=SystemClock().now())
    if as_json:
        written: BackupDocument = {
            "backup": str(file),
            "jobs": made.jobs,
            "files": made.files,
            "bytes": made.bytes,
            "sha256": made.sha256,
        }
        console().emit_json(written)
        return
    inboxes = f" and {counted(made.inboxes, 'inbox', 'inboxes')}" if made.inboxes else ""
    console().result(
        f"Wrote {file}: {counted(made.jobs, 'job')}{inboxes} in {counted(made.files, 'file')}, {made.bytes:,} bytes "
        f"before compression."
    )
    console().next_step = "bulkops ledger check"


@command.command("check")
@ledger_option
@json_option
def check(ledger: str | None, *, as_json: bool) -> int:
    """Check the ledger and its inboxes for damage, wrong record counts and missing files.

    Exit code 1: the data of the ledger may be wrong.
    """
    from bulkops.ledger.care import LedgerProblem, check_ledger
    from bulkops.ledger.damage import LedgerDamaged
    from bulkops.ledger.paths import without_password

    url = _existing(ledger)
    try:
        with read_ledger(ledger) as book:
            problems, jobs = check_ledger(url, book), len(book.jobs())
    except LedgerDamaged as error:
        problems, jobs = [LedgerProblem(message=f"SQLite cannot read the file: {error.reason}")], 0
    fatal = [problem for problem in problems if problem.fatal]
    if as_json:
        checked: LedgerCheckDocument = {
            "ledger": without_password(url),
            "jobs": jobs,
            "problems": [{"job": p.job, "message": p.message, "fatal": p.fatal} for p in problems],
        }
        console().emit_json(checked)
        return 1 if fatal else 0
    for problem in problems:
        where = f"Job {problem.job}" if problem.job else "The ledger"
        console().result(f"{where}: {problem.message}.")
    verdict = f"{counted(len(fatal), 'problem')}, {counted(len(problems) - len(fatal), 'warning')}"
    console().result(f"{without_password(url)}: {counted(jobs, 'job')}, {verdict if problems else 'no problem found'}.")
    if fatal:
        console().note("Restore a backup, or compare the jobs named above with `bulkops reconcile --job JOB`.")
    if not fatal:
        console().next_step = "bulkops ledger backup ledger.zip"
    elif any(problem.job for problem in fatal):
        console().next_step = "bulkops reconcile --job JOB"
    return 1 if fatal else 0


@command.command("prune")
@own_option(
    "--older-than", metavar="LENGTH", default="90d", show_default=True, help="Minimum age of a job's last event."
)
@own_option(
    "--digests", is_flag=True, help="Also remove digests; repeated records of these jobs are then no longer recognised."
)
@own_option(
    "--mapped", is_flag=True, help="Also remove the mapped files of recipes, if their job in this ledger is proved."
)
@own_option("--dry-run", is_flag=True, help="List the files to remove, and remove nothing.")
@sure_option
@ledger_option
@json_option
def prune(older_than: str, ledger: str | None, *, yes: bool, as_json: bool, **choices: bool) -> None:
    """Remove files of settled jobs: saved rows of the target, rejected records, stored DataFrames.

    The jobs and their import ids stay in the ledger, so a second import is still detected. A job without its saved rows
    can no longer be undone. With --mapped, mapped files of proved jobs are removed as well; jobs of other ledgers may
    need them.
    """
    from bulkops.clock import SystemClock
    from bulkops.exporting.time_slices import parse_length
    from bulkops.ledger import care
    from bulkops.settings import mapped_folder

    age = parse_length(older_than, option="--older-than", unit="d", zero=True)
    _existing(ledger)
    with read_ledger(ledger) as book:
        mapped = mapped_folder() if choices["mapped"] else None
        found = care.prunable(book, before=SystemClock().now() - age, digests=choices["digests"], mapped=mapped)
        if found.files and not choices["dry_run"]:
            facts = [
                _fact(found.jobs, len(found.files), found.bytes),
                *_kinds(found.files, mapped),
            ]
            confirm(facts, "Remove these files?", yes=yes, required=True, refusal="Nothing was removed.")
            care.prune(book, found)
    removed = bool(found.files) and not choices["dry_run"]
    if as_json:
        document: PruneDocument = {
            "jobs": found.jobs,
            "files": [str(path) for path in found.files],
            "bytes": found.bytes,
            "removed": removed,
        }
        console().emit_json(document)
        return
    if choices["dry_run"]:
        for path in found.files:
            console().result(str(path))
    console().result(f"{_fact(found.jobs, len(found.files), found.bytes)} {'Removed.' if removed else ''}".rstrip())
    again = found.files and choices["dry_run"]
    console().next_step = "bulkops ledger prune" if again else "bulkops ledger check"


def _kinds(files: tuple[Path, ...], mapped: Path | None) -> Iterator[str]:
    """Yield a fact for each kind of file that a user may still need."""
    from bulkops.upload.job_files import BEFORE

    if saved := sum(path.name == BEFORE for path in files):
        yield f"{counted(saved, 'file')} with saved rows among them: these jobs can then no longer be undone."
    if kept := sum(mapped in path.parents for path in files if mapped):
        yield f"{counted(kept, 'file')} of mapped recipes among them: reports can then no longer name legacy rows."


def _fact(jobs: int, files: int, size: int) -> str:
    return f"{counted(jobs, 'settled job')} of that age with {counted(files, 'file')}, {size:,} bytes."


def _existing(ledger: str | None) -> str:
    """Return the URL of a ledger; UsageError if its file is missing: an empty ledger would pass every check."""
    from bulkops.ledger.paths import ledger_exists, plain_path
    from bulkops.settings import default_ledger_url

    url = ledger or default_ledger_url()
    path = plain_path(url)
    if path is not None and not ledger_exists(path):
        raise UsageError(
            f"The ledger {path} does not exist.",
            hint="Name it with --ledger, or BULKOPS_LEDGER. An import creates one.",
        )
    return url
