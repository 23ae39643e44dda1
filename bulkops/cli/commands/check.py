"""`bulkops check`: validate the files that the configuration maps to contracts, in CI and before a commit."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.account import AccountChoice, ChosenSnapshot, account_options
from bulkops.cli.options.check_table import CheckTable
from bulkops.cli.options.common import cluster_option, json_option, limit_options
from bulkops.cli.options.environment import option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.output.console import console
from bulkops.cli.views.validation_output import (
    FindingPrinter,
    exit_code,
    print_report,
    requested_format,
    split_list,
    validation_options,
    validation_settings,
)
from bulkops.configuration import read_config
from bulkops.errors import InputUnreadable, UsageError
from bulkops.wording import counted
from bulkops_validators import CONTRACTS

if TYPE_CHECKING:
    from bulkops.validation.findings import ValidationReport
    from bulkops.validation.settings import ValidationSettings

NO_NETWORK = "check validates the files of a repository, without a network; `bulkops validate` reads addresses"


@click.command("check")
@click.argument("paths", nargs=-1, type=FilePath(local=NO_NETWORK), metavar="[PATH...]")
@validation_options
@account_options
@option("--skip-unmapped", is_flag=True, help="Skip PATHs that no pattern matches, instead of rejecting them.")
@cluster_option
@limit_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    *,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str | None,
    case: str | None,
    baseline_path: Path | None,
    form: str,
    account: AccountChoice,
    skip_unmapped: bool,
    cluster: str | None,
    as_json: bool,
) -> int:
    """Validate the files that bulkops.toml (or [tool.bulkops]) maps to contracts; no account, no network.

    PATHs are files or folders; only the mapped files among them are checked. Patterns are relative to the folder
    of the configuration file. The keys select, ignore, case, baseline, fail-on, account and max-age have the meaning
    of the options, and an option replaces its key:

    \b
    [check]
    coupons = ["campaigns/**/coupons-*.csv"]
    loyalty-points = "points/*.csv"
    ignore = ["XLS"]
    """  # noqa: D301 - click takes a real backspace for "do not wrap"
    form = requested_format(form, as_json=as_json)
    table = CheckTable.of(read_config(ctx.meta.get("bulkops.config")))
    settings = validation_settings(
        select=split_list(select or table.select),
        ignore=split_list(ignore or table.ignore),
        case=case or table.case,
        baseline_path=baseline_path or table.baseline,
        form=form,
    )
    mapped = table.files()
    if not paths and not any(mapped.values()):
        raise UsageError(
            f"{table.name_in_messages} matches no file. Nothing was checked.", hint="Correct its patterns."
        )
    chosen = _narrowed(mapped, paths, skip=skip_unmapped) if paths else mapped
    snapshot = account.or_else(table.account, table.max_age).opened()
    report = _validated(chosen, settings, snapshot, cluster, watched=form == "text")
    report = report if snapshot is None else snapshot.describe(report)
    for file in report.files:
        if file.unreadable is not None:
            console().complain(file.unreadable)
    print_report(report, form)
    console().note(f"{counted(len(report.files), 'file')} checked.")
    console().next_step = _next_command(report)
    return exit_code(report, fail_on or table.fail_on)


def _next_command(report: "ValidationReport") -> str:
    """Return the command for the first file with findings, or for a valid file if there are none."""
    bad = next((file for file in report.files if file.counts), None)
    if bad is None:
        good = next((file for file in report.files if file.unreadable is None), None)
        return shlex.join(["bulkops", "plan", good.contract, good.path]) if good else ""
    if any(bad.repairs.values()):
        return shlex.join(["bulkops", "fix", bad.contract, bad.path, "-o", "fixed.csv"])
    return f"bulkops rules {max(bad.counts, key=lambda code: bad.counts[code])}"


def _narrowed(mapped: Mapping[str, Sequence[Path]], paths: Sequence[Path], *, skip: bool) -> dict[str, list[Path]]:
    """Return the mapped files among the paths; UsageError for a path that is missing or not mapped."""
    wanted: set[Path] = set()
    known = {file: file.resolve() for files in mapped.values() for file in files}
    for path in paths:
        found = path.resolve()
        if not found.exists():
            raise InputUnreadable(f"{path}: the file does not exist.")
        inside = {file for file, real in known.items() if found in (real, *real.parents)}
        if not inside and not skip:
            what = "contains no mapped file" if found.is_dir() else "is mapped to no contract"
            raise UsageError(f"{path} {what}.", hint="Add a pattern to the [check] table, or add --skip-unmapped.")
        wanted |= inside
    return {contract: [file for file in files if file in wanted] for contract, files in mapped.items()}


def _validated(
    mapped: Mapping[str, Sequence[Path]],
    settings: "ValidationSettings",
    snapshot: "ChosenSnapshot | None",
    cluster: str | None,
    *,
    watched: bool,
) -> "ValidationReport":
    """Check files one by one, here or on a cluster: equal keys in two files of a repository are valid."""
    from bulkops.reading.sources import expand
    from bulkops.validation.findings import ValidationReport
    from bulkops.validation.many_files import IndependentFile, many_on_cluster, validate_each

    watcher = FindingPrinter(console()) if watched else None
    files = []
    for contract, paths in mapped.items():
        known = CONTRACTS[contract]
        of_contract = snapshot.settings(settings, known) if snapshot else settings
        sources = expand([Path(os.path.relpath(path)) for path in paths])
        files += [IndependentFile(contract=known, source=source, settings=of_contract) for source in sources]
    if cluster is None:
        reports = list(validate_each(files, observer=watcher))
    else:
        with many_on_cluster(cluster) as many:
            reports = list(many.validate_each(files, observer=watcher))
    unused = set.intersection(*(set(report.unused_baseline) for report in reports)) if reports else set()
    return ValidationReport(
        files=tuple(file for report in reports for file in report.files),
        unused_baseline=tuple(sorted(unused)),
    )
