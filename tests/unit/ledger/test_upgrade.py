"""A ledger of version 3, with chunks in every state, is reported as before, except for its wrong entries.

The fixture is a dump of a real ledger. Two of its jobs were settled by import 671, one by evidence and one by the
response; the server gave id 900 to two imports.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.events import EventKind
from bulkops.ledger.job_documents import job_document
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger

DATA = Path(__file__).with_name("data")


@pytest.fixture
def written_by_version_3(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.executescript((DATA / "version-3.sql").read_text(encoding="utf-8"))
    connection.close()
    return path


def reported_by_version_3() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / "version-3.json").read_text(encoding="utf-8"))
    return found


def test_jobs_of_version_3_are_reported_as_version_3_did(written_by_version_3: Path) -> None:
    ledger = Ledger.open(str(written_by_version_3), clock=SystemClock())
    found: list[dict[str, Any]] = [dict(job_document(job, ledger.chunks(job.id))) for job in ledger.jobs()]
    ledger.close()
    pairs = list(zip(found, reported_by_version_3(), strict=True))
    differing = [now["job"] for now, before in pairs if {name: now[name] for name in before} != before]
    assert len(differing) == 1
    (duplicate,) = [document for document in found if document["job"] in differing]
    assert duplicate["state"] == "in_doubt"
    assert duplicate["chunks"][0]["import_id"] is None


def test_the_fixture_has_chunks_in_every_state(written_by_version_3: Path) -> None:
    ledger = Ledger.open(str(written_by_version_3), clock=SystemClock())
    states = {chunk.state for job in ledger.jobs() for chunk in ledger.chunks(job.id)}
    ledger.close()
    assert states == set(ChunkState)


def test_an_import_claimed_by_two_chunks_stays_with_the_chunk_of_its_response(written_by_version_3: Path) -> None:
    told: list[str] = []
    ledger = Ledger.open(str(written_by_version_3), clock=SystemClock(), notify=told.append)
    with_671 = [job.id for job in ledger.jobs() for chunk in ledger.chunks(job.id) if chunk.import_id == 671]
    without = [job for job in ledger.jobs() for e in ledger.events(job.id, kind=EventKind.DUPLICATE_IMPORT)]
    ledger.close()
    assert len(with_671) == len(without) == len(told) == 1
    assert f"Chunk 1 of job {without[0].id} was settled by import 671" in told[0]
    assert f"which belongs to chunk 1 of job {with_671[0]}" in told[0]
    assert "reconcile --job" in told[0]


def test_an_id_that_the_server_gave_twice_stays_with_both_chunks(written_by_version_3: Path) -> None:
    ledger = Ledger.open(str(written_by_version_3), clock=SystemClock())
    with_900 = [job.id for job in ledger.jobs() for chunk in ledger.chunks(job.id) if chunk.import_id == 900]
    ledger.close()
    assert len(with_900) == 2


def test_upgraded_ledger_reports_nothing_when_opened_again(written_by_version_3: Path) -> None:
    Ledger.open(str(written_by_version_3), clock=SystemClock()).close()
    told: list[str] = []
    Ledger.open(str(written_by_version_3), clock=SystemClock(), notify=told.append).close()
    assert told == []
