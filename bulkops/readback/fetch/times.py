"""Format instants for the query parameters of the API."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """Return an instant in RFC 3339 form: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
