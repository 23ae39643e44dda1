"""Doubt and its evidence, one kind at a time: what lands is accepted once, what does not is sent again once."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from bulkops.clock import SystemClock
from bulkops.errors import AccessRefused, Unfinished
from bulkops.ledger.events import EventKind, EvidenceRead, OutcomeUnknown, RequestSent
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.sandbox.serve import SandboxServer
from bulkops.upload.manual_resolution import resolve
from bulkops.upload.workflow import Guards
from tests.crash.desk import Desk
from tests.crash.truth import CASES, counted, rows_of
from tests.flow.answering import ServerClock, set_clock

POINTS = CASES["loyalty-points"]
COUPONS = CASES["coupons"]
GIVEAWAYS = CASES["giveaways"]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0, now=ServerClock()) as server:
        yield server


@pytest.fixture
def desk(sandbox: SandboxServer, tmp_path: Path) -> Desk:
    return Desk(folder=tmp_path, base_url=sandbox.base_url)


def left_without_answer(desk: Desk, job: JobEntry, chunk: ChunkEntry, *, clock_offset: float | None = 0.0) -> None:
    """Let the ledger say that a chunk was sent and no answer came."""
    known: dict[str, Any] = {"first_sent": desk.clock.now(), "clock_offset": clock_offset}
    chunk = desk.ledger.move(job.id, chunk, ChunkState.SENDING, RequestSent(attempt=1, clock_offset=None), **known)
    desk.ledger.move(job.id, chunk, ChunkState.IN_DOUBT, OutcomeUnknown(message="no response"))


def post(sandbox: SandboxServer, path: str, body: bytes) -> None:
    """Import something that is not ours."""
    answer = httpx.post(
        sandbox.base_url + path,
        files={"upFile": ("other.csv", body, "text/csv")},
        headers={"Authorization": "Bearer x"},
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("name", ["loyalty-points", "giveaways", "coupons", "loyalty-cards"])
@pytest.mark.parametrize("fault", ["cut:committed", "503:after", "truncate", "late:0.1"])
def test_an_import_with_a_lost_response_is_accepted_and_not_resent(
    name: str, fault: str, sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    case = CASES[name]
    file = case.write(tmp_path / "f.csv", records=25, seed=1)
    before = case.held(sandbox)
    sandbox.set_faults(f"imports@2={fault}")
    document = desk.run(name, file, case.ids)
    assert document["state"] == "done"
    assert case.held(sandbox) - before == counted(rows_of(file))
    assert document["chunks"][1]["attempts"] == 1
    assert (document["chunks"][1]["import_id"] is not None) == (name != "loyalty-cards")


@pytest.mark.parametrize("fault", ["cut:after", "503"])
def test_a_request_without_an_import_is_resent_after_two_equal_read_backs(
    fault: str, sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = POINTS.write(tmp_path / "f.csv", records=25, seed=1)
    sandbox.set_faults(f"imports@2={fault}")
    document = desk.run("loyalty-points", file, POINTS.ids)
    assert document["state"] == "done"
    assert POINTS.held(sandbox) == counted(rows_of(file))
    assert document["chunks"][1]["attempts"] == 2
    reads = [r for r in sandbox.requests if r.template.endswith("/transactions")]
    assert len(reads) >= 2


def test_chunks_that_are_not_in_doubt_do_not_wait_for_the_settle_time(sandbox: SandboxServer, tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url, settle=3600)
    file = POINTS.write(tmp_path / "f.csv", records=40, seed=1)
    sandbox.set_faults("imports@1=cut:committed,imports@2=429:0.01")
    document = desk.run("loyalty-points", file, POINTS.ids)
    assert document["state"] == "done"
    assert POINTS.held(sandbox) == counted(rows_of(file))


def test_foreign_imports_in_the_window_are_not_ours(sandbox: SandboxServer, desk: Desk, tmp_path: Path) -> None:
    file = POINTS.write(tmp_path / "f.csv", records=10, seed=1)
    job = desk.begin("loyalty-points", file, POINTS.ids)
    (chunk,) = desk.chunks(job.id)
    left_without_answer(desk, job, chunk)
    post(sandbox, "/v1/loyalty_programs/1/import_points", file.read_bytes() + b"customer-0001,77,foreign\n")
    document = desk.resume(job)
    assert document["state"] == "done"
    assert document["chunks"][0]["import_id"] == 2
    assert POINTS.held(sandbox)[("customer-0001", "77", "foreign")] == 1
    assert sum(POINTS.held(sandbox).values()) == 21


@pytest.mark.parametrize(("age", "records"), [(timedelta(minutes=6), 20), (timedelta(hours=25), 10)])
def test_an_equal_import_from_long_before_does_not_settle_a_chunk(
    age: timedelta, records: int, sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    """How long that is depends on whether the clock of rows is known: a first chunk was accepted before, or none."""
    file = POINTS.write(tmp_path / "f.csv", records=records, seed=1)
    document = after_an_equal_import(sandbox, desk, file, age=age)
    assert document["state"] == "done"
    assert document["chunks"][-1]["attempts"] == 1
    assert sum(POINTS.held(sandbox).values()) == records + 10


@pytest.mark.parametrize("seconds", [4, 240, 360, 80_000])
def test_an_equal_import_just_before_the_request_needs_a_manual_decision(
    seconds: int, sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = POINTS.write(tmp_path / "f.csv", records=10, seed=1)
    document = after_an_equal_import(sandbox, desk, file, age=timedelta(seconds=seconds))
    assert document["state"] == "in_doubt"
    assert "nothing proves it younger" in document["chunks"][0]["message"]
    assert sum(POINTS.held(sandbox).values()) == 10


def after_an_equal_import(sandbox: SandboxServer, desk: Desk, file: Path, *, age: timedelta) -> dict[str, Any]:
    """Resume a job whose request is in doubt and left when an equal import had that age."""
    job = desk.begin("loyalty-points", file, POINTS.ids)
    *others, chunk = desk.chunks(job.id)
    header, *lines = file.read_bytes().splitlines(keepends=True)
    body = header + b"".join(lines[-chunk.records :])
    clock = set_clock(sandbox, -age)
    post(sandbox, "/v1/loyalty_programs/1/import_points", body)
    clock.ahead = timedelta()
    left_without_answer(desk, job, chunk)
    assert len(others) == len(lines) // 10 - 1
    return desk.resume(job)


@pytest.mark.parametrize(
    ("old", "new"), [("points for", "Points for"), ("reason", "subledgerid")], ids=["values", "column"]
)
def test_an_import_with_rewritten_values_needs_a_manual_decision(
    old: str, new: str, sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_text("customerprofileid,amount,reason\nc1,1.10,points for one\nc2,2.00,points for two\n")
    job = desk.begin("loyalty-points", file, POINTS.ids)
    (chunk,) = desk.chunks(job.id)
    left_without_answer(desk, job, chunk)
    post(sandbox, "/v1/loyalty_programs/1/import_points", file.read_text().replace(old, new).encode())
    document = desk.resume(job)
    assert document["state"] == "in_doubt"
    assert "may be this chunk" in document["chunks"][0]["message"]
    assert sum(POINTS.held(sandbox).values()) == 2


def test_a_lost_chunk_is_resent_although_another_chunk_was_imported(
    sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = POINTS.write(tmp_path / "f.csv", records=20, seed=1)
    sandbox.set_faults("imports@1=cut:after,imports@2=cut:committed")
    document = desk.run("loyalty-points", file, POINTS.ids)
    assert document["state"] == "done"
    assert [c["attempts"] for c in document["chunks"]] == [2, 1]
    assert POINTS.held(sandbox) == counted(rows_of(file))


def test_a_server_that_reuses_import_ids_hides_no_import(tmp_path: Path) -> None:
    first = GIVEAWAYS.write(tmp_path / "a.csv", records=10, seed=1)
    second = GIVEAWAYS.write(tmp_path / "b.csv", records=10, seed=2)
    with SandboxServer(rate_limit=0) as server:
        desk = Desk(folder=tmp_path, base_url=server.base_url)
        assert desk.run("giveaways", first, GIVEAWAYS.ids)["state"] == "done"
        port = int(server.base_url.rpartition(":")[2])
    with SandboxServer(rate_limit=0, port=port) as server:
        server.set_faults("imports@1=cut:committed")
        document = desk.run("giveaways", second, GIVEAWAYS.ids)
        assert document["state"] == "in_doubt"
        assert "import 1 contains exactly these records" in document["chunks"][0]["message"]
        assert GIVEAWAYS.held(server) == counted(rows_of(second))


def test_a_reused_import_id_after_a_long_time_is_a_new_import(tmp_path: Path) -> None:
    file = GIVEAWAYS.write(tmp_path / "a.csv", records=10, seed=1)
    with SandboxServer(rate_limit=0) as server:
        desk = Desk(folder=tmp_path, base_url=server.base_url)
        job = desk.begin("giveaways", file, GIVEAWAYS.ids)
        assert desk.resume(job)["state"] == "done"
        (chunk,) = desk.chunks(job.id)
        desk.ledger.mark(job.id, chunk, EvidenceRead(), created=desk.clock.now() - timedelta(hours=2))
        port = int(server.base_url.rpartition(":")[2])
    with SandboxServer(rate_limit=0, port=port) as server:
        server.set_faults("imports@1=cut:committed")
        desk = Desk(folder=tmp_path, base_url=server.base_url)
        document = desk.run("giveaways", file, GIVEAWAYS.ids, guards=Guards(again=True))
        assert document["state"] == "done"
        assert GIVEAWAYS.held(server) == counted(rows_of(file))


def test_equal_chunks_in_another_order_may_each_have_an_import(
    sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_text("code\nA\nB\nB\nA\n")
    sandbox.set_faults("imports=cut:committed")
    document = desk.run("giveaways", file, GIVEAWAYS.ids, max_rows=2)
    assert document["state"] == "done"
    assert sorted(c["import_id"] for c in document["chunks"]) == [1, 2]
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


def test_a_known_import_of_equal_records_does_not_settle_another_chunk(
    sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_text("code\nA\nB\nB\nA\n")
    sandbox.set_faults("imports@2=cut:after")
    document = desk.run("giveaways", file, GIVEAWAYS.ids, max_rows=2)
    assert document["state"] == "done"
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


def test_a_partly_imported_append_chunk_needs_a_manual_decision(
    sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=30, seed=1)
    sandbox.set_faults("imports@2=refuse:partial:6")
    job = desk.begin("giveaways", file, GIVEAWAYS.ids)
    document = desk.resume(job)
    assert document["state"] == "in_doubt"
    assert document["records"] == {
        "input": 30, "accepted": 20, "skipped": 0, "rejected": 0, "in_doubt": 10, "pending": 0
    }  # fmt: skip
    (doubtful,) = [c for c in desk.chunks(job.id) if c.undecided]
    assert "5 of the 10 records" in doubtful.message
    assert desk.resume(job)["state"] == "in_doubt"
    resolve(desk.ledger, job, doubtful.number, accepted=True, reason="looked at the pool")
    assert desk.document(job)["state"] == "done"
    assert desk.ledger.events(job.id, kind=EventKind.RESOLVED)[0].data["reason"] == "looked at the pool"


def test_only_the_missing_records_of_a_partly_imported_create_chunk_are_resent(
    sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=10, seed=1)
    job = desk.begin("coupons", file, COUPONS.ids)
    (chunk,) = desk.chunks(job.id)
    left_without_answer(desk, job, chunk)
    header, *lines = file.read_bytes().splitlines(keepends=True)
    post(sandbox, "/v1/applications/1/campaigns/1/import_coupons", header + b"".join(lines[3:7]))
    document = desk.resume(job)
    assert document["state"] == "done"
    assert COUPONS.held(sandbox) == counted(rows_of(file))
    assert sorted(c["records"] for c in document["chunks"]) == [4, 6]
    assert document["records"]["accepted"] == 10


def test_a_commit_after_the_settle_time_is_found_by_the_last_read_back_and_reported(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    class Late(SystemClock):
        settles = 0

        def sleep(self, seconds: float) -> None:
            self.settles += seconds >= 0.9 * desk.settle
            if self.settles == 2:  # the first lay between the two readings, this one is before the last look
                post(sandbox, "/v1/loyalty_programs/1/import_points", file.read_bytes())

    clock = Late()
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url, clock=clock)
    file = POINTS.write(tmp_path / "f.csv", records=10, seed=1)
    sandbox.set_faults("imports@1=cut:after")
    document = desk.run("loyalty-points", file, POINTS.ids)
    assert clock.settles == 2
    assert document["state"] == "in_doubt"
    assert "twice" in document["chunks"][0]["message"]


def test_a_request_of_a_killed_process_counts_as_lost_only_after_the_response_timeout(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    class Quick(SystemClock):
        slept: ClassVar[list[float]] = []

        def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)
            if seconds > 120:
                post(sandbox, "/v1/loyalty_programs/1/import_points", file.read_bytes())

    desk = Desk(folder=tmp_path, base_url=sandbox.base_url, clock=Quick(), settle=60, response_timeout=120)
    file = POINTS.write(tmp_path / "f.csv", records=10, seed=1)
    job = desk.begin("loyalty-points", file, POINTS.ids)
    (chunk,) = desk.chunks(job.id)
    known: dict[str, Any] = {"first_sent": desk.clock.now(), "clock_offset": 0.0}
    desk.ledger.move(job.id, chunk, ChunkState.SENDING, RequestSent(attempt=1, clock_offset=None), **known)
    document = desk.resume(job)
    assert document["state"] == "done"
    assert document["chunks"][0]["attempts"] == 0
    assert [round(seconds / 10) for seconds in Quick.slept] == [18]
    assert POINTS.held(sandbox) == counted(rows_of(file))


@pytest.mark.parametrize("faults", ["imports=503", "imports@every2=429:0.01,imports=503"])
def test_only_unknown_outcomes_count_towards_the_maximum_of_attempts(
    faults: str, sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=10, seed=1)
    job = desk.begin("coupons", file, COUPONS.ids)
    sandbox.set_faults(faults)
    with pytest.raises(Unfinished, match="chunk 1 was unknown 12 times"):
        desk.resume(job, begun=True)
    assert len(desk.ledger.events(job.id, kind=EventKind.IN_DOUBT)) == 12


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_or_id_stops_the_job_at_once(
    status: int, sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=30, seed=1)
    job = desk.begin("coupons", file, COUPONS.ids)
    sandbox.set_faults(f"imports={status}")
    with pytest.raises(AccessRefused):
        desk.resume(job, begun=True)
    assert [request.method for request in sandbox.requests] == ["GET", "POST"]  # the time is asked first
    assert desk.document(job)["records"]["pending"] == 30
    sandbox.set_faults(None)
    assert desk.resume(job)["state"] == "done"


@pytest.mark.parametrize(("status", "methods"), [(401, ["GET"]), (403, ["GET", "POST"]), (404, ["GET", "POST"])])
def test_only_a_refused_key_stops_an_import_when_the_server_time_is_read(
    status: int, methods: list[str], sandbox: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    file = POINTS.write(tmp_path / "f.csv", records=10, seed=1)
    job = desk.begin("loyalty-points", file, POINTS.ids)
    sandbox.set_faults(f"reads={status}")
    with pytest.raises(AccessRefused) if status == 401 else contextlib.nullcontext():
        desk.resume(job, begun=True)
    assert [request.method for request in sandbox.requests][: len(methods)] == methods
    assert sum(POINTS.held(sandbox).values()) == (0 if status == 401 else 10)
    assert desk.document(job)["records"]["pending"] == (10 if status == 401 else 0)
    sandbox.set_faults(None)
    assert desk.resume(job)["state"] == "done"
    assert POINTS.held(sandbox) == counted(rows_of(file))


def test_an_unreachable_server_leaves_an_unfinished_job(tmp_path: Path) -> None:
    class Hurried(SystemClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(min(seconds, 0.01))

    with SandboxServer(rate_limit=0) as server:
        desk = Desk(folder=tmp_path, base_url=server.base_url, clock=Hurried())
        file = POINTS.write(tmp_path / "f.csv", records=10, seed=1)
        job = desk.begin("loyalty-points", file, POINTS.ids)
        server.set_faults("all=503")
        with pytest.raises(Unfinished):
            desk.resume(job, begun=True)
        assert desk.document(job)["state"] == "unfinished"
        assert desk.document(job)["records"]["in_doubt"] == 10
        server.set_faults(None)
        assert desk.resume(job)["state"] == "done"
        assert POINTS.held(server) == counted(rows_of(file))


def test_card_chunks_are_halved_after_a_timeout(sandbox: SandboxServer, desk: Desk, tmp_path: Path) -> None:
    case = CASES["loyalty-cards"]
    before = case.held(sandbox)
    file = case.write(tmp_path / "f.csv", records=4000, seed=1)
    sandbox.set_faults("imports@1=504")
    document = desk.run("loyalty-cards", file, case.ids, max_rows=2000)
    assert document["state"] == "done"
    assert [c["records"] for c in document["chunks"]] == [1000, 1000, 1000, 1000]
    assert case.held(sandbox) - before == counted(rows_of(file))


def test_the_window_begins_by_the_servers_clock_and_not_by_ours(sandbox: SandboxServer, tmp_path: Path) -> None:
    class Ahead(SystemClock):
        def now(self):  # type: ignore[no-untyped-def]
            return super().now() + timedelta(hours=3)

    desk = Desk(folder=tmp_path, base_url=sandbox.base_url, clock=Ahead())
    file = POINTS.write(tmp_path / "f.csv", records=20, seed=1)
    sandbox.set_faults("imports@2=cut:committed")
    assert desk.run("loyalty-points", file, POINTS.ids)["state"] == "done"
    assert POINTS.held(sandbox) == counted(rows_of(file))
