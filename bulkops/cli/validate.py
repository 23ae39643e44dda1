"""`bulkops validate`: check files against a contract; no account, no network."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.console import Console, console, shown
from bulkops.cli.contract_options import contract_argument
from bulkops.cli.options import json_option, option
from bulkops.cli.outputs import refuse_the_same
from bulkops.errors import UsageError
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules import Severity

if TYPE_CHECKING:
    from bulkops.cli.excerpts import Excerpts
    from bulkops.validation.findings import FileReport, Finding, ValidationReport

SHOWN_ON_TERMINAL = 5
MOST_ACCEPTED = 100_000
"""Findings of a rule that a baseline can accept; beyond that the rule is better ignored."""


@click.command("validate")
@contract_argument
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--recursive", is_flag=True, help="Look into folders for .csv files, compressed ones too.")
@option(
    "--select", multiple=True, metavar="CODE", help="Judge only these rules: codes, names, prefixes; commas between."
)
@option("--ignore", multiple=True, metavar="CODE", help="Leave these rules out; the longer prefix decides.")
@option("--max-findings", type=click.IntRange(min=0), help="Examples of each rule and file [5; 1000 with --json].")
@option(
    "--max-errors",
    type=click.IntRange(min=1),
    help="Stop reading a file at so many errors; the block they are in counts.",
)
@option(
    "--fail-on",
    type=click.Choice(["error", "warning", "never"]),
    default="error",
    show_default=True,
    help="What makes the exit code 1.",
)
@option("--case", type=click.Choice(["sensitive", "insensitive"]), default="sensitive", show_default=True,
        help="How the application takes codes: insensitive makes case-only repetitions errors.")  # fmt: skip
@click.option("--mask", is_flag=True, help="Hide values.")
@click.option("--baseline", "baseline_path", type=click.Path(path_type=Path), help="File of accepted findings.")
@click.option("--write-baseline", type=click.Path(path_type=Path), help="Accept all findings: write them to a file.")
@click.option("--statistics", is_flag=True, help="Show counts by rule instead of findings.")
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
    fail_on: str,
    case: str,
    mask: bool,
    baseline_path: Path | None,
    write_baseline: Path | None,
    statistics: bool,
    as_json: bool,
) -> int:
    """Check FILEs: every defect with its record, line and column, and what to do.

    Exit code 0: clean (warnings do not count unless --fail-on warning); 1: findings; 2: a file cannot be read.
    """
    from bulkops.cli.excerpts import Excerpts
    from bulkops.clock import SystemClock
    from bulkops.reading.sources import expand
    from bulkops.validation import baseline
    from bulkops.validation.engine import validate_files
    from bulkops.validation.findings import ValidationSettings
    from bulkops_validators.model.rules_registry import chosen

    select, ignore = _words(select), _words(ignore)
    try:
        chosen(select=select, ignore=ignore)
    except LookupError as error:
        raise UsageError(f"There is no rule {error.args[0]!r}.", hint="`bulkops rules` lists all.") from error
    if mask and (baseline_path or write_baseline):
        raise UsageError("--mask hides the values that a baseline is about.", hint="Use one of the two.")
    settings = ValidationSettings(
        select=select,
        ignore=ignore,
        max_findings=(1000 if as_json else SHOWN_ON_TERMINAL) if max_findings is None else max_findings,
        max_errors=max_errors,
        mask=mask,
        insensitive=case == "insensitive",
        now=SystemClock().now(),
        baseline=baseline.load(baseline_path) if baseline_path else None,
    )
    sources = expand(files, recursive=recursive)
    if write_baseline:
        read = (Path(name) for name in (*files, *(source.path for source in sources)))
        refuse_the_same(write_baseline, read, what="where accepted findings go")
        settings = replace(settings, max_findings=MOST_ACCEPTED)
    excerpts = Excerpts()
    watcher = None if as_json or statistics or write_baseline else Printer(console(), None if mask else excerpts)
    try:
        report = validate_files(contract, sources, settings=settings, observer=watcher)
    finally:
        excerpts.close()
    for file in report.files:
        if file.unreadable is not None:
            click.echo(f"bulkops: {file.unreadable}", err=True)
    if write_baseline:
        count = baseline.save(write_baseline, (f for file in report.files for f in file.findings))
        console().note(f"{write_baseline}: {_count(count, 'finding')} accepted.")
        return 2 if any(file.unreadable for file in report.files) else 0
    if as_json:
        console().emit_json(report.to_json())
    else:
        summarise(report, statistics=statistics)
    return exit_code(report, fail_on)


def _words(listed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of options that may hold several, with commas between them."""
    return tuple(word for text in listed for word in (part.strip() for part in text.split(",")) if word)


def exit_code(report: "ValidationReport", fail_on: str) -> int:
    """Return what the command ends with."""
    if any(file.unreadable for file in report.files):
        return 2
    bad = report.errors + (report.warnings if fail_on == "warning" else 0)
    return 1 if bad and fail_on != "never" else 0


class Printer:
    """Shows findings as they come, with the line they are about unless values are to be hidden."""

    def __init__(self, out: Console, excerpts: "Excerpts | None" = None) -> None:
        self._out = out
        self._excerpts = excerpts

    def finding(self, path: str, finding: "Finding") -> None:
        """Print a finding: where, what, and what to do."""
        place = f"{path}:{finding.line}" if finding.line is not None else path
        record = f" record {finding.record}" if finding.record is not None else ""
        mark = click.style(f"{finding.code} {finding.severity}", fg=_colour(finding.severity), bold=True)
        self._out.result(f"{shown(place)}:{record} {mark} {shown(_one_line(finding.message))}", styled=True)
        for text in self._excerpts.around(path, finding.line, finding.byte) if self._excerpts else ():
            self._out.result(text)
        self._out.result(f"    help: {finding.help}")

    def advanced(self, path: str, size: int) -> None:
        """Say nothing: findings tell how far it is."""


def _colour(severity: Severity) -> str:
    return "red" if severity is Severity.ERROR else "yellow"


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\r", "\\r")


def summarise(report: "ValidationReport", *, statistics: bool) -> None:
    """Print a line a file, and its counts by rule."""
    out = console()
    for file in report.files:
        if file.unreadable is not None:
            out.result(f"{shown(file.path)}: {click.style('unreadable', fg='red', bold=True)}", styled=True)
            continue
        if file.counts:
            out.table(("code", "name", "severity", "findings"), _rows(file), title=file.path if statistics else None)
        figures = f"in {file.records:,} records ({file.bytes:,} bytes)"
        out.result(f"{shown(file.path)}: {_verdict(file)} {figures}", styled=True)
        if file.stopped:
            out.result(f"{file.path}: stopped after {_count(file.errors, 'error')}; the rest was not looked at")
        if file.suppressed:
            out.result(f"{file.path}: {_count(file.suppressed, 'finding')} accepted by the baseline")
    for entry in report.unused_baseline:
        out.result(f"no longer needed in the baseline: {entry}")


def _rows(file: "FileReport") -> list[tuple[str, str, str, str]]:
    from bulkops_validators.model.rules_registry import RULES

    ordered = sorted(file.counts.items(), key=lambda item: -item[1])
    return [(code, RULES[code].name, file.severities[code], f"{count:,}") for code, count in ordered]


def _verdict(file: "FileReport") -> str:
    if not file.errors and not file.warnings:
        return click.style("clean", fg="green", bold=True)
    return f"{_count(file.errors, 'error')}, {_count(file.warnings, 'warning')}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
