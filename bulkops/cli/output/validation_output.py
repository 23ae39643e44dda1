"""What `validate` and `check` have in common: how to judge, in which form to say it, and the exit code."""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from bulkops.cli.options.environment import option, own_option
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
        help="Judge only these rules: codes, names, prefixes; commas between.",
    ),
    option("--ignore", multiple=True, metavar="CODE", help="Leave these rules out; the longer prefix decides."),
    option("--fail-on", type=click.Choice(FAIL_ON), help="What makes the exit code 1; default: error."),
    own_option(
        "--case",
        type=click.Choice(CASES),
        help="How the application takes codes: insensitive makes case-only repetitions errors; default: sensitive.",
    ),
    option("--baseline", "baseline_path", type=click.Path(path_type=Path), help="File of accepted findings."),
    own_option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="text",
        show_default=True,
        help="How to say it: github for annotations in workflows, sarif for code scanning.",
    ),
)


def judging_options(function: F) -> F:
    """Add the options that say how to judge and how to tell; those not given are None or empty."""
    for decorate in reversed(OPTIONS):
        function = decorate(function)
    return function


def form_asked(form: str, *, as_json: bool) -> str:
    """Return the form of the result: `--json` is `--format json`, and the command line wins over the environment."""
    ctx = click.get_current_context()
    typed = {name for name in ("form", "as_json") if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if not as_json or typed == {"form"}:
        return form
    if typed == {"form", "as_json"} and form != "json":
        raise UsageError(f"--json and --format {form} name two forms.", hint="Give one of the two.")
    return "json"


def words(listed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of options that may hold several, with commas between them."""
    return tuple(word for text in listed for word in (part.strip() for part in text.split(",")) if word)


def settings_of(
    *, select: tuple[str, ...], ignore: tuple[str, ...], case: str | None, baseline_path: Path | None, form: str
) -> "ValidationSettings":
    """Return how to validate; UsageError for a rule or a baseline that is not there."""
    from bulkops.clock import SystemClock
    from bulkops.validation import baseline
    from bulkops.validation.settings import ValidationSettings
    from bulkops_validators.model.rules_registry import chosen

    try:
        chosen(select=select, ignore=ignore)
    except LookupError as error:
        raise no_rule(error.args[0]) from error
    if baseline_path is not None and not baseline_path.is_file():
        raise UsageError(
            f"There is no baseline {baseline_path}.", hint="Write one with `bulkops validate … --write-baseline FILE`."
        )
    return ValidationSettings(
        select=select,
        ignore=ignore,
        max_findings=SHOWN_ON_TERMINAL if form in ("text", "github") else SHOWN_IN_DOCUMENTS,
        insensitive=case == "insensitive",
        now=SystemClock().now(),
        baseline=baseline.load(baseline_path) if baseline_path else None,
    )


def no_rule(word: str) -> UsageError:
    """Return the error for a word that names no rule; it asks after the nearest one."""
    from bulkops_validators.model.rules_registry import RULES

    near = [
        *difflib.get_close_matches(word.upper(), RULES, n=1),
        *difflib.get_close_matches(word.lower(), [rule.name for rule in RULES.values()], n=1),
    ]
    hint = f"Did you mean {near[0]!r}?" if near else "`bulkops rules` lists all."
    return UsageError(f"There is no rule {word!r}.", hint=hint)


def tell(report: "ValidationReport", form: str, *, statistics: bool = False) -> None:
    """Print a report; in the form `text` the findings were printed as they came."""
    from bulkops.cli.output.annotations import github_lines, sarif

    findings = sum(len(file.findings) for file in report.files)
    if form == "json":
        console().emit_json(report.to_json(), objects=findings)
    elif form == "sarif":
        console().emit_json(sarif(report), objects=findings)
    elif form == "github":
        for command in github_lines(report):
            console().result(command, styled=True)
    else:
        summarise(report, statistics=statistics)


def exit_code(report: "ValidationReport", fail_on: str | None) -> int:
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
        self._out.result(f"{line(place)}:{record} {mark} {line(finding.message)}", styled=True)
        for text in self._excerpts.around(path, finding.line, finding.byte) if self._excerpts else ():
            self._out.result(text)
        self._out.result(f"    help: {finding.help}")

    def advanced(self, path: str, size: int) -> None:
        """Say nothing: findings tell how far it is."""


def _colour(severity: Severity) -> str:
    return "red" if severity is Severity.ERROR else "yellow"


def summarise(report: "ValidationReport", *, statistics: bool) -> None:
    """Print a line a file, and its counts by rule."""
    out = console()
    for file in report.files:
        path = line(file.path)
        if file.unreadable is not None:
            out.result(f"{path}: {click.style('unreadable', fg='red', bold=True)}", styled=True)
            continue
        if file.counts:
            out.table(("code", "name", "severity", "findings"), _rows(file), title=path if statistics else None)
        figures = f"in {counted(file.records, 'record')} ({counted(file.bytes, 'byte')})"
        out.result(f"{path}: {_verdict(file)} {figures}", styled=True)
        for text in _notes(file):
            out.result(f"{path}: {text}")
        if file.stopped:
            out.result(f"{path}: stopped after {counted(file.errors, 'error')}; the rest was not looked at")
        if file.suppressed:
            out.result(f"{path}: {counted(file.suppressed, 'finding')} accepted by the baseline")
    for entry in report.unused_baseline:
        out.result(f"no longer needed in the baseline: {entry}")


def _notes(file: "FileReport") -> list[str]:
    """Return which findings explain others, and how many `bulkops fix` may repair."""
    notes = [
        f"{finding.code} explains {counted(finding.explains, 'other finding')}, counted above and not listed"
        for finding in file.findings
        if finding.explains
    ]
    ways = {"safe": "safely", "option": "with an option that decides", "unsafe": "with --unsafe"}
    repairs = [f"{file.repairs[kind]:,} {how}" for kind, how in ways.items() if file.repairs[kind]]
    if repairs:
        notes.append(f"`bulkops fix` repairs at most {', '.join(repairs)}")
    return notes


def _rows(file: "FileReport") -> list[tuple[str, str, str, str]]:
    from bulkops_validators.model.rules_registry import RULES

    ordered = sorted(file.counts.items(), key=lambda item: -item[1])
    return [(code, RULES[code].name, file.severities[code], f"{count:,}") for code, count in ordered]


def _verdict(file: "FileReport") -> str:
    if not file.errors and not file.warnings:
        return click.style("clean", fg="green", bold=True)
    return f"{counted(file.errors, 'error')}, {counted(file.warnings, 'warning')}"
