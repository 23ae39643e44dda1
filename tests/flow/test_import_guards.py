"""The guards before and during a job: same file, other file, other target, replacements, locks."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bulkops.clock import SystemClock
from bulkops.errors import GuardRefused
from bulkops.ledger.events import RequestSent, SettingsChanged
from bulkops.ledger.locks import exclusive
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.sandbox.serve import SandboxServer
from bulkops.upload.job_files import before_path
from bulkops.upload.manual_resolution import cancel
from bulkops.upload.workflow import Guards, lock_job
from bulkops_validators import CONTRACTS
from tests.crash.desk import Desk
from tests.crash.truth import ALL, CASES, counted, rows_of

COUPONS = CASES["coupons"]
AUDIENCE = CASES["audiences"]
OVERWRITING = [name for name in ALL if CONTRACTS[name].mode.resend_is_safe]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


@pytest.fixture
def desk(sandbox: SandboxServer, tmp_path: Path) -> Desk:
    return Desk(folder=tmp_path, base_url=sandbox.base_url)


def audience(path: Path, *members: int) -> Path:
    path.write_text("profileintegrationid\n" + "".join(f"customer-{n:04}\n" for n in members))
    return path


@pytest.mark.parametrize("name", ["coupons", "giveaways", "loyalty-points"])
def test_the_same_bytes_are_refused_under_any_file_name_without_again(name: str, desk: Desk, tmp_path: Path) -> None:
    case = CASES[name]
    first = desk.run(name, case.write(tmp_path / "f.csv", records=5, seed=1), case.ids)
    renamed = case.write(tmp_path / "renamed.csv", records=5, seed=1)
    with pytest.raises(GuardRefused, match=first["job"]):
        desk.begin(name, renamed, case.ids)
    assert desk.begin(name, renamed, case.ids, guards=Guards(again=True)).id != first["job"]


def test_a_cancelled_job_that_sent_nothing_does_not_block_a_second_import(desk: Desk, tmp_path: Path) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=5, seed=1)
    cancel(desk.ledger, desk.begin("coupons", file, COUPONS.ids))
    assert desk.run("coupons", file, COUPONS.ids)["state"] == "done"


def test_an_upsert_of_the_same_file_is_sent_a_second_time(desk: Desk, tmp_path: Path) -> None:
    case = CASES["loyalty-join-dates"]
    file = case.write(tmp_path / "f.csv", records=5, seed=1)
    assert [desk.run(case.contract, file, case.ids)["state"] for _ in range(2)] == ["done", "done"]


@pytest.mark.parametrize("name", OVERWRITING)
def test_an_unfinished_job_of_the_same_file_is_resumed_instead_of_imported_a_second_time(
    name: str, desk: Desk, tmp_path: Path
) -> None:
    case = ALL[name]
    job = desk.begin(name, case.write(tmp_path / "f.csv", records=5, seed=1), case.ids, max_removals="100%")
    renamed = case.write(tmp_path / "renamed.csv", records=5, seed=1)
    with pytest.raises(GuardRefused, match=f"{job.id} already contains this file") as refused:
        desk.begin(name, renamed, case.ids, max_removals="100%")
    assert f"`bulkops jobs resume {job.id} --file {renamed}`" in str(refused.value.hint)
    cancel(desk.ledger, desk.begin(name, renamed, case.ids, guards=Guards(again=True), max_removals="100%"))
    assert desk.begin(name, renamed, case.ids, max_removals="100%").id != job.id


@pytest.mark.parametrize("name", OVERWRITING)
def test_a_corrected_file_and_the_file_before_it_are_imported_in_spite_of_an_unfinished_job(
    name: str, desk: Desk, tmp_path: Path
) -> None:
    case = ALL[name]
    file = case.write(tmp_path / "f.csv", records=5, seed=1)
    desk.begin(name, file, case.ids, max_removals="100%")
    corrected = case.write(tmp_path / "corrected.csv", records=6, seed=2)
    assert desk.run(name, corrected, case.ids, max_removals="100%")["state"] == "done"
    assert desk.run(name, file, case.ids, max_removals="100%")["state"] == "done"


def test_a_job_resumes_only_on_the_bytes_it_began_with(desk: Desk, tmp_path: Path, sandbox: SandboxServer) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=30, seed=1)
    job = desk.begin("coupons", file, COUPONS.ids)
    file.write_bytes(file.read_bytes().replace(b"CODE-000029", b"CODE-999999"))
    with pytest.raises(GuardRefused, match="has changed"):
        desk.resume(job)
    assert COUPONS.held(sandbox) == counted([])


def test_a_file_that_changes_during_the_import_is_never_completed(
    desk: Desk, tmp_path: Path, sandbox: SandboxServer
) -> None:
    from bulkops.upload.stop import Stop
    from bulkops.upload.workflow import run_job

    file = COUPONS.write(tmp_path / "f.csv", records=30, seed=1)
    job = desk.begin("coupons", file, COUPONS.ids)
    file.write_bytes(file.read_bytes().replace(b"CODE-000025", b"CODE-999999"))
    with desk.opened(job, desk.target(COUPONS.ids)) as context, pytest.raises(GuardRefused, match="chunk 3"):
        run_job(context, stop=Stop())
    assert sum(COUPONS.held(sandbox).values()) == 20
    assert desk.document(job)["records"]["pending"] == 10


def test_a_job_resumes_only_on_its_target(desk: Desk, tmp_path: Path) -> None:
    job = desk.begin("coupons", COUPONS.write(tmp_path / "f.csv", records=5, seed=1), COUPONS.ids)
    other = desk.target({"application": 1, "campaign": 2})
    with pytest.raises(GuardRefused, match="--campaign 2"):
        desk.resume(job, target=other)
    with pytest.raises(GuardRefused):
        desk.resume(job, target=replace(desk.target(COUPONS.ids), base_url="http://127.0.0.1:1"))


def test_a_replacement_saves_the_previous_content_and_undo_restores_it(
    desk: Desk, tmp_path: Path, sandbox: SandboxServer
) -> None:
    old, new = audience(tmp_path / "old.csv", *range(1, 21)), audience(tmp_path / "new.csv", *range(2, 24))
    desk.run("audiences", old, AUDIENCE.ids)
    document = desk.run("audiences", new, AUDIENCE.ids)
    assert desk.difference is not None
    assert (desk.difference.added, desk.difference.removed, desk.difference.kept) == (3, 1, 19)
    assert AUDIENCE.held(sandbox) == counted(rows_of(new))
    before = before_path(desk.ledger, document["job"])
    lifted = Guards(again=True, allow_empty=True)
    assert desk.run("audiences", before, AUDIENCE.ids, guards=lifted, max_removals="100%")["state"] == "done"
    assert AUDIENCE.held(sandbox) == counted(rows_of(old))


def test_a_replacement_that_removes_too_much_is_refused_and_leaves_no_job(
    desk: Desk, tmp_path: Path, sandbox: SandboxServer
) -> None:
    desk.run("audiences", audience(tmp_path / "old.csv", *range(1, 21)), AUDIENCE.ids)
    few = audience(tmp_path / "few.csv", *range(1, 18))
    with pytest.raises(GuardRefused, match="remove 3 of the 20") as refused:
        desk.begin("audiences", few, AUDIENCE.ids)
    assert "--max-removals 3" in str(refused.value)
    assert len(desk.ledger.jobs()) == 1
    assert len(list((desk.ledger.folder / "jobs").iterdir())) == 1
    assert desk.run("audiences", few, AUDIENCE.ids, max_removals="3")["state"] == "done"
    assert AUDIENCE.held(sandbox) == counted(rows_of(few))


def test_equal_content_is_not_sent(desk: Desk, tmp_path: Path, sandbox: SandboxServer) -> None:
    desk.run("audiences", audience(tmp_path / "a.csv", 1, 2, 3), AUDIENCE.ids)
    sent = sum(r.method == "POST" for r in sandbox.requests)
    document = desk.run("audiences", audience(tmp_path / "b.csv", 3, 2, 1), AUDIENCE.ids)
    assert (document["state"], document["records"]["skipped"]) == ("done", 3)
    assert sum(r.method == "POST" for r in sandbox.requests) == sent


def test_an_empty_replacement_needs_allow_empty(desk: Desk, tmp_path: Path, sandbox: SandboxServer) -> None:
    desk.run("audiences", audience(tmp_path / "a.csv", 1, 2, 3), AUDIENCE.ids)
    empty = audience(tmp_path / "empty.csv")
    with pytest.raises(GuardRefused, match="no records"):
        desk.begin("audiences", empty, AUDIENCE.ids)
    with pytest.raises(GuardRefused, match="remove 3"):
        desk.begin("audiences", empty, AUDIENCE.ids, guards=Guards(allow_empty=True))
    allowed = Guards(allow_empty=True)
    assert desk.run("audiences", empty, AUDIENCE.ids, guards=allowed, max_removals="100%")["state"] == "done"
    assert AUDIENCE.held(sandbox) == counted([])


def test_a_replacement_is_one_request_for_any_chunk_size(desk: Desk, tmp_path: Path, sandbox: SandboxServer) -> None:
    document = desk.run("audiences", audience(tmp_path / "a.csv", *range(1, 60)), AUDIENCE.ids, max_rows=5)
    assert len(document["chunks"]) == 1
    assert sum(r.method == "POST" for r in sandbox.requests) == 1


def test_a_second_process_for_the_same_job_or_target_is_refused_with_the_owner(desk: Desk, tmp_path: Path) -> None:
    job = desk.begin("audiences", audience(tmp_path / "a.csv", 1), AUDIENCE.ids)
    other = desk.begin("audiences", audience(tmp_path / "b.csv", 1, 2), AUDIENCE.ids)
    with lock_job(job, desk.ledger):
        for refused in (job, other):
            with (
                pytest.raises(GuardRefused, match=f"process {os.getpid()} on "),
                lock_job(refused, desk.ledger),
            ):
                pass
    with lock_job(other, desk.ledger):
        pass


def test_the_lock_of_a_dead_process_is_taken_over(desk: Desk) -> None:
    child = os.fork()
    if child == 0:
        with exclusive(desk.ledger.folder, "job", what="It", clock=SystemClock()):
            os._exit(0)
    os.waitpid(child, 0)
    assert (desk.ledger.folder / "locks" / "job.owner").exists()
    with exclusive(desk.ledger.folder, "job", what="It", clock=SystemClock()):
        pass


def killed_in_its_request(desk: Desk, job: JobEntry) -> None:
    """Leave a job as a process leaves it that was killed while its request was under way."""
    [chunk] = desk.chunks(job.id)
    sent: dict[str, Any] = {"attempts": 1, "first_sent": desk.clock.now()}
    desk.ledger.move(job.id, chunk, ChunkState.SENDING, RequestSent(attempt=1, clock_offset=None), **sent)


def test_a_resumed_replacement_removes_no_rows_added_in_between(
    desk: Desk, tmp_path: Path, sandbox: SandboxServer
) -> None:
    job = desk.begin("audiences", audience(tmp_path / "new.csv", *range(1, 21)), AUDIENCE.ids)
    killed_in_its_request(desk, job)
    others = audience(tmp_path / "others.csv", *range(101, 201))
    desk.run("audiences", others, AUDIENCE.ids)
    for _ in range(2):
        with pytest.raises(GuardRefused, match="remove 100 of the 100"):
            desk.resume(job)
    assert AUDIENCE.held(sandbox) == counted(rows_of(others))
    before = before_path(desk.ledger, job.id)
    assert rows_of(before) == []
    desk.ledger.change_job(job, SettingsChanged(), settings={**job.settings, "max_removals": "100"})
    assert desk.resume(job)["state"] == "done"
    assert any("adds 20, changes 0, removes 100 and keeps 0 rows" in note for note in desk.notes)
    assert counted(rows_of(before)) == counted(rows_of(others))
    assert rows_of(before.with_name("before-1.csv")) == []
    assert not before.with_name("now.csv").exists()


def test_a_resumed_replacement_continues_if_the_target_is_unchanged(
    desk: Desk, tmp_path: Path, sandbox: SandboxServer
) -> None:
    desk.run("audiences", audience(tmp_path / "old.csv", *range(1, 21)), AUDIENCE.ids)
    few = audience(tmp_path / "few.csv", *range(1, 11))
    job = desk.begin("audiences", few, AUDIENCE.ids, max_removals="50%")
    killed_in_its_request(desk, job)
    assert desk.resume(job)["state"] == "done"
    assert AUDIENCE.held(sandbox) == counted(rows_of(few))
    assert len(rows_of(before_path(desk.ledger, job.id))) == 20


@pytest.mark.parametrize(("killed", "found"), [(True, "accepted"), (False, "skipped")])
def test_a_resumed_replacement_is_not_sent_if_the_target_has_its_content(
    desk: Desk, tmp_path: Path, sandbox: SandboxServer, *, killed: bool, found: str
) -> None:
    job = desk.begin("audiences", audience(tmp_path / "a.csv", 1, 2, 3), AUDIENCE.ids)
    if killed:
        killed_in_its_request(desk, job)
    desk.run("audiences", audience(tmp_path / "b.csv", 3, 2, 1), AUDIENCE.ids)
    sent = sum(r.method == "POST" for r in sandbox.requests)
    document = desk.resume(job)
    assert (document["state"], document["records"][found]) == ("done", 3)
    assert sum(r.method == "POST" for r in sandbox.requests) == sent
