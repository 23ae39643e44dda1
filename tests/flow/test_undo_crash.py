"""An undo that is killed at any write to its ledger: resumed, it has removed everything once."""

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.ledger.job_documents import job_state
from bulkops.ledger.states import JobState
from bulkops.sandbox.serve import SandboxServer
from tests.crash.desk import Desk
from tests.crash.runs import Crash
from tests.crash.undo_runs import UndoRun, ended

# The undo of two records writes six times: the job, twice for each request, and the result.
WRITES = [(1, True), *((number, committed) for number in range(2, 5) for committed in (False, True)), (6, False)]
OWN = itertools.count()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(key="crash", rate_limit=0) as server:
        yield server


def killed_and_resumed(run: UndoRun, desk: Desk, crash: Crash) -> None:
    """Kill an undo, run it again until it ends, and check that the ledger says so."""
    killed = UndoRun(**{**vars(run), "crash": crash})
    assert ended(killed) == -signal.SIGKILL
    assert ended(run) == 0
    undo = next(job for job in desk.ledger.jobs() if job.undoes)
    assert job_state(undo, desk.ledger.chunks(undo.id)) is JobState.DONE
    assert undo.reconciliation is not None
    assert undo.reconciliation["verdict"] == "proved"


@pytest.mark.parametrize(("number", "committed"), WRITES)
def test_killed_undo_of_points_deducts_from_each_owner_once(
    number: int, committed: bool, sandbox: SandboxServer, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, sandbox.base_url, key="crash", settle=0.0)
    owners = [f"crash-{next(OWN)}" for _ in range(2)]
    own, file = tmp_path / "own.csv", tmp_path / "p.csv"
    own.write_text("customerprofileid,amount\n" + "".join(f"{owner},70\n" for owner in owners))
    file.write_text("customerprofileid,amount\n" + "".join(f"{owner},10\n" for owner in owners))
    desk.run("loyalty-points", own, {"program": 1})
    job = desk.run("loyalty-points", file, {"program": 1})["job"]
    run = UndoRun(base_url=sandbox.base_url, ids={"program": 1}, ledger=tmp_path / "ledger.db", job=job)
    killed_and_resumed(run, desk, Crash(write=number, committed=committed))
    taken = [row for row in sandbox.state.rows("point", kind="subtraction") if row["profile"] in owners]
    assert sorted((row["profile"], row["amount"]) for row in taken) == [(owner, "10") for owner in sorted(owners)]


@pytest.mark.parametrize(("number", "committed"), [(2, True), (3, False), (3, True), (5, False)])
def test_killed_undo_of_coupons_deletes_its_codes_and_no_others(
    number: int, committed: bool, sandbox: SandboxServer, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, sandbox.base_url, key="crash", settle=0.0)
    mine, others = ([f"{name}-{next(OWN)}" for _ in range(2)] for name in ("MINE", "OTHER"))
    ids = {"application": 1, "campaign": 1}
    for codes, file in ((others, tmp_path / "others.csv"), (mine, tmp_path / "mine.csv")):
        file.write_text("value\n" + "".join(f"{code}\n" for code in codes))
        job = desk.run("coupons", file, ids)["job"]
    with sandbox.state.database.writing() as connection:
        connection.execute("UPDATE coupon SET batchid = '' WHERE value LIKE 'MINE%'")
    run = UndoRun(base_url=sandbox.base_url, ids=ids, ledger=tmp_path / "ledger.db", job=job)
    killed_and_resumed(run, desk, Crash(write=number, committed=committed))
    live = {row["value"] for row in sandbox.state.rows("coupon") if not row["deleted"]}
    assert live.isdisjoint(mine)
    assert live.issuperset(others)
