"""`bulkops report`: what became of a job, or of several, on one page."""

from dataclasses import replace
from pathlib import Path

import click

from bulkops.cli.options.common import json_option, ledger_option, overwrite_option
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.output.console import console
from bulkops.cli.output.outputs import permit_of
from bulkops.cli.process import completion

FORMATS = ("html", "md", "json")


@click.command("report")
@click.argument("jobs", nargs=-1, metavar="[JOB...]", shell_complete=completion.jobs)
@own_option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where to write; - is stdout.",
)
@own_option("--format", "form", type=click.Choice(FORMATS), help="Default: by the file's suffix, else html.")
@option("--mask", is_flag=True, help="Hide the values of records.")
@own_option("--title", help="The heading; default: the job, or how many.")
@overwrite_option
@option("--no-check", is_flag=True, help="Do not read the files again for findings and sums.")
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
    """Make one self-contained report of a JOB, or of several; without a JOB, of the latest.

    With --json the report is printed as a document; with -o FILE as well it is also written to FILE.
    """
    from bulkops.clock import SystemClock
    from bulkops.ledger.store import Ledger
    from bulkops.reporting.write import ReportForm, ReportOptions, form_of, report_text, write_report
    from bulkops.settings import default_ledger_url

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
    clock = SystemClock()
    book = Ledger.open(ledger or default_ledger_url(), clock=clock, notify=console().note)
    try:
        made = clock.now()
        if not to_stdout:
            permit = permit_of(overwrite=overwrite, ledger=ledger)
            console().note(f"Wrote {write_report(book, options, made=made, output=output, permit=permit)}.")
        if to_stdout or as_json:
            shown = replace(options, form=ReportForm.JSON) if as_json else options
            console().document(report_text(book, shown, made=made)[1])
    finally:
        book.close()
