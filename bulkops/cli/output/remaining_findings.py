"""Print the findings that remain in a repaired copy, and the commands that fix them."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bulkops.escaping import one_line
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.reading.sources import Source
    from bulkops.validation.findings import FileReport, Finding

_FOLLOWS = "see the findings that explain it"
_WRONG_NAMES = frozenset({"HDR101", "HDR102"})
"""Rules of names that the contract does not have; one command renames all of them."""


def validate_copy(contract: Contract, copy: "Source", *, mask: bool) -> "FileReport":
    """Return the findings of a repaired copy, with a few examples of each rule."""
    from bulkops.clock import SystemClock
    from bulkops.fixing.scan import EXAMPLES
    from bulkops.validation.engine import validate_files
    from bulkops.validation.settings import ValidationSettings

    settings = ValidationSettings(max_findings=EXAMPLES, now=SystemClock().now(), mask=mask)
    return validate_files(contract, [copy], settings=settings).files[0]


def report_of_copy(report: "FileReport", path: str) -> "FileReport":
    """Return the report of a copy that was validated while it was repaired, and record it in the journal."""
    from bulkops.validation.engine import record_report

    report = replace(report, path=path)
    record_report(report)
    return report


def typed_options(chosen: Mapping[str, Any]) -> list[str]:
    """Return the given repair options as words of a command line."""
    words = ["--unsafe"] if chosen["unsafe"] else []
    if chosen["end_of_day"] is not None:
        words.append("--end-of-day" if chosen["end_of_day"] else "--start-of-day")
    for name in ("time_zone", "date_order", "encoding"):
        if chosen[name]:
            words += [f"--{name.replace('_', '-')}", chosen[name]]
    return [*words, *(word for rename in chosen["renames"] for word in ("--rename", rename))]


def print_remaining(
    report: "FileReport", command: Sequence[str], given: Sequence[str], echo: Callable[[str], Any]
) -> None:
    """Print the findings that remain in a copy by rule, each with the commands that fix it."""
    from bulkops.fixing.catalogue import next_step
    from bulkops.validation.findings import RENAME

    errors, warnings = counted(report.errors, "error"), counted(report.warnings, "warning")
    if not report.counts:
        echo("no findings remain: the copy is valid")
        return
    echo(f"findings that remain in the copy: {errors}, {warnings}")
    renamed = {finding.code for finding in report.findings if finding.rename}
    options = {code: next_step(code, given) or ((RENAME,) if code in renamed else ()) for code in report.counts}
    examples = {finding.code: finding for finding in reversed(report.findings)}
    printed: set[str] = set()
    for code, count in report.counts.items():
        lines = [f"    {shlex.join(command)} {_named(option, code, report)}" for option in options[code]]
        follows = code not in examples and any(finding.explains for finding in report.findings)
        # Repairing an explained rule repairs nothing; a command that another finding has already is enough.
        if follows and (code in report.explained or printed.issuperset(lines)):
            continue
        echo(one_line(f"  {code} {count:,}: {_FOLLOWS if follows else _description(examples.get(code))}"))
        for line in lines:
            if line not in printed:
                echo(line)
        printed.update(lines)
    if not all(options.values()):
        echo(f"  {shlex.join(['bulkops', 'validate', report.contract, report.path])} lists all of them")


def _named(option: str, code: str, report: "FileReport") -> str:
    """Return an option as it fixes the findings of a rule: columns to rename have their names if these are known."""
    from bulkops.validation.findings import RENAME

    codes = _WRONG_NAMES if code in _WRONG_NAMES else {code}
    known = report.findings if option == RENAME else ()
    renames = [finding.rename for finding in known if finding.code in codes and finding.rename]
    return shlex.join(word for rename in renames for word in ("--rename", rename)) if renames else option


def _description(example: "Finding | None") -> str:
    """Return the line and message of an example, and the number of findings that follow from it."""
    if example is None:
        return ""
    place = "" if example.line is None else f"line {example.line}: "
    more = f" (explains {counted(example.explains, 'other finding')})" if example.explains else ""
    return f"{place}{example.message}{more}"
