"""`bulkops report`: write the results of one or more jobs as one page."""

from dataclasses import replace
from pathlib import Path

import click

from bulkops.cli.options.common import json_option, ledger_option, overwrite_option
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.output.console import console
from bulkops.cli.output.files import output_permit
from bulkops.cli.process import completion

FORMATS = ("html", "md", "json")


@click.command("report")
@click.argument("jobs", nargs=-1, metavar="[JOB...]", shell_complete=completion.jobs)
@own_option(
    "-o",
    "--output",
    type=FilePath(dir_okay=False, allow_dash=True),
    help="File to write; - is stdout.",
)
@own_option("--format", "form", type=click.Choice(FORMATS), help="Default: from the file name, else html.")
@option("--mask", is_flag=True, help="Hide the values of records.")
@own_option("--title", help="Heading; default: the job, or the number of jobs.")
@overwrite_option
@option("--no-check", is_flag=True, help="Do not read the files again to check findings and sums.")
@ledger_option
@json_option
def command(
    jobs: tuple[str, ...],
    output: Path | None,
    form: str | None,
    title: str | None,
    ledger: str | None,
    *,
    mask: bool,
    no_check: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write one self-contained report of one or more JOBs; by default of the latest.

    --json prints the report as JSON; with -o FILE it is also written to FILE.
    """
    from bulkops.cli.output.jobs_view import read_ledger
    from bulkops.clock import SystemClock
    from bulkops.reporting.write import ReportForm, ReportOptions, form_of, report_text, write_report

    to_stdout = str(output) == "-" or (as_json and output is None)
    if as_json and to_stdout:
        form = "json"
    named = form_of(output)
    options = ReportOptions(
        jobs=jobs,
        form=ReportForm(form) if form else named,
        title=title,
        mask=mask,
        check_files=not no_check,
        ledger=ledger,
    )
    with read_ledger(ledger) as book:
        made = SystemClock().now()
        if not to_stdout:
            permit = output_permit(overwrite=overwrite, ledger=ledger)
            console().note(f"Wrote {write_report(book, options, made=made, output=output, permit=permit)}.")
            console().next_step = "bulkops ledger backup ledger.zip"
        if to_stdout or as_json:
            shown = replace(options, form=ReportForm.JSON) if as_json else options
            console().document(report_text(book, shown, made=made)[1])
