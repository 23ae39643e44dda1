"""Report the findings that remain in a repaired copy, and the commands that settle them."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bulkops.escaping import one_line
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.reading.sources import Source
    from bulkops.validation.findings import FileReport, Finding


def what_is_left(contract: Contract, copy: "Source", *, mask: bool) -> "FileReport":
    """Return the findings in a repaired copy, with one example of each rule."""
    from bulkops.clock import SystemClock
    from bulkops.validation.engine import validate_files
    from bulkops.validation.settings import ValidationSettings

    settings = ValidationSettings(max_findings=1, now=SystemClock().now(), mask=mask)
    return validate_files(contract, [copy], settings=settings).files[0]


def words_given(chosen: Mapping[str, Any]) -> list[str]:
    """Return the deciding options of a run as they are typed; those without a value are left out."""
    words = ["--unsafe"] if chosen["unsafe"] else []
    if chosen["end_of_day"] is not None:
        words.append("--end-of-day" if chosen["end_of_day"] else "--start-of-day")
    for name in ("time_zone", "date_order", "encoding"):
        if chosen[name]:
            words += [f"--{name.replace('_', '-')}", chosen[name]]
    return [*words, *(word for rename in chosen["renames"] for word in ("--rename", rename))]


def tell_left(report: "FileReport", command: Sequence[str], given: Sequence[str], say: Callable[[str], Any]) -> None:
    """Print the findings left in a copy by rule, each with the commands that settle it."""
    from bulkops.fixing.catalogue import next_step

    errors, warnings = counted(report.errors, "error"), counted(report.warnings, "warning")
    if not report.counts:
        say("nothing is left: the copy is clean")
        return
    say(f"left in the copy: {errors}, {warnings}")
    options = {code: next_step(code, given) for code in report.counts}
    examples = {finding.code: finding for finding in report.findings}
    for code, count in report.counts.items():
        if code not in examples and any(finding.explains for finding in report.findings):
            continue  # it follows from another finding
        say(one_line(f"  {code} {count:,}: {_told(examples.get(code))}"))
        for option in options[code]:
            say(f"    {shlex.join(command)} {option}")
    if not all(options.values()):
        say(f"  {shlex.join(['bulkops', 'validate', report.contract, report.path])} shows all of them")


def _told(example: "Finding | None") -> str:
    """Return where an example of a rule is, what is wrong, and how many other findings follow from it."""
    if example is None:
        return ""
    place = "" if example.line is None else f"line {example.line}: "
    more = f" (explains {counted(example.explains, 'other finding')})" if example.explains else ""
    return f"{place}{example.message}{more}"
