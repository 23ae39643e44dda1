"""Two jobs of one contract with keys, with equal keys: each record is accepted by at most one of them."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bulkops.errors import AccessRefused
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.sandbox.serve import SandboxServer
from bulkops.upload.workflow import Guards
from tests.crash.desk import Desk
from tests.crash.truth import CASES, Case, counted, rows_of

AGAIN = Guards(again=True)
UNREADABLE = "exports@2=401,reads@2=401"


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


def left_in_doubt(desk: Desk, sandbox: SandboxServer, case: Case, file: Path, fault: str) -> JobEntry:
    """Return a job of one chunk whose request met a fault, and that could not read anything back."""
    job = desk.begin(case.contract, file, case.ids, max_rows=100, guards=AGAIN)
    sandbox.set_faults(f"imports@1={fault},{UNREADABLE}")
    with pytest.raises(AccessRefused):
        desk.resume(job, begun=True)
    sandbox.set_faults(None)
    return job


def accepted(desk: Desk, job: JobEntry) -> int:
    """Return how many records of a job count as accepted without a doubt."""
    chunks = desk.chunks(job.id)
    return sum(c.records for c in chunks if c.state is ChunkState.ACCEPTED and not c.undecided)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("partial", ["cut:committed", "short:4"])
def test_keys_that_another_open_job_sent_first_are_not_accepted_twice(
    partial: str, order: tuple[int, int], sandbox: SandboxServer, tmp_path: Path
) -> None:
    """The first job's codes are there; the second one's request was lost. Each may be resumed first."""
    case = CASES["coupons"]
    file = case.write(tmp_path / "f.csv", records=10, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    first = left_in_doubt(desk, sandbox, case, file, partial)
    time.sleep(4.2)  # clocks that are cut to whole seconds prove nothing about the last three
    second = left_in_doubt(desk, sandbox, case, file, "cut:after")
    jobs = [first, second]
    documents: dict[int, dict[str, Any]] = {place: desk.resume(jobs[place]) for place in order}
    assert case.held(sandbox) == counted(rows_of(file))
    assert sum(accepted(desk, job) for job in jobs) == 10
    assert {documents[place]["state"] for place in order} <= {"done", "refused"}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_keys_of_a_larger_file_stay_with_the_other_open_job(
    order: tuple[int, int], sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES["coupons"]
    small = case.write(tmp_path / "small.csv", records=4, seed=1)
    large = case.write(tmp_path / "large.csv", records=9, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    first = left_in_doubt(desk, sandbox, case, large, "cut:committed")
    second = left_in_doubt(desk, sandbox, case, small, "cut:after")
    jobs = [first, second]
    states = {place: desk.resume(jobs[place])["state"] for place in order}
    assert case.held(sandbox) == counted(rows_of(large))
    assert (accepted(desk, first), accepted(desk, second)) == (9, 0)
    assert (states[0], states[1]) == ("done", "refused")


def test_keys_that_two_jobs_read_at_the_same_moment_are_accepted_by_one_of_them(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    """One request was imported in part, the other one not at all; both jobs are resumed at the same moment."""
    case = CASES["coupons"]
    file = case.write(tmp_path / "f.csv", records=10, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    jobs = [left_in_doubt(desk, sandbox, case, file, fault) for fault in ("short:4", "cut:after")]
    threads = [threading.Thread(target=desk.resume, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert case.held(sandbox) == counted(rows_of(file))
    assert sum(accepted(desk, job) for job in jobs) <= 10


@pytest.mark.parametrize("contract", ["loyalty-points", "giveaways"])
def test_an_older_import_stays_with_the_open_job_that_waits_for_it(
    contract: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    """The other job's import is older than our lost request: it is the other one's, and our chunk is sent again."""
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=10, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    first = left_in_doubt(desk, sandbox, case, file, "cut:committed")
    time.sleep(4.2)  # clocks that are cut to whole seconds prove nothing about the last three
    sandbox.set_faults("imports@1=cut:after")
    second = desk.run(contract, file, case.ids, max_rows=100, guards=AGAIN)
    assert (second["state"], second["chunks"][0]["attempts"]) == ("done", 2)
    document = desk.resume(first)
    assert (document["state"], document["chunks"][0]["attempts"]) == ("done", 1)
    rows = counted(rows_of(file))
    assert case.held(sandbox) == rows + rows
