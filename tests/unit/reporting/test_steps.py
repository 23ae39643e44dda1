"""Unusual events are summarised in plain words, once each, separate from messages of the server."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bulkops.ledger.events import Event
from bulkops.reporting.steps import summarise_events

BEGUN = datetime(2026, 11, 22, tzinfo=UTC)


def events(*told: tuple[str, dict[str, Any]]) -> list[Event]:
    return [Event(chunk=1, at=BEGUN + timedelta(seconds=n), kind=k, data=d) for n, (k, d) in enumerate(told)]


def test_summary_skips_routine_events_and_describes_doubts() -> None:
    steps = list(summarise_events(events(
        ("sent", {}), ("in doubt", {"message": "no answer"}),
        ("evidence", {"verdict": "landed", "rows": 80, "import_id": 7, "state": "accepted", "read_at": "x"}),
    )))  # fmt: skip
    assert [(s.what, s.detail, s.said) for s in steps] == [
        ("No response", "", "no answer"),
        ("Read back", "all of its records were found, so it counts as accepted; 80 rows found; import 7", ""),
    ]


def test_message_repeated_in_events_appears_once() -> None:
    data = {"verdict": "ambiguous", "rows": 3, "note": "import 9 may be this chunk"}
    steps = list(summarise_events(events(("evidence", data), ("undecided", data), ("undecided", data))))
    assert [(s.what, s.said) for s in steps] == [("Needs a manual decision", "import 9 may be this chunk")]
