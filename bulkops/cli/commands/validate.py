"""`bulkops validate`: check files against a contract, and a snapshot of an account; no network."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.account import AccountChoice, account_options
from bulkops.cli.options.common import CountType, json_option, limit_options, overwrite_option
from bulkops.cli.options.contract import contract_argument
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.output.console import console
from bulkops.cli.output.outputs import permit_of, refuse_the_same
from bulkops.cli.output.validation_output import (
    Printer,
    exit_code,
    form_asked,
    judging_options,
    settings_of,
    tell,
    words,
)
from bulkops.errors import UsageError
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.validation.findings import ValidationReport
    from bulkops.writing import Permit

MOST_ACCEPTED = 100_000
"""Findings of a rule that a baseline can accept; beyond that the rule is better ignored."""


@click.command("validate")
@contract_argument
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@option("--recursive", is_flag=True, help="Look into folders for .csv files, compressed ones too.")
@judging_options
@option("--max-findings", type=CountType(0), help="Examples of each rule and file [5; 1000 in documents].")
@own_option(
    "--max-errors",
    type=CountType(),
    help="Stop reading a file at so many errors; the block they are in counts.",
)
@option("--mask", is_flag=True, help="Hide values.")
@own_option("--write-baseline", type=click.Path(path_type=Path), help="Accept all findings: write them to a file.")
@overwrite_option
@account_options
@option("--statistics", is_flag=True, help="Show counts by rule instead of findings.")
@limit_options
@json_option
def command(
    contract: Contract,
    files: tuple[str, ...],
    *,
    recursive: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    max_findings: int | None,
    max_errors: int | None,
    fail_on: str | None,
    case: str | None,
    form: str,
    mask: bool,
    baseline_path: Path | None,
    write_baseline: Path | None,
    overwrite: bool,
    account: AccountChoice,
    statistics: bool,
    as_json: bool,
) -> int:
    """Check FILEs: every defect with its record, line and column, and what to do.

    Exit code 0: clean (warnings do not count unless --fail-on warning); 1: findings; 2: a file cannot be read.
    """
    from bulkops.cli.output.excerpts import Excerpts
    from bulkops.reading.sources import expand
    from bulkops.validation.engine import validate_files

    form = form_asked(form, as_json=as_json)
    if mask and (baseline_path or write_baseline):
        raise UsageError("--mask hides the values that a baseline is about.", hint="Use one of the two.")
    settings = replace(
        settings_of(select=words(select), ignore=words(ignore), case=case, baseline_path=baseline_path, form=form),
        max_errors=max_errors,
        mask=mask,
    )
    snapshot = account.opened()
    settings = settings if snapshot is None else snapshot.settings(settings, contract)
    if max_findings is not None:
        settings = replace(settings, max_findings=max_findings)
    sources = expand(files, recursive=recursive)
    if write_baseline:
        read = (Path(name) for name in (*files, *(source.path for source in sources)))
        refuse_the_same(write_baseline, read, what="where accepted findings go")
        permit = permit_of(overwrite=overwrite)
        permit.check(write_baseline)
        settings = replace(settings, max_findings=MOST_ACCEPTED, grouped=False)
    excerpts = Excerpts()
    hidden = form != "text" or statistics or write_baseline
    watcher = None if hidden else Printer(console(), None if mask else excerpts)
    try:
        report = validate_files(contract, sources, settings=settings, observer=watcher)
    finally:
        excerpts.close()
    report = report if snapshot is None else snapshot.told(report)
    for file in report.files:
        if file.unreadable is not None:
            console().complain(file.unreadable)
    if write_baseline:
        return _write(report, write_baseline, permit)
    tell(report, form, statistics=statistics)
    return exit_code(report, fail_on)


def _write(report: "ValidationReport", path: Path, permit: "Permit") -> int:
    """Accept the findings of a report and return the exit code."""
    from bulkops.validation import baseline

    count = baseline.save(path, (f for file in report.files for f in file.findings), permit)
    console().note(f"{path}: {counted(count, 'finding')} accepted.")
    return 2 if any(file.unreadable for file in report.files) else 0
