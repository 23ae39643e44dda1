"""`bulkops validate`: check files against a contract and an account snapshot; no network."""

import shlex
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.account import AccountChoice, account_options
from bulkops.cli.options.common import (
    CountType,
    cluster_option,
    json_option,
    limit_options,
    overwrite_option,
    tables_option,
)
from bulkops.cli.options.contract import contract_argument
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.options.paths import FilePath, FileWord
from bulkops.cli.output.console import console
from bulkops.cli.output.files import output_permit
from bulkops.cli.process.processors import keep_freed_memory
from bulkops.cli.views.validation_output import (
    FindingPrinter,
    exit_code,
    print_report,
    requested_format,
    split_list,
    validation_options,
    validation_settings,
    with_examples,
)
from bulkops.errors import UsageError
from bulkops.remote.paths import path_of
from bulkops.wording import counted
from bulkops.writing import refuse_no_folder, refuse_the_same
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules import Severity

if TYPE_CHECKING:
    from bulkops.reading.sources import Source
    from bulkops.validation.findings import ValidationReport
    from bulkops.validation.settings import ValidationSettings
    from bulkops.writing import Permit

MOST_ACCEPTED = 100_000
"""Maximum findings of one rule in a baseline; to accept more, ignore the rule."""


@click.command("validate")
@contract_argument
@click.argument("files", nargs=-1, required=True, type=FileWord(), metavar="FILE...")
@option("--recursive", is_flag=True, help="Search folders for .csv files, also compressed ones.")
@validation_options
@option(
    "--max-findings", type=CountType(0), help="Maximum examples of each rule and file [5; 1000 with --json and sarif]."
)
@own_option(
    "--max-errors",
    type=CountType(),
    help="Stop reading a file after the block in which this number of errors is reached.",
)
@option("--mask", is_flag=True, help="Mask the values of records.")
@own_option(
    "--write-baseline",
    type=FilePath(local="a baseline is a file of the repository"),
    help="Accept all findings: write them to a baseline file.",
)
@tables_option
@overwrite_option
@account_options
@cluster_option
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
    tables: tuple[tuple[str, Path], ...],
    overwrite: bool,
    account: AccountChoice,
    cluster: str | None,
    statistics: bool,
    as_json: bool,
) -> int:
    """Check FILEs and report every finding with its record, line, column and fix.

    Exit codes: 0: no errors (--fail-on warning: no warnings either); 1: findings; 2: a file cannot be read;
    3: the cluster failed.
    """
    from bulkops.reading.sources import expand

    form = requested_format(form, as_json=as_json)
    if mask and (baseline_path or write_baseline):
        raise UsageError("--mask hides the values that a baseline compares.", hint="Use one of the two.")
    settings = replace(
        validation_settings(
            select=split_list(select), ignore=split_list(ignore), case=case, baseline_path=baseline_path, form=form
        ),
        max_errors=max_errors,
        mask=mask,
    )
    snapshot = account.opened()
    settings = settings if snapshot is None else snapshot.settings(settings, contract)
    if max_findings is not None:
        settings = replace(settings, max_findings=max_findings)
    sources = expand(files, recursive=recursive)
    if write_baseline:
        permit = _permit_of_baseline(write_baseline, files, sources, overwrite=overwrite)
        settings = replace(settings, max_findings=MOST_ACCEPTED, grouped=False)
    shown = settings.max_findings
    if tables:
        permit = _permit_of_tables(tables, files, [source.path for source in sources], overwrite=overwrite)
        settings = replace(settings, max_findings=max(shown, MOST_ACCEPTED), grouped=False)
    hidden = form != "text" or statistics or write_baseline is not None
    report = _checked(contract, sources, settings, cluster, hidden=hidden, most=shown)
    report = report if snapshot is None else snapshot.describe(report)
    for file in report.files:
        if file.unreadable is not None:
            console().complain(file.unreadable)
    if write_baseline:
        return _write(report, write_baseline, permit)
    if tables:
        _write_tables(report, tables, permit)
        report = with_examples(report, shown)
    print_report(report, form, statistics=statistics)
    code = exit_code(report, fail_on)
    if len(report.files) == 1 and form == "text":
        console().next_step = _next_command(contract, files[0], report, code)
    return code


