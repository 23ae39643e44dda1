"""`bulkops jobs`: list, show, resume, resolve, cancel and undo the jobs of the ledger."""

from typing import Any

import click

from bulkops.cli.options.common import CountType, json_option, ledger_option, sure_option
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.options.on_end import announced
from bulkops.cli.options.paths import FilePath
from bulkops.cli.options.run import given_settings, max_removals_option, run_options
from bulkops.cli.options.target import target_options
from bulkops.cli.process import completion
from bulkops.cli.process.targets import TargetChoice
from bulkops.errors import UsageError
from bulkops.ledger.states import JobState

job_argument = click.argument("job", required=False, shell_complete=completion.jobs)
named_job_argument = click.argument("job", shell_complete=completion.jobs)


STATES = click.Choice([state.value for state in JobState])


@click.group("jobs")
def command() -> None:
    """List, show, resume, cancel or undo jobs, and decide about chunks in doubt."""


@command.command("list")
@own_option(
    "--state",
    "states",
    type=click.Choice([state.value for state in JobState]),
    multiple=True,
    help="Only jobs in this state.",
)
@own_option("--limit", type=CountType(0), help="Maximum number of jobs, 0 for all [50; all with --json].")
@own_option(
    "--exit-code",
    "by_state",
    is_flag=True,
    help="For monitoring: exit code 3 if a job is unfinished, 4 if one is in doubt.",
)
@ledger_option
@json_option
def list_(states: tuple[str, ...], limit: int | None, ledger: str | None, *, by_state: bool, as_json: bool) -> int:
    """List the jobs, newest first."""
    from bulkops.cli.output.jobs_list import list_jobs

    code = list_jobs(ledger, states=states, limit=limit, as_json=as_json)
    return code if by_state else 0


@command.command("show")
@job_argument
@ledger_option
@option("--history", is_flag=True, help="Show all events of the job, with their evidence.")
@json_option
def show(job: str | None, ledger: str | None, *, history: bool, as_json: bool) -> None:
    """Show JOB, by default the latest: its record counts, and the state of each chunk."""
    from bulkops.cli.output.jobs_view import show_one

    show_one(job, ledger, history=history, as_json=as_json)


@command.command("resume")
@job_argument
@target_options
@run_options
@max_removals_option
@ledger_option
@own_option("--file", type=FilePath(), help="The file's new path if it was moved; its bytes must be the same.")
@option("--reconcile", is_flag=True, help="Read the rows back afterwards and prove each one.")
@own_option("--all", "every", is_flag=True, help="Resume every unfinished job, oldest first.")
@json_option
@announced
def resume(job: str | None, *, target: TargetChoice, ledger: str | None, **choices: Any) -> int:
    """Resume JOB, by default the latest unfinished one, with the same file, target and plan."""
    from bulkops.cli.views.resume_view import resume_all, resume_job

    if choices["every"]:
        if job is not None or choices["file"] is not None:
            raise UsageError("--all resumes every unfinished job. Remove the JOB and --file.")
        return resume_all(
            target,
            ledger,
            changes=given_settings(choices),
            reconcile=choices["reconcile"],
            as_json=choices["as_json"],
        )

    return resume_job(
        job,
        target,
        ledger,
        changes=given_settings(choices),
        file=choices["file"],
        reconcile=choices["reconcile"],
        as_json=choices["as_json"],
    )


@command.command("resolve")
@named_job_argument
@click.argument("chunk", type=CountType())
@option(
    "--as",
    "decision",
    type=click.Choice(("accepted", "resend", "partly")),
    required=True,
    help="accepted: its records are at the target. resend: they are not; send them again. partly: read back, accept "
    "the records found, and return the others to pending.",
)
@option("--reason", required=True, metavar="TEXT", help="Reason of the decision, stored in the ledger.")
@target_options
@ledger_option
@sure_option
@json_option
def resolve(job: str, chunk: int, decision: str, reason: str, target: TargetChoice, **choices: Any) -> None:
    """Record a manual decision about a CHUNK of JOB that is in doubt.

    Only `partly` needs the target: it prints the rows found and, on a terminal, asks before it records the decision.
    """
    ledger, as_json = choices["ledger"], choices["as_json"]
    if decision == "partly":
        from bulkops.cli.views.partly_view import resolve_partly

        resolve_partly(job, chunk, target, ledger, reason=reason, yes=choices["yes"], as_json=as_json)
        return
    from bulkops.cli.output.jobs_view import resolve_chunk

    resolve_chunk(job, chunk, ledger, accepted=decision == "accepted", reason=reason, as_json=as_json)


@command.command("cancel")
@named_job_argument
@ledger_option
@sure_option
@json_option
def cancel(job: str, ledger: str | None, *, yes: bool, as_json: bool) -> None:
    """Cancel JOB. Pending records are never sent; accepted ones stay at the target. Asks on a terminal."""
    from bulkops.cli.output.jobs_view import cancel_job

    cancel_job(job, ledger, yes=yes, as_json=as_json)


@command.command("undo")
@named_job_argument
@target_options
@run_options
@max_removals_option
@own_option(
    "--also",
    type=click.Choice(("used", "changed")),
    multiple=True,
    help="Remove rows in use (redeemed codes, cards with points) or changed rows as well.",
)
@own_option("-o", "--output", type=FilePath(), help="Giveaways: write the codes of the job, which stay, to this file.")
@ledger_option
@sure_option
@json_option
@announced
def undo(job: str, *, target: TargetChoice, ledger: str | None, **choices: Any) -> int:
    """Undo JOB as a new job: remove the rows it created, or restore the rows it replaced or changed.

    Coupons, referrals and cards that the job created are deleted; cards that it changed are restored. Imported points
    that are still active are deducted.
    Audiences, collections, stores, store budgets, tiers and join dates are restored from the rows saved before the job.
    Giveaways and attribute values cannot be undone; -o lists the giveaways.

    First prints the rows that this removes, adds and changes. Asks on a terminal; elsewhere --yes is required.
    """
    from bulkops.cli.views.undo_view import undo_job

    return undo_job(
        job,
        target,
        ledger,
        settings=given_settings(choices),
        also=choices["also"],
        output=choices["output"],
        yes=choices["yes"],
        as_json=choices["as_json"],
    )
