"""A clock is set between a request and the reading that settles it: nothing is doubled with exit 0."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bulkops.clock import SystemClock
from bulkops.errors import AccessRefused
from bulkops.ledger.events import RequestSent
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.sandbox.serve import SandboxServer
from tests.crash.desk import Desk
from tests.crash.runs import Ahead
from tests.crash.truth import CASES, Case, counted, rows_of
from tests.flow.answering import ServerClock, set_clock


def post(sandbox: SandboxServer, path: str, body: bytes) -> None:
    """Import some records without reading the response."""
    files = {"upFile": ("f.csv", body, "text/csv")}
    httpx.post(sandbox.base_url + path, files=files, headers={"Authorization": "Bearer x"}).raise_for_status()


HOURS = [-30, -3, 3]
COUNTED = ["loyalty-points", "giveaways"]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0, now=ServerClock()) as server:
        yield server


def killed_while_sending(desk: Desk, sandbox: SandboxServer, case: Case, file: Path, *, late: float) -> JobEntry:
    """Return a job with its second chunk of two at the server, which imports it `late` seconds after the request.

    The process was killed, so nothing reads the outcome.
    """
    sandbox.set_faults(f"imports@2=late:{late},exports@2=401,reads@2=401")
    job = desk.begin(case.contract, file, case.ids)
    with pytest.raises(AccessRefused):
        desk.resume(job, begun=True)
    states = [chunk.state for chunk in desk.chunks(job.id)]
    assert states == [ChunkState.ACCEPTED, ChunkState.IN_DOUBT]
    sandbox.set_faults(None)
    return job


@pytest.mark.parametrize("hours", HOURS)
@pytest.mark.parametrize("contract", [*COUNTED, "coupons"])
def test_an_import_by_a_server_clock_that_was_set_is_not_sent_again(
    contract: str, hours: int, sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    job = killed_while_sending(desk, sandbox, case, file, late=0.3)
    set_clock(sandbox, timedelta(hours=hours))
    time.sleep(0.5)
    document = desk.resume(job)
    assert case.held(sandbox) == counted(rows_of(file))
    if hours > 0:
        assert document["state"] == "done"
        return
    assert (document["state"], [c["state"] for c in document["chunks"]]) == ("in_doubt", ["accepted", "in_doubt"])
    assert "clock of the server or of this computer was set" in document["chunks"][1]["message"]
    assert any("was set by 3" in note for note in desk.notes)


@pytest.mark.parametrize("contract", COUNTED)
def test_a_server_clock_that_is_set_between_two_readings_of_one_run_hides_no_import(
    contract: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    """The first reading is made by the old clock, and the import is made by the new one."""
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url, settle=1.0, response_timeout=2.0)
    sandbox.set_faults("imports@2=late:1.2")
    timer = threading.Timer(0.8, set_clock, (sandbox, timedelta(hours=-3)))
    timer.start()
    document = desk.run(contract, file, case.ids)
    timer.join()
    assert case.held(sandbox) == counted(rows_of(file))
    assert document["state"] == "in_doubt"


@pytest.mark.parametrize("hours", [-3, 3])
@pytest.mark.parametrize("contract", COUNTED)
def test_a_lost_request_is_sent_again_though_the_server_clock_was_set(
    contract: str, hours: int, sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    job = killed_while_sending(desk, sandbox, case, file, late=3600)
    set_clock(sandbox, timedelta(hours=hours))
    document = desk.resume(job)
    assert (document["state"], [c["attempts"] for c in document["chunks"]]) == ("done", [1, 2])
    assert case.held(sandbox) == counted(rows_of(file))


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_chunk_keeps_its_import_when_our_clock_was_set(hours: int, sandbox: SandboxServer, tmp_path: Path) -> None:
    case = CASES["loyalty-points"]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    job = killed_while_sending(desk, sandbox, case, file, late=0.1)
    time.sleep(0.3)
    desk.ledger.close()
    later = Desk(folder=tmp_path, base_url=sandbox.base_url, clock=Ahead(hours * 3600.0))
    document = later.resume(job)
    assert (document["state"], [c["attempts"] for c in document["chunks"]]) == ("done", [1, 1])
    assert case.held(sandbox) == counted(rows_of(file))


def test_a_server_clock_set_forward_does_not_shorten_the_wait_for_a_late_import(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    """The process was killed; the third chunk is pending, so the server's time is asked for before the wait."""
    case = CASES["loyalty-points"]
    file = case.write(tmp_path / "f.csv", records=30, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url, response_timeout=4.0)
    sandbox.set_faults("imports@2=401")
    job = desk.begin(case.contract, file, case.ids)
    with pytest.raises(AccessRefused):
        desk.resume(job, begun=True)
    sandbox.set_faults(None)
    sent: dict[str, Any] = {"first_sent": desk.clock.now(), "clock_offset": 0.0, "attempts": 1}
    request = RequestSent(attempt=1, clock_offset=0.0)
    desk.ledger.move(job.id, desk.chunks(job.id)[1], ChunkState.SENDING, request, **sent)
    header, *lines = file.read_bytes().splitlines(keepends=True)
    timer = threading.Timer(
        2.0, post, (sandbox, "/v1/loyalty_programs/1/import_points", header + b"".join(lines[10:20]))
    )
    timer.start()
    set_clock(sandbox, timedelta(hours=3))
    document = desk.resume(job)
    timer.join()
    assert (document["state"], [c["attempts"] for c in document["chunks"]]) == ("done", [1, 1, 1])
    assert case.held(sandbox) == counted(rows_of(file))


@pytest.mark.parametrize("hours", [-3, 3])
def test_imports_missing_in_a_restored_ledger_are_found_when_the_server_clock_was_set(
    hours: int, sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES["loyalty-points"]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    sandbox.set_faults("imports@2=401")
    job = desk.begin(case.contract, file, case.ids)
    with pytest.raises(AccessRefused):
        desk.resume(job, begun=True)
    sandbox.set_faults(None)
    desk.ledger.close()
    copy = (tmp_path / "ledger.db").read_bytes()
    desk.ledger = Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())
    assert desk.resume(job)["state"] == "done"
    desk.ledger.close()
    (tmp_path / "ledger.db").write_bytes(copy)
    desk.ledger = Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())
    set_clock(sandbox, timedelta(hours=hours))
    document: dict[str, Any] = desk.resume(job)
    assert case.held(sandbox) == counted(rows_of(file))
    assert document["state"] == "done"
