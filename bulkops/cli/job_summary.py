"""A job's document in a few lines for people."""

from collections.abc import Iterator
from typing import Any


def summary_lines(document: dict[str, Any]) -> Iterator[str]:
    """Yield a job's summary for people."""
    figures = document["records"]
    parts = ", ".join(f"{figures[name]:,} {name.replace('_', ' ')}" for name in figures if name != "input")
    yield f"{document['job']}: {document['state'].replace('_', ' ')}. {figures['input']:,} records: {parts}."
    if "rejected_file" in document:
        yield f"Rejected records: {document['rejected_file']} (reasons beside it)."
    if document["reconciliation"]:
        yield f"Reconciliation: {document['reconciliation']['verdict']}. {document['reconciliation']['reason']}"
