"""Output of a preflight: its findings and the skipped checks."""

from collections.abc import Iterator

from bulkops.account.preflight import Preflight
from bulkops.validation.findings import Finding
from bulkops.wording import counted
from bulkops_validators.model.rules import Severity


def finding_lines(preflight: Preflight) -> Iterator[str]:
    """Yield a line for each listed finding, errors first."""
    for finding in sorted(preflight.report.findings, key=lambda each: each.severity is not Severity.ERROR):
        yield _line(preflight.report.path, finding)


def note_lines(preflight: Preflight) -> Iterator[str]:
    """Yield the skipped checks with their reasons."""
    if preflight.not_checked:
        reasons = "; ".join(reason.removesuffix(".") for reason in preflight.not_checked)
        yield f"Preflight: {counted(preflight.requests, 'request')}. Not checked: {reasons}."


def _line(path: str, finding: Finding) -> str:
    written = ":".join(str(part) for part in (path, finding.line) if part is not None)
    place = written if finding.origin is None else str(finding.origin)
    others = f" The same in {counted(finding.explains, 'other cell')}." if finding.explains else ""
    said = f"{finding.message.removesuffix('.')}." if others else finding.message
    return f"{place}: {finding.code} {finding.name}: {said}{others}"
