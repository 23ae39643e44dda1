"""The summary of a job as a few lines of text."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from bulkops.ledger.job_documents import left_out_text
from bulkops.ledger.states import JobState, job_word
from bulkops.wording import counted

SHOWN_REASONS = 5


def summary_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a job's summary."""
    figures = document["records"]
    parts = ", ".join(f"{figures[name]:,} {name.replace('_', ' ')}" for name in figures if name != "input")
    name, state = document["job"] or "No job", job_word(document["state"], rejected=figures["rejected"])
    yield f"{name}: {state}. {counted(figures['input'], 'record')}: {parts}."
    if undone := document.get("undoes"):
        yield f"It undoes job {undone}: its records are the rows or points that it removes."
    if source := document.get("source"):
        new = document["file"]["path"] if document["job"] else "none"
        yield f"Of {source['records']:,} records of {source['path']}: {left_out_text(source)}; the others: {new}."
    reasons = document.get("refusals", [])
    for reason in reasons[:SHOWN_REASONS]:
        yield f"Rejected, {counted(reason['records'], 'record')}: {reason['reason']}"
    if others := reasons[SHOWN_REASONS:]:
        yield f"Rejected, {counted(sum(r['records'] for r in others), 'record')}: {len(others):,} other reasons"
    if "rejected_file" in document:
        yield f"Rejected records: {document['rejected_file']} (reasons beside it). Correct them, then import this file."
    if document["reconciliation"]:
        yield f"Reconciliation: {document['reconciliation']['verdict']}. {document['reconciliation']['reason']}"


def next_command(document: Mapping[str, Any], *, undecided: int | None = None) -> str:
    """Return the command that follows a job in this state; empty without a job, or after a cancelled one.

    `undecided` is the number of a chunk in doubt.
    """
    job, state = document["job"], document["state"]
    if job is None or state == JobState.CANCELLED:
        return ""
    if state == JobState.UNFINISHED:
        return f"bulkops jobs resume {job}"
    if state == JobState.IN_DOUBT:
        return f"bulkops jobs resolve {job} {undecided or 'CHUNK'} --as partly --reason TEXT"
    if "rejected_file" in document:  # after its records were corrected
        ids = [word for name, value in document["target"]["ids"].items() for word in (f"--{name}", str(value))]
        return shlex.join(["bulkops", "import", document["contract"], str(document["rejected_file"]), *ids])
    return f"bulkops report {job} -o report.html" if document["reconciliation"] else f"bulkops reconcile --job {job}"