def _checked(
    contract: Contract,
    sources: "list[Source]",
    settings: "ValidationSettings",
    cluster: str | None,
    *,
    hidden: bool,
    most: int,
) -> "ValidationReport":
    """Check files, here or on a cluster.

    Unless `hidden`, print at most `most` findings of each rule and file as soon as they are found.
    """
    from bulkops.cli.output.excerpts import Excerpts
    from bulkops.validation.engine import validate_files

    keep_freed_memory()
    excerpts = Excerpts()
    watcher = None if hidden else FindingPrinter(console(), None if settings.mask else excerpts, most=most)
    with closing(excerpts):
        if cluster is None:
            return validate_files(contract, sources, settings=settings, observer=watcher)
        from bulkops.validation.on_cluster import cluster_executor

        with cluster_executor(cluster) as executor:
            return validate_files(contract, sources, settings=settings, observer=watcher, executor=executor)


def _permit_of_baseline(path: Path, files: Sequence[str], sources: "list[Source]", *, overwrite: bool) -> "Permit":
    """Return the permission to write a baseline; UsageError if it is also an input, or is protected."""
    read = (path_of(name) for name in (*files, *(source.path for source in sources)))
    refuse_the_same(path, read, what="where accepted findings go")
    permit = output_permit(overwrite=overwrite)
    permit.check(path)
    return permit


def _next_command(contract: Contract, file: str, report: "ValidationReport", code: int) -> str:
    """Return the next command for one file: plan a valid one, repair a repairable one, else explain the first rule.

    It is empty for a file that could not be read.
    """
    if code == 0:
        return shlex.join(["bulkops", "plan", contract.name, file])
    (found,) = report.files
    if code == 1 and any(found.repairs.values()):
        return shlex.join(["bulkops", "fix", contract.name, file, "-o", "fixed.csv"])
    errors = (code for code in found.counts if found.severities[code] == Severity.ERROR)
    broken = next(errors, next(iter(found.counts), None))
    return f"bulkops rules {broken}" if code == 1 and broken else ""


def _permit_of_tables(
    tables: Sequence[tuple[str, Path]], files: Sequence[str], paths: Sequence[str], *, overwrite: bool
) -> "Permit":
    """Return the permission to write tables; UsageError if a table is also an input, or is protected."""
    from bulkops.tabular import refuse_other_table

    permit = output_permit(overwrite=overwrite)
    taken = [Path(name) for name in (*files, *paths)]
    for form, path in tables:
        refuse_other_table(path, form)
        refuse_no_folder(path)
        refuse_the_same(path, taken, what="where the findings go")
        permit.check(path)
        taken.append(path)
    return permit


def _write_tables(report: "ValidationReport", tables: Sequence[tuple[str, Path]], permit: "Permit") -> None:
    """Write all findings to files for spreadsheets; report if there are more than one file contains."""
    from bulkops.tabular import write_table
    from bulkops.validation.findings import FINDING_COLUMNS
    from bulkops.writing import whole_file

    for form, path in tables:
        rows = (
            ({"path": file.path, **found.to_json()}[name] for name in FINDING_COLUMNS)
            for file in report.files
            for found in file.findings
        )
        with whole_file(path, permit) as out:
            write_table(out, form, FINDING_COLUMNS, (tuple(row) for row in rows))
        listed, total = len(report.findings), report.errors + report.warnings
        more = "" if listed >= total else f" of {total:,}: at most {MOST_ACCEPTED:,} of each rule and file"
        console().note(f"Wrote {path}: {counted(listed, 'finding')}{more}.")


def _write(report: "ValidationReport", path: Path, permit: "Permit") -> int:
    """Write the findings of a report to a baseline and return the exit code."""
    from bulkops.validation import baseline

    count = baseline.save(path, (f for file in report.files for f in file.findings), permit)
    console().note(f"{path}: {counted(count, 'finding')} accepted.")
    return 2 if any(file.unreadable for file in report.files) else 0
