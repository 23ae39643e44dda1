"""The summary of a job as a few lines of text."""

from collections.abc import Iterator, Mapping
from typing import Any

from bulkops.ledger.job_documents import left_out_text
from bulkops.ledger.states import job_word
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
        yield f"Rejected records: {document['rejected_file']} (reasons beside it)."
    if document["reconciliation"]:
        yield f"Reconciliation: {document['reconciliation']['verdict']}. {document['reconciliation']['reason']}"
