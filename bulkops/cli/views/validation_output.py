"""Options, output and exit code that `validate` and `check` share."""

import difflib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from bulkops.cli.options.environment import option, own_option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.output.console import Console, console, line
from bulkops.errors import UsageError
from bulkops.wording import counted
from bulkops_validators.model.rules import Severity

if TYPE_CHECKING:
    from bulkops.cli.output.excerpts import Excerpts
    from bulkops.validation.findings import FileReport, Finding, ValidationReport
    from bulkops.validation.settings import ValidationSettings

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("text", "json", "github", "sarif")
CASES = ("sensitive", "insensitive")
FAIL_ON = ("error", "warning", "never")
SHOWN_ON_TERMINAL = 5
SHOWN_IN_DOCUMENTS = 1000

OPTIONS = (
    option(
        "--select",
        multiple=True,
        metavar="CODE",
        help="Check only these rules: comma-separated codes, names or prefixes; repeatable.",
    ),
    option(
        "--ignore",
        multiple=True,
        metavar="CODE",
        help="Skip these rules; the longer prefix wins over --select.",
    ),
    option("--fail-on", type=click.Choice(FAIL_ON), help="Lowest severity that sets exit code 1; default: error."),
    own_option(
        "--case",
        type=click.Choice(CASES),
        help="How the application compares codes. Default: sensitive; insensitive ignores upper and lower case.",
    ),
    option(
        "--baseline",
        "baseline_path",
        type=FilePath(local="a baseline is a file of the repository"),
        help="File of accepted findings, written by --write-baseline.",
    ),
    own_option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="text",
        show_default=True,
        help="Output format: github for workflow annotations, sarif for code scanning.",
    ),
)


def validation_options(function: F) -> F:
    """Add the options for validation and output; options that were not given are None or empty."""
    for decorate in reversed(OPTIONS):
        function = decorate(function)
    return function


