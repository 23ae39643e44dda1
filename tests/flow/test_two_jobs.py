"""Two jobs with equal records at one target: each has an import of its own, whatever is lost, late, or killed."""

import csv
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bulkops.errors import AccessRefused
from bulkops.ledger.events import EventKind, OutcomeUnknown, RequestSent
from bulkops.ledger.states import ChunkState
from bulkops.pipeline.reconcile_job import prove, request_of_job
from bulkops.reconciling.sides import EvidenceSource
from bulkops.sandbox.serve import SandboxServer
from bulkops.sandbox.state import system_now
from bulkops.upload.manual_resolution import resolve
from bulkops.upload.workflow import Guards
from tests.crash.desk import Desk
from tests.crash.truth import CASES, Case, counted, rows_of

AGAIN = Guards(again=True)
COUNTED = ["loyalty-points", "giveaways"]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


def desk_of(folder: Path, sandbox: SandboxServer, **choices: Any) -> Desk:
    return Desk(folder=folder, base_url=sandbox.base_url, **choices)


def run_later(desk: Desk, case: Case, file: Path, results: dict[str, Any]) -> threading.Thread:
    """Run a job in a thread once another one has it in the ledger; its document goes to `results["other"]`."""
    job = desk.begin(case.contract, file, case.ids, max_rows=100, guards=AGAIN)

    def run() -> None:
        results["other"] = desk.resume(job, begun=True)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_for(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def twice(case: Case, sandbox: SandboxServer, file: Path) -> bool:
    rows = counted(rows_of(file))
    return case.held(sandbox) == rows + rows


@pytest.mark.parametrize("contract", COUNTED)
def test_a_lost_request_does_not_claim_the_import_of_a_job_with_a_late_response(
    contract: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    """The other job's request is imported at once and answered after 4 s; ours is lost. Both are imported once."""
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=50, seed=1)
    desk = desk_of(tmp_path, sandbox, response_timeout=10.0)
    sandbox.set_faults("imports@1=slow:4,imports@2=cut:after")
    results: dict[str, Any] = {}
    other = run_later(desk, case, file, results)
    wait_for(lambda: case.held(sandbox))
    ours = desk.run(contract, file, case.ids, max_rows=100, guards=AGAIN)
    other.join()
    assert (ours["state"], results["other"]["state"]) == ("done", "done")
    ids = {document["chunks"][0]["import_id"] for document in (ours, results["other"])}
    assert len(ids) == 2
    assert twice(case, sandbox, file)
    assert (ours["chunks"][0]["attempts"], results["other"]["chunks"][0]["attempts"]) == (2, 1)


@pytest.mark.parametrize("contract", COUNTED)
def test_a_chunk_is_resent_if_another_job_owns_the_import_of_its_response(
    contract: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    """Our job does not see that the other one still waits, as on a machine whose clock is hours ahead."""
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=50, seed=1)
    desk = desk_of(tmp_path, sandbox)
    sandbox.set_faults("imports@1=slow:3,imports@2=cut:after")
    results: dict[str, Any] = {}
    job = desk.begin(contract, file, case.ids, max_rows=100, guards=AGAIN, response_timeout=10.0)
    other = threading.Thread(target=lambda: results.update(other=desk.resume(job, begun=True)))
    other.start()
    wait_for(lambda: case.held(sandbox))
    with desk.ledger._writing() as connection:
        connection.exec_driver_sql("UPDATE events SET at = '2020-01-01T00:00:00+00:00' WHERE kind = 'sent'")
    ours = desk.run(contract, file, case.ids, max_rows=100, guards=AGAIN)
    assert (ours["state"], ours["chunks"][0]["attempts"]) == ("done", 1)
    other.join()
    assert results["other"]["state"] == "done"
    assert results["other"]["chunks"][0]["attempts"] == 2
    assert twice(case, sandbox, file)
    kinds = [event.data.get("message", "") for event in desk.ledger.events(job.id, kind=EventKind.IN_DOUBT)]
    assert any("belongs to chunk 1 of job" in message for message in kinds)


@pytest.mark.parametrize("contract", COUNTED)
def test_equal_records_in_another_order_belong_to_the_other_job(
    contract: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=50, seed=1)
    turned = tmp_path / "turned.csv"
    header, *records = case.header, *rows_of(file)
    with turned.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\r\n").writerows([header, *reversed(records)])
    desk = desk_of(tmp_path, sandbox, response_timeout=10.0)
    sandbox.set_faults("imports@1=slow:3,imports@2=cut:after")
    results: dict[str, Any] = {}
    other = run_later(desk, case, turned, results)
    wait_for(lambda: case.held(sandbox))
    ours = desk.run(contract, file, case.ids, max_rows=100)
    other.join()
    assert (ours["state"], results["other"]["state"]) == ("done", "done")
    assert twice(case, sandbox, file)


def accepted_by_hand(desk: Desk, case: Case, file: Path) -> str:
    """Return a job whose chunk a person called accepted after its response was lost; nothing was read back."""
    job = desk.begin(case.contract, file, case.ids, max_rows=100, guards=AGAIN)
    (chunk,) = desk.chunks(job.id)
    known: dict[str, Any] = {"first_sent": desk.clock.now(), "clock_offset": 0.0, "attempts": 1}
    chunk = desk.ledger.move(job.id, chunk, ChunkState.SENDING, RequestSent(attempt=1, clock_offset=None), **known)
    desk.ledger.move(job.id, chunk, ChunkState.IN_DOUBT, OutcomeUnknown(message="no response"))
    resolve(desk.ledger, job, 1, accepted=True, reason="it is there")
    return job.id


def verdict_of(desk: Desk, job: str) -> tuple[str, int]:
    entry = desk.ledger.job(job)
    with desk.opened(entry, desk.target(entry.target["ids"])) as context:
        asked = request_of_job(desk.ledger, job)
        evidence = EvidenceSource(client=context.client, ids=context.ids)
        found = prove(replace(asked, settle=0.2), evidence, clock=desk.clock, ledger=None, observer=None)
    return found.verdict.value, found.missing


@pytest.mark.parametrize("contract", COUNTED)
def test_rows_of_another_jobs_import_prove_nothing_for_a_job_without_import_ids(
    contract: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=10, seed=1)
    desk = desk_of(tmp_path, sandbox)
    by_hand = accepted_by_hand(desk, case, file)
    other = desk.run(contract, file, case.ids, max_rows=100, guards=AGAIN)
    assert verdict_of(desk, str(other["job"])) == ("proved", 0)
    assert verdict_of(desk, by_hand) == ("mismatch", 10)


@pytest.mark.parametrize("contract", COUNTED)
def test_rows_that_two_jobs_claim_without_import_ids_are_counted_once(
    contract: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=10, seed=1)
    desk = desk_of(tmp_path, sandbox)
    jobs = [accepted_by_hand(desk, case, file) for _ in range(2)]
    elsewhere = Desk(folder=tmp_path / "elsewhere", base_url=sandbox.base_url)
    elsewhere.run(contract, file, case.ids, max_rows=100)
    assert [verdict_of(desk, job) for job in jobs] == [("mismatch", 10)] * 2
    elsewhere.run(contract, file, case.ids, max_rows=100, guards=AGAIN)
    assert [verdict_of(desk, job) for job in jobs] == [("proved", 0)] * 2


def test_each_job_gets_its_own_import_when_both_responses_are_lost(sandbox: SandboxServer, tmp_path: Path) -> None:
    case = CASES["giveaways"]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    desk = desk_of(tmp_path, sandbox)
    sandbox.set_faults("imports@1-2=cut:committed")
    results: dict[str, Any] = {}
    other = run_later(desk, case, file, results)
    ours = desk.run("giveaways", file, case.ids, max_rows=100, guards=AGAIN)
    other.join()
    assert (ours["state"], results["other"]["state"]) == ("done", "done")
    assert twice(case, sandbox, file)


def test_an_import_late_after_both_jobs_were_settled_is_reported(sandbox: SandboxServer, tmp_path: Path) -> None:
    """The first request is imported after it was sent again: no order of the two jobs ends both with exit 0."""
    case = CASES["giveaways"]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    desk = desk_of(tmp_path, sandbox)
    sandbox.set_faults("imports@1=late:2.2")
    results: dict[str, Any] = {}
    other = run_later(desk, case, file, results)
    wait_for(lambda: any(c.state is ChunkState.IN_DOUBT for j in desk.ledger.jobs() for c in desk.chunks(j.id)))
    ours = desk.run("giveaways", file, case.ids, max_rows=100, guards=AGAIN)
    other.join()
    held = sum(case.held(sandbox).values())
    if held > 40:
        assert "in_doubt" in (ours["state"], results["other"]["state"])
    else:
        assert twice(case, sandbox, file)


@pytest.mark.parametrize("settles", [0.5, 1.5, 2.5, 3.5, 6])
@pytest.mark.parametrize("contract", COUNTED)
def test_a_late_import_is_found_before_the_chunk_is_sent_again_or_reported(
    contract: str, settles: float, sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    desk = desk_of(tmp_path, sandbox, settle=0.5, response_timeout=2.0)
    sandbox.set_faults(f"imports@1=late:{settles * 0.5}")
    document = desk.run(contract, file, case.ids, max_rows=100)
    doubled = sum(case.held(sandbox).values()) > 20
    assert doubled == (document["state"] == "in_doubt")
    if settles * 0.5 < 2.0:
        assert (document["state"], document["chunks"][0]["attempts"]) == ("done", 1)


@pytest.mark.parametrize("records", [1, 3])
@pytest.mark.parametrize("contract", COUNTED)
def test_a_lost_chunk_contained_in_an_accepted_import_of_another_file_is_resent(
    contract: str, records: int, sandbox: SandboxServer, tmp_path: Path
) -> None:
    """The files overlap, and their chunks have other sizes: what is there of the chunk is the other import's own."""
    case = CASES[contract]
    whole = case.write(tmp_path / "whole.csv", records=8, seed=1)
    part = tmp_path / "part.csv"
    write_rows(part, [case.header, *rows_of(whole)[2 : 2 + records]])
    desk = desk_of(tmp_path, sandbox)
    assert desk.run(contract, whole, case.ids, max_rows=100)["state"] == "done"
    sandbox.set_faults("imports@1=cut:after")
    document = desk.run(contract, part, case.ids, max_rows=100)
    assert (document["state"], document["chunks"][0]["attempts"]) == ("done", 2)
    assert case.held(sandbox) == counted(rows_of(whole)) + counted(rows_of(part))


@pytest.mark.parametrize("contract", COUNTED)
def test_a_chunk_with_the_import_id_of_another_file_needs_a_manual_decision(contract: str, tmp_path: Path) -> None:
    """A server without its data gave the id again: as few rows as ours, though the other file contains them all."""
    case = CASES[contract]
    whole = case.write(tmp_path / "whole.csv", records=8, seed=1)
    part = tmp_path / "part.csv"
    write_rows(part, [case.header, *rows_of(whole)[2:5]])
    with SandboxServer(rate_limit=0) as first:
        port = first._socket.getsockname()[1]
        assert desk_of(tmp_path, first).run(contract, whole, case.ids, max_rows=100)["state"] == "done"
    with SandboxServer(rate_limit=0, port=port, faults="imports@1=cut:committed") as second:
        document = desk_of(tmp_path, second).run(contract, part, case.ids, max_rows=100)
        assert document["state"] == "in_doubt"
        assert case.held(second) == counted(rows_of(part))


@pytest.mark.parametrize("contract", COUNTED)
def test_an_import_with_the_id_of_an_older_equal_import_needs_a_manual_decision(contract: str, tmp_path: Path) -> None:
    """A server without its data gave the id again, and the response was lost: the import is not the older one."""
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=8, seed=1)
    with SandboxServer(rate_limit=0, now=lambda: system_now() - timedelta(minutes=1)) as first:
        port = first._socket.getsockname()[1]
        assert desk_of(tmp_path, first).run(contract, file, case.ids, max_rows=100)["state"] == "done"
    with SandboxServer(rate_limit=0, port=port, faults="imports@1=cut:committed") as second:
        document = desk_of(tmp_path, second).run(contract, file, case.ids, max_rows=100, guards=AGAIN)
        assert (document["state"], document["chunks"][0]["attempts"]) == ("in_doubt", 1)
        assert case.held(second) == counted(rows_of(file))


@pytest.mark.parametrize("contract", COUNTED)
def test_an_import_id_in_both_jobs_shows_a_restarted_server(contract: str, tmp_path: Path) -> None:
    """The jobs follow each other so quickly that times tell nothing; the second chunk has an id of the first job."""
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    with SandboxServer(rate_limit=0) as first:
        port = first._socket.getsockname()[1]
        assert desk_of(tmp_path, first).run(contract, file, case.ids, max_rows=10)["state"] == "done"
    with SandboxServer(rate_limit=0, port=port, faults="imports@1=cut:committed") as second:
        document = desk_of(tmp_path, second).run(contract, file, case.ids, max_rows=10, guards=AGAIN)
        assert [chunk["state"] for chunk in document["chunks"]] == ["in_doubt", "accepted"]
        assert case.held(second) == counted(rows_of(file))


@pytest.mark.parametrize("contract", COUNTED)
def test_a_lost_chunk_is_resent_although_a_chunk_in_doubt_of_another_file_was_imported(
    contract: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    """The import that holds exactly the other job's records is the other job's, before it is resumed as well."""
    case = CASES[contract]
    whole = case.write(tmp_path / "whole.csv", records=8, seed=1)
    part = tmp_path / "part.csv"
    write_rows(part, [case.header, *rows_of(whole)[2:5], *rows_of(case.write(tmp_path / "x.csv", records=9, seed=7))])
    desk = desk_of(tmp_path, sandbox)
    job = desk.begin(contract, whole, case.ids, max_rows=100)
    sandbox.set_faults("imports@1=cut:committed,reads@2=401,exports@2=401")
    with pytest.raises(AccessRefused):
        desk.resume(job, begun=True)
    sandbox.set_faults("imports@1=cut:after")
    document = desk.run(contract, part, case.ids, max_rows=100)
    assert (document["state"], document["chunks"][0]["attempts"]) == ("done", 2)
    assert desk.resume(job)["state"] == "done"
    assert case.held(sandbox) == counted(rows_of(whole)) + counted(rows_of(part))


def test_codes_claimed_by_another_job_count_as_existing_if_duplicates_are_skipped(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    """Both responses are lost, and the job with the larger file is settled first."""
    case = CASES["coupons"]
    skip = {"skip-duplicates": "true"}
    small = case.write(tmp_path / "small.csv", records=3, seed=1)
    large = case.write(tmp_path / "large.csv", records=6, seed=1)
    desk = desk_of(tmp_path, sandbox)
    job = desk.begin("coupons", small, case.ids, options=skip)
    sandbox.set_faults("imports@1=cut:committed,exports@2=401,reads@2=401")
    with pytest.raises(AccessRefused):
        desk.resume(job, begun=True)
    sandbox.set_faults("imports@1=cut:after")
    assert desk.run("coupons", large, case.ids, options=skip)["state"] == "done"
    assert desk.resume(job)["state"] == "done"
    assert case.held(sandbox) == counted(rows_of(large))


def test_a_record_refused_together_with_one_of_another_job_is_sent_alone(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    """The cards of the other job are there already, so that one record is left of a refused chunk."""
    case = CASES["loyalty-cards"]
    cards = case.held(sandbox)
    small = case.write(tmp_path / "small.csv", records=2, seed=1)
    large = case.write(tmp_path / "large.csv", records=3, seed=1)
    desk = desk_of(tmp_path, sandbox)
    assert desk.run("loyalty-cards", small, case.ids)["state"] == "done"
    desk.run("loyalty-cards", large, case.ids)
    assert case.held(sandbox) == cards + counted(rows_of(large))


def write_rows(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows(rows)
