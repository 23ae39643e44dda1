"""Events keep their stored form, whatever version of bulkops wrote them, and one module alone knows that form."""

import ast
import json
import sqlite3
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bulkops
from bulkops.ledger.events import (
    PAYLOADS,
    Event,
    EventKind,
    EvidenceRead,
    OutcomeUnknown,
    Payload,
    ProcessEnded,
    Refused,
    stored_division,
    stored_move,
)
from bulkops.ledger.states import ChunkState

NOW = datetime(2026, 11, 30, tzinfo=UTC)
VERSION_3 = Path(__file__).with_name("data") / "version-3.sql"
PACKAGE = Path(bulkops.__file__).parent


REFUSED = st.builds(
    Refused,
    status=st.integers() | st.none(),
    message=st.text(),
    details=st.lists(st.text()),
    lines=st.lists(st.integers()),
)


def payloads() -> st.SearchStrategy[Payload]:
    others = [payload for payload in (*PAYLOADS.values(), ProcessEnded) if payload is not Refused]
    return st.sampled_from(others).flatmap(st.from_type) | REFUSED


@given(payloads(), st.sampled_from(ChunkState))
def test_a_payload_is_read_as_it_was_written(payload: Payload, state: ChunkState) -> None:
    stored = json.loads(json.dumps(stored_move(payload, state)))
    event = Event(chunk=1, at=NOW, kind=payload.kind.value, data=stored)
    assert event.state is state
    read = event.payload
    assert type(read) is type(payload)
    assert json.loads(json.dumps(read.stored())) == json.loads(json.dumps(payload.stored()))


def test_a_division_is_read_as_it_was_written() -> None:
    data = json.loads(json.dumps(stored_division(EvidenceRead(verdict="partly"), [4, 5], {5: [(2, 1), (7, 3)]})))
    event = Event(chunk=1, at=NOW, kind=EventKind.EVIDENCE, data=data)
    assert (event.state, event.into, event.runs) == (ChunkState.DIVIDED, [4, 5], {5: [(2, 1), (7, 3)]})


@pytest.fixture(scope="module")
def events_of_version_3() -> list[Event]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(VERSION_3.read_text(encoding="utf-8"))
    rows = connection.execute("SELECT chunk, at, kind, data FROM events").fetchall()
    connection.close()
    return [
        Event(chunk=chunk, at=datetime.fromisoformat(at), kind=kind, data=json.loads(data))
        for chunk, at, kind, data in rows
    ]


def test_events_of_an_older_ledger_lose_nothing_in_their_typed_form(events_of_version_3: list[Event]) -> None:
    assert len({event.kind for event in events_of_version_3}) > 8
    for event in events_of_version_3:
        payload = event.payload
        assert payload is not None, event.kind
        known = {name: value for name, value in event.data.items() if name not in ("state", "into", "runs")}
        stored = {**dict.fromkeys(field.name for field in fields(payload)), **payload.stored()}
        assert {name: stored[name] for name in known} == known


def test_a_request_of_an_ended_process_differs_from_one_without_a_response() -> None:
    ended = Event(chunk=1, at=NOW, kind="in doubt", data={"state": "in_doubt", "reason": "killed"})
    unanswered = Event(chunk=1, at=NOW, kind="in doubt", data={"message": "timeout", "status": None, "waited": 3.5})
    assert ended.payload == ProcessEnded(reason="killed")
    assert unanswered.payload == OutcomeUnknown(message="timeout", waited=3.5)


def test_an_event_of_an_unknown_kind_is_kept_without_a_payload() -> None:
    event = Event(chunk=None, at=NOW, kind="invented later", data={"state": "pending", "x": 1})
    assert (event.payload, event.state, event.into) == (None, ChunkState.PENDING, [])


def literal_kinds(module: Path) -> list[int]:
    """Return the lines on which an event kind is compared with, or given as, a string literal."""
    found = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        match node:
            case ast.Compare(left=ast.Attribute(attr="kind", value=ast.Name(id="event" | "e")), comparators=others):
                found += [node.lineno for other in others for part in ast.walk(other) if isinstance(part, ast.Constant)]
            case ast.Call(func=ast.Attribute(attr="events"), keywords=keywords):
                found += [k.value.lineno for k in keywords if k.arg == "kind" and isinstance(k.value, ast.Constant)]
            case ast.Subscript(value=ast.Attribute(attr="data", value=ast.Name(id="event" | "e"))):
                found.append(node.lineno)
    return found


def test_only_the_module_of_events_knows_how_events_are_stored() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path.name != "events.py"]
    assert {str(path.relative_to(PACKAGE)): literal_kinds(path) for path in modules if literal_kinds(path)} == {}
