"""The figures of one run, counted from its log records."""

import logging
from collections import Counter, defaultdict

from bulkops.journal import fields_of


class RunFigures(logging.Handler):
    """Counts the events of a run for the metrics."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[tuple[str, str]] = Counter()
        self.request_seconds = 0.0
        self.waits = Counter[str]()
        self.wait_seconds = 0.0
        self.findings: Counter[str] = Counter()
        self.records: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        self.verdicts: dict[tuple[str, str], str] = {}
        self.inbox_files: Counter[tuple[str, str]] = Counter()
        self.inbox_records: Counter[tuple[str, str]] = Counter()
        self.overdue: dict[str, int] = {}
        self.exit, self.seconds = 0, 0.0

    def emit(self, entry: logging.LogRecord) -> None:
        """Count one record."""
        fields = fields_of(entry)
        match entry.getMessage():
            case "request":
                self.requests[fields["method"], str(fields["status"] or "none")] += 1
                self.request_seconds += fields["seconds"]
            case "wait":
                self.waits[fields["why"]] += 1
                self.wait_seconds += fields["seconds"]
            case "validated":
                self.findings.update({"error": fields["errors"], "warning": fields["warnings"]})
            case "job_ended":
                self.records[fields["job"], fields["contract"]] = fields["records"]
                if fields["verdict"] is not None:
                    self.verdicts[fields["job"], fields["contract"]] = fields["verdict"]
            case "inbox_file":
                self.inbox_files[fields["inbox"], fields["state"]] += 1
                self.inbox_records.update({(fields["inbox"], name): n for name, n in fields["records"].items()})
            case "inbox_ended":
                self.overdue[fields["inbox"]] = fields["overdue"]
            case "ended":
                self.exit, self.seconds = fields["exit"], fields["seconds"]
