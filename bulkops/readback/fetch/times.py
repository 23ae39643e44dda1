"""Instants as the API's parameters take them."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """Return an instant as a parameter of the API: UTC, whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
