"""The figures of a run in the Prometheus text format, for a collector of text files."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from bulkops.version import __version__
from bulkops.writing import Permit, whole_file

if TYPE_CHECKING:
    from bulkops.cli.process.run_figures import RunFigures


def write_metrics(found: "RunFigures", path: Path, command: str) -> None:
    """Write the figures that a collector counted; the file is replaced in one step."""
    registry = CollectorRegistry()

    def gauge(name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"bulkops_{name}", about, labels, registry=registry)

    gauge("run", "The run that these figures are of.", "command", "version").labels(command, __version__).set(1)
    gauge("last_run_timestamp_seconds", "When the run ended.").set(time.time())
    gauge("duration_seconds", "How long the run took.").set(found.seconds)
    gauge("exit_code", "The exit code of the run.").set(found.exit)
    records = gauge("records", "Records by job and state.", "job", "contract", "state")
    for (job, contract), states in sorted(found.records.items()):
        for state, count in states.items():
            records.labels(job, contract, state).set(count)
    proved = gauge("proved", "1 if the rows of the job were proved.", "job", "contract")
    for (job, contract), verdict in sorted(found.verdicts.items()):
        proved.labels(job, contract).set(verdict == "proved")
    findings = gauge("findings", "Findings by severity.", "severity")
    for severity in ("error", "warning"):
        findings.labels(severity).set(found.findings[severity])
    requests = gauge("requests", "Requests by method and status; none where no response came.", "method", "status")
    for (method, status), count in sorted(found.requests.items()):
        requests.labels(method, status).set(count)
    gauge("request_seconds", "Seconds spent waiting for responses.").set(found.request_seconds)
    waits = gauge("waits", "Waits by reason: retry, evidence or other.", "reason")
    for reason, count in sorted(found.waits.items()):
        waits.labels(reason).set(count)
    gauge("wait_seconds", "Seconds spent in these waits.").set(found.wait_seconds)
    _inbox_gauges(found, gauge)
    # The first line showed that bulkops wrote the file, so it may be replaced.
    with whole_file(path, Permit(overwrite=True)) as file:
        file.write(generate_latest(registry))


def _inbox_gauges(found: "RunFigures", gauge: Callable[..., Gauge]) -> None:
    """Add the figures of inboxes."""
    files = gauge("inbox_files", "Files of an inbox by state.", "inbox", "state")
    for (inbox, state), count in sorted(found.inbox_files.items()):
        files.labels(inbox, state).set(count)
    rows = gauge("inbox_records", "Records of the files of an inbox by state.", "inbox", "state")
    for (inbox, state), count in sorted(found.inbox_records.items()):
        rows.labels(inbox, state).set(count)
    overdue = gauge("inbox_overdue", "Patterns of an inbox without the file that was due.", "inbox")
    for inbox, count in sorted(found.overdue.items()):
        overdue.labels(inbox).set(count)
