"""A job's document in a few lines for people."""

from collections.abc import Iterator
from typing import Any


def summary_lines(document: dict[str, Any]) -> Iterator[str]:
    """Yield a job's summary for people."""
    figures = document["records"]
    parts = ", ".join(f"{figures[name]:,} {name.replace('_', ' ')}" for name in figures if name != "input")
    name, state = document["job"] or "No job", document["state"].replace("_", " ")
    yield f"{name}: {state}. {figures['input']:,} records: {parts}."
    if source := document.get("source"):
        new = document["file"]["path"] if document["job"] else "none"
        yield f"{source['sent_before']:,} of {source['records']:,} records of {source['path']} sent before; new: {new}."
    if "rejected_file" in document:
        yield f"Rejected records: {document['rejected_file']} (reasons beside it)."
    if document["reconciliation"]:
        yield f"Reconciliation: {document['reconciliation']['verdict']}. {document['reconciliation']['reason']}"
