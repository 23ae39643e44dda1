"""Build facts of a job for tests of reports."""

from dataclasses import replace
from typing import Any

from bulkops.reporting.facts import STATES, JobFacts
from bulkops.reporting.rejections import Reason

PROOF = {
    "at": "2026-11-22T10:15:30+00:00",
    "began": "2026-11-22T10:15:00+00:00",
    "bulkops": "0.1.0",
    "host": "worker-7",
    "address": "https://acme.talon.one",
    "key": "BULKOPS_MANAGEMENT_KEY",
    "export": None,
}


def result(verdict: str = "proved", **more: Any) -> dict[str, Any]:
    """Return the stored result of a reconciliation."""
    return {
        "verdict": verdict, "reason": "All 300 records were found as they were sent.", "records": 300, "matched": 300,
        "missing": 0, "different": 0, "unexpected": 0, "unexpected_counts": False, "found": 300, "columns": {},
        "compared": ["value"], "readings": 1, "evidence": "exportCoupons", "notes": [], "examples": [],
        "proof": PROOF, **more,
    }  # fmt: skip


def chunk(number: int, records: int = 100, state: str = "accepted", **more: Any) -> dict[str, Any]:
    """Return a chunk as in the timeline of a report."""
    return {
        "number": number, "first_record": (number - 1) * 100 + 1, "records": records, "state": state,
        "undecided": False, "import_id": number, "attempts": 1, "sent": f"2026-11-22T10:00:0{number}+00:00",
        "ended": f"2026-11-22T10:00:0{number}.5+00:00", "seconds": 0.5, "sha256": "ab" * 32, "message": "", **more,
    }  # fmt: skip


def job_facts(
    records: dict[str, int] | None = None,
    *,
    state: str = "done",
    reconciliation: dict[str, Any] | None = None,
    mode: str = "create",
    base_url: str = "https://acme.talon.one",
    job: str = "coupons-20261122-100000-ab12",
    document: dict[str, Any] | None = None,
    **more: Any,
) -> JobFacts:
    """Return the facts of a job of 300 coupons, all accepted; `records` are the records by state instead."""
    figures = {**dict.fromkeys(STATES, 0), **(records or {"accepted": 300})}
    whole = {
        "job": job, "contract": "coupons", "mode": mode, "state": state, "created": "2026-11-22T10:00:00+00:00",
        "target": {"base_url": base_url, "ids": {"application": 1, "campaign": 2}}, "options": {},
        "file": {"path": "/data/codes.csv", "sha256": "cd" * 32, "bytes": 4000, "records": sum(figures.values())},
        "records": {"input": sum(figures.values()), **figures}, "chunks": [], "reconciliation": reconciliation,
        **(document or {}),
    }  # fmt: skip
    facts = JobFacts(document=whole, title="Coupons", effect="creates coupon codes in a campaign")
    return replace(facts, **more)


def reason(message: str, records: int = 1, **more: Any) -> Reason:
    """Return a reason of rejected records."""
    told = {"places": ("line 2",), "more": 0, "together": False, **more}
    return Reason(message=message, records=records, **told)
