"""`bulkops check`: validate what the configuration maps to contracts, in CI and before a commit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.console import console
from bulkops.cli.options import json_option, option
from bulkops.cli.validate import Printer, exit_code, summarise
from bulkops.errors import UsageError
from bulkops_validators import CONTRACTS

if TYPE_CHECKING:
    from bulkops.validation.findings import ValidationReport


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH...]")
@option("--fail-on", type=click.Choice(["error", "warning", "never"]), default="error", show_default=True,
        help="What makes the exit code 1.")  # fmt: skip
@json_option
@click.pass_context
def command(ctx: click.Context, paths: tuple[Path, ...], *, fail_on: str, as_json: bool) -> int:
    """Validate the files that bulkops.toml (or [tool.bulkops]) maps to contracts; no account, no network.

    With PATHs, only those of them that are mapped. The table looks like this, with patterns from the
    configuration's folder:

    \b
    [check]
    coupons = ["campaigns/**/coupons-*.csv"]
    loyalty-points = "points/*.csv"
    """  # noqa: D301 - click takes a real backspace for "do not wrap"
    from bulkops.configuration import checked_files, find_config, read_config

    config = find_config(ctx.meta.get("bulkops.config"))
    patterns = checked_files(read_config(config))
    if config is None or not patterns:
        raise UsageError("Nothing is mapped to a contract.", hint="Add a [check] table to bulkops.toml.")
    mapped = _mapped(config.parent, patterns, paths)
    report = _validated(mapped, as_json=as_json)
    if as_json:
        console().emit_json(report.to_json())
    else:
        summarise(report, statistics=False)
        console().note(f"{len(report.files):,} files checked.")
    return exit_code(report, fail_on)


def _mapped(folder: Path, patterns: Mapping[str, Sequence[str]], paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the files of each contract; UsageError for a file that two contracts claim."""
    wanted = {path.resolve() for path in paths}
    owners: dict[Path, str] = {}
    found: dict[str, list[Path]] = {}
    for contract, listed in patterns.items():
        if contract not in CONTRACTS:
            raise UsageError(
                f"[check] names {contract!r}, which is no contract.", hint=f"Known: {', '.join(CONTRACTS)}."
            )
        for path in sorted({path for pattern in listed for path in folder.glob(pattern) if path.is_file()}):
            if owners.setdefault(path, contract) != contract:
                raise UsageError(f"[check] maps {path} to {owners[path]} and to {contract}.")
            if not wanted or path.resolve() in wanted:
                found.setdefault(contract, []).append(path)
    return found


def _validated(mapped: Mapping[str, list[Path]], *, as_json: bool) -> "ValidationReport":
    from bulkops.clock import SystemClock
    from bulkops.validation.engine import validate_files
    from bulkops.validation.findings import ValidationReport, ValidationSettings

    settings = ValidationSettings(max_findings=1000 if as_json else 5, now=SystemClock().now())
    watcher = None if as_json else Printer(console())
    # Files are checked one by one: in a repository each stands for itself, and none repeats another.
    reports = [
        validate_files(CONTRACTS[contract], [path], settings=settings, observer=watcher)
        for contract, paths in mapped.items()
        for path in paths
    ]
    return ValidationReport(files=tuple(file for report in reports for file in report.files))
