"""Imports with every record refused: they stop soon, print the reason, and leave the rest of the file pending."""

from pathlib import Path
from typing import Any

import pytest

from bulkops.errors import RefusedThroughout, TargetUnfit
from tests.crash.desk import Desk
from tests.foreign.commands import bulkops
from tests.foreign.files import BAD_CELLS, HEADERS, IDS, held, sent, write
from tests.foreign.habits import Habits
from tests.foreign.server import ForeignServer

CONTRACTS = ["coupons", "giveaways", "loyalty-points", "loyalty-cards", "loyalty-tiers"]
SETTLE = 2.0


@pytest.fixture
def desk(server: ForeignServer, tmp_path: Path) -> Desk:
    return Desk(folder=tmp_path, base_url=server.base_url, key="foreign")


def bad_file(path: Path, contract: str, records: int = 2000) -> Path:
    """Write a file with records that are all refused for one reason."""
    lines = (BAD_CELLS[contract].format(n) for n in range(records))
    path.write_text("\n".join([HEADERS[contract], *lines]) + "\n")
    return path


def requests(server: ForeignServer) -> int:
    return sum(map(len, server.world.requests.values()))


@pytest.mark.parametrize("line", ["line", "none"])
@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_job_refused_for_one_reason_stops_within_15_requests_with_pending_records(
    contract: str, line: str, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = bad_file(tmp_path / "f.csv", contract)
    server.world.habits = Habits(line=line)
    job = desk.begin(contract, file, IDS[contract], max_rows=200)
    kind = TargetUnfit if line == "none" else RefusedThroughout
    with pytest.raises(kind, match=r"for one reason: Import failed: bad value\. It accepted none\."):
        desk.resume(job)
    figures = desk.document(job)["records"]
    assert figures["rejected"] <= 3
    assert figures["rejected"] + figures["pending"] == 2000
    assert requests(server) <= 15
    assert not server.world.rows[contract]


@pytest.mark.parametrize("contract", ["coupons", "loyalty-points"])
def test_a_job_that_stopped_for_one_reason_goes_on_once_the_account_is_corrected(
    contract: str, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=300)
    job = desk.begin(contract, file, IDS[contract], max_rows=100)
    server.world.habits = Habits(refuses="no such attribute")
    for _ in range(3):
        with pytest.raises(TargetUnfit, match="no such attribute"):
            desk.resume(job)
    server.world.habits = Habits()
    document = desk.resume(job)
    rejected = document["records"]["rejected"]
    assert document["state"] == "refused"
    assert document["records"]["accepted"] == 300 - rejected
    assert sum(held(server, contract).values()) == 300 - rejected
    assert rejected <= 3 * 3


def test_a_file_with_many_refused_records_and_some_good_ones_is_not_given_up(
    server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", "coupons", records=60, bad=set(range(0, 60, 7)))
    document = desk.run("coupons", file, IDS["coupons"], max_rows=60, isolate_requests=100)
    assert (document["records"]["accepted"], document["records"]["rejected"]) == (51, 9)
    assert document["refusals"] == [{"reason": "Import failed: bad value", "records": 9}]
    assert len(held(server, "coupons")) == len(sent(file)) - 9


def test_a_wrong_program_kind_cancels_the_job_and_names_the_option(server: ForeignServer, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", "loyalty-cards", records=200)
    server.world.habits = Habits(refuses="the program is not card-based")
    words = ("import", "loyalty-cards", str(file), "--program", "3", "--settle", "1", "--json")
    ended = bulkops(server, tmp_path / "state", *words)
    assert (ended.code, ended.json["state"]) == (2, "cancelled"), ended.err
    assert "the program is not card-based" in ended.json["error"]["message"]
    assert "--program 3" in ended.json["error"]["hint"]
    assert "jobs resume" not in ended.err
    resumed = bulkops(server, tmp_path / "state", "jobs", "resume")
    assert "There is nothing to resume" in resumed.err
    server.world.habits = Habits()
    assert bulkops(server, tmp_path / "state", *words).json["state"] == "done"


def test_the_summary_counts_the_reasons_of_all_rejected_records(server: ForeignServer, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", "coupons", records=20, bad={3, 4, 15})
    words = ("import", "coupons", str(file), "--application", "42", "--campaign", "18", "--settle", "1")
    ended = bulkops(server, tmp_path / "state", *words)
    assert ended.code == 1, ended.err
    assert "Rejected, 3 records: Import failed: bad value" in ended.out
    shown: Any = bulkops(server, tmp_path / "state", "jobs", "show")
    assert "Rejected, 3 records: Import failed: bad value" in shown.out


def test_a_redirect_cancels_the_job_that_imported_nothing(server: ForeignServer, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", "coupons", records=20)
    server.world.habits = Habits(moved_to="https://elsewhere.example/v1")
    words = ("import", "coupons", str(file), "--application", "42", "--campaign", "18", "--json")
    ended = bulkops(server, tmp_path / "state", *words)
    assert (ended.code, ended.json["state"]) == (2, "cancelled"), ended.err
    assert "elsewhere.example" in ended.json["error"]["hint"]
