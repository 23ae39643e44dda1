"""Servers with clocks, ids, exports and refusals of their own: no row twice, none lost, none rejected that is there."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bulkops.clock import SystemClock
from bulkops.errors import DataError, Interrupted
from bulkops.ledger.states import ChunkState
from bulkops.reconciling.jobs import known_from_job
from bulkops.reconciling.run import EvidenceSource, reconcile
from bulkops.upload.job_files import rejected_path
from bulkops.upload.manual_resolution import resolve
from bulkops.upload.sender import Sender
from tests.crash.desk import Desk
from tests.foreign.files import IDS, held, sent, write
from tests.foreign.habits import Habits
from tests.foreign.server import ForeignServer

SETTLE = 0.6


class Watch(SystemClock):
    """A clock that can be set, and that counts its long waits."""

    def __init__(self) -> None:
        self.shift = timedelta()
        self.settles = 0

    def now(self) -> datetime:
        return super().now() + self.shift

    def sleep(self, seconds: float) -> None:
        self.settles += seconds >= 0.9 * SETTLE
        super().sleep(seconds)


@pytest.fixture
def clock() -> Watch:
    return Watch()


@pytest.fixture
def desk(server: ForeignServer, tmp_path: Path, clock: Watch) -> Desk:
    return Desk(folder=tmp_path, base_url=server.base_url, settle=SETTLE, clock=clock, key="foreign")


def rejected(desk: Desk, document: dict[str, Any]) -> Counter[tuple[str, ...]]:
    return sent(rejected_path(desk.ledger, document["job"]))


@pytest.mark.parametrize("contract", ["coupons", "giveaways", "loyalty-points", "loyalty-cards"])
@pytest.mark.parametrize("seconds", [-7200, -400, -3, 20, 400, 7200])
def test_the_row_clock_is_learnt_from_the_first_response(
    seconds: int, contract: str, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=20)
    server.world.habits = Habits(rows_ahead=timedelta(seconds=seconds))
    server.world.faults = ["", "lost after"]
    document = desk.run(contract, file, IDS[contract])
    assert document["state"] == "done"
    assert len(server.world.uploads) == 2
    assert held(server, contract) == sent(file)


@pytest.mark.parametrize("contract", ["coupons", "giveaways", "loyalty-points"])
@pytest.mark.parametrize(("seconds", "state"), [(-7200, "in_doubt"), (-400, "in_doubt"), (20, "done"), (7200, "done")])
def test_rows_of_the_last_day_may_be_ours_before_the_row_clock_is_known(
    seconds: int, state: str, contract: str, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=10)
    server.world.habits = Habits(rows_ahead=timedelta(seconds=seconds))
    server.world.faults = ["lost after"]
    assert desk.run(contract, file, IDS[contract])["state"] == state
    assert held(server, contract) == sent(file)


@pytest.mark.parametrize("hours", [-5, 5])
@pytest.mark.parametrize("contract", ["coupons", "loyalty-points"])
def test_a_job_is_settled_when_our_clock_was_set_before_the_resumption(
    contract: str, hours: int, server: ForeignServer, desk: Desk, clock: Watch, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=10)
    job = desk.begin(contract, file, IDS[contract])
    server.world.faults = ["lost after"]
    with desk.opened(job, desk.target(IDS[contract])) as context:
        assert Sender(context).send(desk.chunks(job.id)[0]).chunk.state is ChunkState.IN_DOUBT
    clock.shift = timedelta(hours=hours)
    assert desk.resume(job)["state"] == "done"
    assert len(server.world.uploads) == 1
    assert held(server, contract) == sent(file)


def test_a_job_is_settled_when_our_clock_is_set_during_the_run(
    server: ForeignServer, desk: Desk, clock: Watch, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", "loyalty-points", records=20)
    job = desk.begin("loyalty-points", file, IDS["loyalty-points"])
    server.world.faults = ["", "lost after"]
    first, second = desk.chunks(job.id)
    with desk.opened(job, desk.target(IDS["loyalty-points"])) as context:
        sender = Sender(context)
        sender.send(first)
        clock.shift = timedelta(hours=3)
        doubtful = sender.send(second).chunk
        assert doubtful.clock_offset == pytest.approx(-3 * 3600, abs=2)
    assert desk.resume(job)["state"] == "done"
    assert held(server, "loyalty-points") == sent(file)


@pytest.mark.parametrize("contract", ["giveaways", "loyalty-points", "coupons"])
def test_a_read_back_that_lacks_an_accepted_import_proves_nothing(
    contract: str, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=20)
    job = desk.begin(contract, file, IDS[contract])
    server.world.faults = ["", "lost after"]
    with desk.opened(job, desk.target(IDS[contract])) as context:
        for chunk in desk.chunks(job.id):
            Sender(context).send(chunk)
    rows = server.world.rows[contract]
    server.world.rows[contract] = []
    document = desk.resume(job)
    assert document["state"] == "in_doubt"
    assert "does not contain import 901" in document["chunks"][1]["message"]
    server.world.rows[contract] = rows
    assert desk.resume(job)["state"] == "done"
    assert held(server, contract) == sent(file)


@pytest.mark.parametrize("keeps", ["before", "others"])
@pytest.mark.parametrize("contract", ["coupons", "loyalty-cards"])
def test_rows_of_a_refused_file_that_an_export_shows_late_are_not_rejected(
    contract: str, keeps: str, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=12, bad={7})
    server.world.habits = Habits(keeps=keeps, lag=0.7 * SETTLE, line="none")
    document = desk.run(contract, file, IDS[contract], max_rows=12)
    assert (document["state"], document["records"]["rejected"]) == ("refused", 1)
    assert held(server, contract) == sent(file) - rejected(desk, document)


@pytest.mark.parametrize("contract", ["coupons", "loyalty-points"])
def test_a_late_import_that_is_shown_late_is_neither_doubled_nor_rejected(
    contract: str, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=10)
    server.world.habits = Habits(lag=0.7 * SETTLE)
    server.world.faults = [f"late {0.7 * SETTLE}"]
    document = desk.run(contract, file, IDS[contract])
    assert document["state"] == "done"
    assert held(server, contract) == sent(file)


def test_all_records_to_reject_wait_together_once(
    server: ForeignServer, desk: Desk, clock: Watch, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", "coupons", records=60, bad={3, 13, 14, 33, 59})
    server.world.habits = Habits(line="none")
    document = desk.run("coupons", file, IDS["coupons"], isolate_requests=100)
    assert document["records"]["rejected"] == 5
    assert clock.settles == 1
    assert held(server, "coupons") == sent(file) - rejected(desk, document)


def test_a_kill_during_the_last_read_back_leaves_it_due(
    server: ForeignServer, desk: Desk, clock: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "f.csv", "loyalty-points", records=10)
    server.world.faults = [f"late {5 * SETTLE}"]
    job = desk.begin("loyalty-points", file, IDS["loyalty-points"])

    def sleep(seconds: float) -> None:
        if server.world.uploads:
            raise Interrupted("Interrupted.")

    monkeypatch.setattr(clock, "sleep", sleep)
    with pytest.raises(Interrupted):
        desk.resume(job)
    monkeypatch.undo()
    document = desk.document(job)
    assert (document["state"], document["chunks"][0]["state"]) == ("unfinished", "resent")
    while len(server.world.uploads) < 2:
        clock.sleep(0.05)
    document = desk.resume(job)
    assert document["state"] == "in_doubt"
    assert "may be at the target twice: import 901, and 902" in document["chunks"][0]["message"]
    resolve(desk.ledger, job, 1, accepted=True, reason="took the second one out")
    assert desk.document(job)["state"] == "done"


@pytest.mark.parametrize("faults", [["", "lost after"], ["lost after", "lost after"]], ids=["second", "both"])
@pytest.mark.parametrize(("contract", "state"), [("coupons", "done"), ("giveaways", "in_doubt")])
def test_an_import_with_a_reused_id_is_found(
    contract: str, state: str, faults: list[str], server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=20)
    server.world.habits = Habits(ids_again=1)
    server.world.faults = list(faults)
    document = desk.run(contract, file, IDS[contract])
    assert document["state"] == state
    assert document["records"]["rejected"] == 0
    assert held(server, contract) == sent(file)


@pytest.mark.parametrize("line", ["line", "line of body", "record", "record of body", "none"])
def test_the_line_numbering_of_a_server_is_learnt(line: str, server: ForeignServer, desk: Desk, tmp_path: Path) -> None:
    bad = {5, 17, 18, 40, 55}
    file = write(tmp_path / "f.csv", "coupons", records=60, bad=bad, lines=True)
    server.world.habits = Habits(line=line)
    document = desk.run("coupons", file, IDS["coupons"], max_rows=60)
    posts = sum(len(times) for path, times in server.world.requests.items() if path.startswith("POST"))
    assert document["records"]["rejected"] == len(bad)
    assert posts <= (41 if line == "none" else 18)
    assert held(server, "coupons") == sent(file) - rejected(desk, document)


def test_no_chunk_is_sent_after_max_errors_is_exceeded(server: ForeignServer, desk: Desk, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", "coupons", records=60, bad={3})
    job = desk.begin("coupons", file, IDS["coupons"], max_errors="0")
    with pytest.raises(DataError, match="1 records were refused"):
        desk.resume(job)
    figures = desk.document(job)["records"]
    assert (figures["accepted"], figures["rejected"], figures["pending"]) == (9, 1, 50)


def test_a_refused_upsert_is_counted_by_the_rows_at_the_target(
    server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", "loyalty-tiers", records=20, bad={4, 11})
    server.world.habits = Habits(keeps="others", lag=0.5 * SETTLE)
    document = desk.run("loyalty-tiers", file, IDS["loyalty-tiers"], max_rows=20, isolate_requests=0)
    assert (document["records"]["accepted"], document["records"]["rejected"]) == (18, 2)
    assert held(server, "loyalty-tiers") == sent(file) - rejected(desk, document)


@pytest.mark.parametrize("contract", ["giveaways", "loyalty-points"])
def test_an_import_of_other_customers_with_as_many_rows_has_no_effect(
    contract: str, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=10)
    others = tmp_path / "others.csv"
    others.write_text(file.read_text().replace("-0", "-9"))
    elsewhere = Desk(folder=tmp_path / "elsewhere", base_url=server.base_url, key="foreign")
    assert elsewhere.run(contract, others, IDS[contract])["state"] == "done"
    server.world.faults = ["500 before"]
    assert desk.run(contract, file, IDS[contract])["state"] == "done"
    assert held(server, contract) == sent(file) + sent(others)


def test_silently_shortened_pages_are_read_to_the_end(server: ForeignServer, desk: Desk, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", "loyalty-points", records=120)
    server.world.habits = Habits(largest_page=50, says_more=False)
    server.world.faults = ["lost after"]
    assert desk.run("loyalty-points", file, IDS["loyalty-points"], max_rows=30)["state"] == "done"
    assert held(server, "loyalty-points") == sent(file)


@pytest.mark.parametrize("seconds", [-400, 400])
def test_rows_of_another_clock_are_read_back_and_proved(
    seconds: int, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", "loyalty-points", records=20)
    server.world.habits = Habits(rows_ahead=timedelta(seconds=seconds))
    job = desk.begin("loyalty-points", file, IDS["loyalty-points"])
    assert desk.resume(job)["state"] == "done"
    with desk.opened(job, desk.target(IDS["loyalty-points"])) as context:
        known = known_from_job(job, desk.chunks(job.id), context.contract)
        evidence = EvidenceSource(client=context.client, ids=context.ids, options={})
        result = reconcile(context.contract, file, evidence, known=known, settle=SETTLE, clock=desk.clock)
    assert result.verdict == "proved", result
