"""The steps of a run as records of the logger `bulkops`, for log files, metrics and programs that use the library.

Each record has the name of the event as its message and a dictionary `fields`. Nothing is recorded unless a handler
asks for it. Keys are removed from the fields; `TEXTS` may contain values of records.
"""

import logging
from typing import Any

from bulkops.redaction import redacted_document

LOGGER = logging.getLogger("bulkops")
LOGGER.addHandler(logging.NullHandler())

TEXTS = frozenset({"message", "note", "reason", "details", "text", "error"})
"""Fields with text of a server or a person, which may repeat values of records."""


def record(event: str, **fields: Any) -> None:
    """Record an event with its fields, which must be JSON values."""
    if LOGGER.isEnabledFor(logging.INFO):
        LOGGER.info(event, extra={"fields": redacted_document(fields)})


def fields_of(entry: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of a record; those of a record that other code made are empty."""
    found: dict[str, Any] = getattr(entry, "fields", {})
    return found