def requested_format(form: str, *, as_json: bool) -> str:
    """Return the output format. `--json` means `--format json`; the command line overrides the environment."""
    ctx = click.get_current_context()
    typed = {name for name in ("form", "as_json") if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if not as_json or typed == {"form"}:
        return form
    if typed == {"form", "as_json"} and form != "json":
        raise UsageError(f"--json and --format {form} name two formats.", hint="Give one of them.")
    return "json"


def split_list(listed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the items of a repeatable option with comma-separated values."""
    return tuple(word for text in listed for word in (part.strip() for part in text.split(",")) if word)


def validation_settings(
    *, select: tuple[str, ...], ignore: tuple[str, ...], case: str | None, baseline_path: Path | None, form: str
) -> "ValidationSettings":
    """Return the settings of a validation; UsageError for an unknown rule or a missing baseline."""
    from bulkops.clock import SystemClock
    from bulkops.validation import baseline
    from bulkops.validation.settings import ValidationSettings
    from bulkops_validators.model.rules_registry import chosen

    try:
        chosen(select=select, ignore=ignore)
    except LookupError as error:
        raise unknown_rule(error.args[0]) from error
    if baseline_path is not None and not baseline_path.is_file():
        raise UsageError(
            f"The baseline {baseline_path} does not exist.",
            hint="Write one with `bulkops validate … --write-baseline FILE`.",
        )
    return ValidationSettings(
        select=select,
        ignore=ignore,
        max_findings=SHOWN_ON_TERMINAL if form in ("text", "github") else SHOWN_IN_DOCUMENTS,
        insensitive=case == "insensitive",
        now=SystemClock().now(),
        baseline=baseline.load(baseline_path) if baseline_path else None,
    )


def unknown_rule(word: str) -> UsageError:
    """Return the error for an unknown rule; its hint suggests the closest name."""
    from bulkops_validators.model.rules_registry import RULES

    near = [
        *difflib.get_close_matches(word.upper(), RULES, n=1),
        *difflib.get_close_matches(word.lower(), [rule.name for rule in RULES.values()], n=1),
    ]
    hint = f"Did you mean {near[0]!r}?" if near else "`bulkops rules` lists all rules."
    return UsageError(f"Unknown rule {word!r}.", hint=hint)


def print_report(report: "ValidationReport", form: str, *, statistics: bool = False) -> None:
    """Print a report. In the format `text` the findings were already printed when they were found."""
    from bulkops.cli.output.annotations import github_lines, sarif

    findings = sum(len(file.findings) for file in report.files)
    if form == "json":
        console().emit_json(report.to_json(), objects=findings)
    elif form == "sarif":
        console().emit_json(sarif(report), objects=findings)
    elif form == "github":
        for command in github_lines(report):
            console().result(command, styled=True, wrap=False)
    else:
        summarise(report, statistics=statistics)


def with_examples(report: "ValidationReport", most: int) -> "ValidationReport":
    """Return a report with at most `most` findings of each rule and file; the counts stay."""
    files = []
    for file in report.files:
        listed: Counter[str] = Counter()
        chosen = []
        for found in file.findings:
            listed[found.code] += 1
            if listed[found.code] <= most:
                chosen.append(found)
        files.append(replace(file, findings=tuple(chosen)))
    return replace(report, files=tuple(files))


def exit_code(report: "ValidationReport", fail_on: str | None) -> int:
    """Return the exit code of a report."""
    if any(file.unreadable for file in report.files):
        return 2
    bad = report.errors + (report.warnings if fail_on == "warning" else 0)
    return 1 if bad and fail_on != "never" else 0


class FindingPrinter:
    """Prints each finding when it is found, with an excerpt of the line unless values are masked.

    At most `most` findings of each rule and file are printed.
    """

    def __init__(self, out: Console, excerpts: "Excerpts | None" = None, *, most: int | None = None) -> None:
        self._out = out
        self._excerpts = excerpts
        self._most = most
        self._printed: Counter[tuple[str, str]] = Counter()

    def finding(self, path: str, finding: "Finding") -> None:
        """Print a finding: its location, message and fix."""
        self._printed[path, finding.code] += 1
        if self._most is not None and self._printed[path, finding.code] > self._most:
            return
        place = f"{path}:{finding.line}" if finding.line is not None else path
        record = f" record {finding.record}" if finding.record is not None else ""
        mark = click.style(f"{finding.code} {finding.severity}", fg=_colour(finding.severity), bold=True)
        self._out.result(f"{line(place)}:{record} {mark} {line(finding.message)}", styled=True)
        for text in self._excerpts.around(path, finding.line, finding.byte) if self._excerpts else ():
            self._out.result(text, wrap=False)
        if finding.origin is not None:
            self._out.result(f"    from: {line(str(finding.origin))}")
        self._out.result(f"    help: {finding.help}")

    def advanced(self, path: str, size: int) -> None:
        """Do nothing: the findings show the progress."""


def _colour(severity: Severity) -> str:
    return "red" if severity is Severity.ERROR else "yellow"


def summarise(report: "ValidationReport", *, statistics: bool) -> None:
    """Print a summary line for each file, and its counts by rule."""
    out = console()
    for file in report.files:
        path = line(file.path)
        if file.unreadable is not None:
            out.result(f"{path}: {click.style('unreadable', fg='red', bold=True)}", styled=True)
            continue
        if file.counts:
            out.table(
                ("code", "name", "severity", "findings"),
                _rows(file),
                title=path if statistics else None,
                drop=["severity"],
            )
        figures = f"in {counted(file.records, 'record')} ({counted(file.bytes, 'byte')})"
        out.result(f"{path}: {_verdict(file)} {figures}", styled=True)
        for text in _notes(file):
            out.result(f"{path}: {text}")
        if file.stopped:
            out.result(f"{path}: stopped after {counted(file.errors, 'error')}; the rest was not checked")
        if file.suppressed:
            out.result(f"{path}: {counted(file.suppressed, 'finding')} accepted by the baseline")
    for entry in report.unused_baseline:
        out.result(f"no longer needed in the baseline: {entry}")


def _notes(file: "FileReport") -> list[str]:
    """Return notes on findings that explain others, and on the number of repairs by `bulkops fix`."""
    causes = Counter[str]()
    for finding in file.findings:
        causes[finding.code] += finding.explains
    notes = [
        f"{code} explains {counted(count, 'other finding')}, counted above and not listed"
        for code, count in causes.items()
        if count
    ]
    return [*notes, *filter(None, [repairs_note(file)])]


def repairs_note(file: "FileReport") -> str:
    """Return how many findings `bulkops fix` may repair, by kind of repair; blank if none."""
    ways = {"safe": "safely", "option": "with an option that decides", "unsafe": "with --unsafe"}
    repairs = [f"{file.repairs[kind]:,} {how}" for kind, how in ways.items() if file.repairs[kind]]
    return f"`bulkops fix` repairs at most {', '.join(repairs)}" if repairs else ""


def _rows(file: "FileReport") -> list[tuple[str, str, str, str]]:
    from bulkops_validators.model.rules_registry import RULES

    ordered = sorted(file.counts.items(), key=lambda item: -item[1])
    return [(code, RULES[code].name, file.severities[code], f"{count:,}") for code, count in ordered]


def _verdict(file: "FileReport") -> str:
    if not file.errors and not file.warnings:
        return click.style("clean", fg="green", bold=True)
    return f"{counted(file.errors, 'error')}, {counted(file.warnings, 'warning')}"
