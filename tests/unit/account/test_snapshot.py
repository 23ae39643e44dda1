"""The snapshot file: written, read, refused."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bulkops.account.model import Account, Application, Unread
from bulkops.account.snapshot import age_text, provenance, read_snapshot, write_snapshot
from bulkops.errors import UsageError

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ACCOUNT = Account(
    base_url="https://x.talon.one",
    read_at=NOW,
    applications=(Application(id=1, name="Läden"),),
    complete=frozenset({"applications"}),
    unread=(Unread(what="the audiences", why="the key does not grant getAudiences (403)"),),
)


def test_a_snapshot_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_snapshot(ACCOUNT, tmp_path / "a.json")
    assert read_snapshot(tmp_path / "a.json", now=NOW) == ACCOUNT


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format"),
        ({"read_at": "2026-11-30T12:00:00"}, "read_at"),
        ({"aplications": []}, "aplications"),
        ({"applications": [{"name": "no id"}]}, "applications.0.id"),
    ],
)
def test_snapshot_of_another_version_is_refused_with_the_place(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(ACCOUNT.model_dump(mode="json") | change))
    with pytest.raises(UsageError, match=said) as refused:
        read_snapshot(path, now=NOW)
    assert f"bulkops snapshot -o {path}" in str(refused.value.hint)


@pytest.mark.parametrize("text", ["", "[]", "{", "value\nA\n", "[" * 5000])
def test_other_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="not a snapshot"):
        read_snapshot(path, now=NOW)


def test_a_snapshot_older_than_allowed_is_refused_with_both_ages(tmp_path: Path) -> None:
    write_snapshot(ACCOUNT, tmp_path / "a.json")
    later = NOW + timedelta(days=9)
    assert read_snapshot(tmp_path / "a.json", now=later, max_age=10 * 86_400)
    with pytest.raises(UsageError, match="is 9 days old; --max-age allows 7 days"):
        read_snapshot(tmp_path / "a.json", now=later, max_age=7 * 86_400)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (7_100, "118 minutes"),
        (7_200, "2 hours"),
        (200_000, "2 days"),
    ],
)
def test_age_is_shown_in_its_largest_unit(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


def test_report_names_the_snapshot_and_its_unread_items() -> None:
    assert provenance(ACCOUNT, Path("a.json"), now=NOW + timedelta(hours=1)) == {
        "path": "a.json",
        "base_url": "https://x.talon.one",
        "read_at": "2026-11-30T12:00:00+00:00",
        "age_seconds": 3600,
        "not_read": ["the audiences: the key does not grant getAudiences (403)"],
    }


def test_the_schema_names_every_part_and_refuses_unknown_keys() -> None:
    schema = Account.model_json_schema()
    assert schema["additionalProperties"] is False
    assert {"format", "base_url", "read_at", "applications", "programs", "attributes"} <= schema["properties"].keys()
    assert not any("key" in name or "token" in name for name in schema["properties"])
