"""What a preflight found, in front of a person."""

from collections.abc import Iterator

from bulkops.account.preflight import Preflight
from bulkops.validation.findings import Finding
from bulkops.wording import counted
from bulkops_validators.model.rules import Severity


def finding_lines(preflight: Preflight) -> Iterator[str]:
    """Yield a line for each finding that is shown, the errors first."""
    for finding in sorted(preflight.report.findings, key=lambda each: each.severity is not Severity.ERROR):
        yield _line(preflight.report.path, finding)


def note_lines(preflight: Preflight) -> Iterator[str]:
    """Yield what was not checked, and why."""
    if preflight.not_checked:
        yield f"Preflight: {counted(preflight.requests, 'request')}. Not checked: {'; '.join(preflight.not_checked)}."


def _line(path: str, finding: Finding) -> str:
    place = ":".join(str(part) for part in (path, finding.line) if part is not None)
    return f"{place}: {finding.code} {finding.name}: {finding.message}"
