"""A ledger that was restored from a copy has forgotten requests: a resumed job looks before it sends."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.errors import AccessRefused
from bulkops.ledger.store import Ledger
from bulkops.sandbox.serve import SandboxServer
from tests.crash.desk import Desk
from tests.crash.truth import CASES, counted, rows_of


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


@pytest.mark.parametrize("contract", ["loyalty-points", "giveaways", "coupons"])
def test_chunks_that_the_ledger_forgot_are_accepted_and_not_sent_again(
    contract: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES[contract]
    file = case.write(tmp_path / "f.csv", records=50, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    sandbox.set_faults("imports@3=401")
    job = desk.begin(contract, file, case.ids)
    with pytest.raises(AccessRefused):
        desk.resume(job, begun=True)
    desk.ledger.close()
    shutil.copy(tmp_path / "ledger.db", tmp_path / "copy.db")
    sandbox.set_faults(None)
    desk.ledger = Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())
    assert desk.resume(job)["state"] == "done"
    desk.ledger.close()
    shutil.copy(tmp_path / "copy.db", tmp_path / "ledger.db")
    desk.ledger = Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())
    document = desk.resume(job)
    assert document["state"] == "done"
    (note,) = [note for note in desk.notes if "already contains" in note]
    assert "chunk 3, 4, 5 (30 records), by requests that this ledger does not know" in note
    assert case.held(sandbox) == counted(rows_of(file))
    assert len({chunk["import_id"] for chunk in document["chunks"]}) == 5


def test_an_import_of_the_same_records_that_may_be_older_needs_a_manual_decision(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES["loyalty-points"]
    file = case.write(tmp_path / "f.csv", records=10, seed=1)
    desk = Desk(folder=tmp_path / "one", base_url=sandbox.base_url)
    other = Desk(folder=tmp_path / "two", base_url=sandbox.base_url)
    assert other.run("loyalty-points", file, case.ids)["state"] == "done"
    time.sleep(4.2)  # clocks that are cut to whole seconds prove nothing about the last three
    document = desk.resume(desk.begin("loyalty-points", file, case.ids))
    assert document["state"] == "in_doubt"
    assert "the ledger does not know a request with this chunk" in document["chunks"][0]["message"]
    assert sum(case.held(sandbox).values()) == 10


def test_a_key_without_read_rights_sends_the_rest_and_notes_the_missing_check(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES["giveaways"]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    sandbox.set_faults("exports=403,reads=403")
    assert desk.resume(desk.begin("giveaways", file, case.ids))["state"] == "done"
    assert any("were not checked" in note for note in desk.notes)
    assert case.held(sandbox) == counted(rows_of(file))


def test_a_resumed_job_without_unknown_imports_at_the_target_sends_the_rest(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES["giveaways"]
    file = case.write(tmp_path / "f.csv", records=30, seed=1)
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    document = desk.resume(desk.begin("giveaways", file, case.ids))
    assert (document["state"], [c["attempts"] for c in document["chunks"]]) == ("done", [1, 1, 1])
    assert case.held(sandbox) == counted(rows_of(file))
