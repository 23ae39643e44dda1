"""Ledgers that older versions wrote are reported in every form, with the same figures."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.events import Reconciled
from bulkops.ledger.store import Ledger
from bulkops.reporting.write import ReportForm, ReportOptions, report_text
from tests.unit.reporting.made import result

DATA = Path(__file__).parents[1] / "ledger" / "data"
MADE = datetime(2026, 12, 1, tzinfo=UTC)
KEYS = {
    "job", "contract", "mode", "state", "created", "target", "options", "file", "records", "chunks", "reconciliation",
    "balanced", "timeline", "progress", "doubts", "rejected", "findings", "sums", "notes", "settings", "ended",
}  # fmt: skip
"""The keys that `bulkops report --json` had for a job before reports were written from templates."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.executescript((DATA / "version-3.sql").read_text(encoding="utf-8"))
    connection.close()
    found = Ledger.open(str(path), clock=SystemClock())
    yield found
    found.close()


def test_jobs_of_version_3_are_reported_in_every_form(ledger: Ledger) -> None:
    jobs = [job.id for job in ledger.jobs()]
    texts = {form: report_text(ledger, ReportOptions(jobs=jobs, form=form), made=MADE)[1] for form in ReportForm}
    document = json.loads(texts[ReportForm.JSON])
    assert {"title", "made", "version", "jobs"} <= set(document)
    before = json.loads((DATA / "version-3.json").read_text(encoding="utf-8"))
    for told, job in zip(document["jobs"], before, strict=True):
        assert set(told) >= KEYS
        assert told["file"] == job["file"]
        assert told["balanced"]
        assert sum(reason["records"] for reason in told["reasons"]) == told["records"]["rejected"]
        assert told["sign"]["verdict"] == "do_not_sign"  # none was read back
        assert all(told["sign"]["sentence"] in text.replace("\\", "") for text in texts.values())


def test_result_without_circumstances_is_reported_with_the_time_of_its_event(ledger: Ledger) -> None:
    old = result()
    del old["proof"]
    job = ledger.jobs()[0]
    ledger.change_job(job, Reconciled(), reconciliation=old)
    wish = ReportOptions(jobs=[job.id], form=ReportForm.MARKDOWN)
    text = report_text(ledger, wish, made=MADE)[1]
    at = ledger.events(job.id)[-1].at
    assert f"- Compared at: {at:%Y-%m-%d %H:%M:%S} UTC" in text
    assert "not recorded" in text
    assert text.splitlines()[2].startswith("**Sign: all 25 records")
