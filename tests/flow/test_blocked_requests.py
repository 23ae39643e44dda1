"""Requests that a firewall or a proxy in front of the API refuses with a page: for their content, or for their size."""

from pathlib import Path

import pytest

from bulkops.errors import AccessRefused, UsageError
from bulkops.ledger.events import EventKind
from bulkops.ledger.states import ChunkState
from bulkops.upload.job_files import reasons_path
from bulkops.upload.sender import Sender
from tests.crash.desk import Desk
from tests.foreign.files import IDS, held, sent, write
from tests.foreign.habits import Habits
from tests.foreign.server import ForeignServer

PAGE = "403: the server sent an HTML page: 'Request blocked & logged'"
CONTRACTS = ["coupons", "giveaways", "loyalty-points", "loyalty-cards", "loyalty-tiers"]


@pytest.fixture
def desk(server: ForeignServer, tmp_path: Path) -> Desk:
    return Desk(folder=tmp_path, base_url=server.base_url, key="foreign")


def posts(server: ForeignServer) -> int:
    return sum(len(times) for path, times in server.world.requests.items() if path.startswith("POST"))


@pytest.mark.parametrize("bad", [3, 25], ids=["first chunk", "later chunk"])
@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_record_that_a_firewall_blocks_is_rejected_and_all_others_are_imported(
    contract: str, bad: int, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=40)
    server.world.habits = Habits(blocks=f"-{bad:03}")
    document = desk.run(contract, file, IDS[contract])
    assert (document["state"], document["records"]["accepted"], document["records"]["rejected"]) == ("refused", 39, 1)
    assert PAGE in reasons_path(desk.ledger, document["job"]).read_text()
    assert sum(held(server, contract).values()) == 39


def test_a_firewall_that_blocks_every_request_stops_the_job_and_rejects_nothing(
    server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", "loyalty-points", records=100)
    job = desk.begin("loyalty-points", file, IDS["loyalty-points"])
    server.world.habits = Habits(blocks="customer")
    with pytest.raises(AccessRefused, match="6 requests in a row") as raised:
        desk.resume(job)
    assert PAGE in raised.value.message
    assert (posts(server), desk.document(job)["records"]["pending"]) == (6, 100)
    server.world.habits = Habits()
    assert desk.resume(job)["state"] == "done"
    assert held(server, "loyalty-points") == sent(file)


def test_a_blocked_file_of_one_record_stays_pending(server: ForeignServer, desk: Desk, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", "coupons", records=1)
    job = desk.begin("coupons", file, IDS["coupons"])
    server.world.habits = Habits(blocks="CODE")
    with pytest.raises(AccessRefused, match="Request blocked"):
        desk.resume(job)
    assert desk.document(job)["records"]["pending"] == 1


@pytest.mark.parametrize("contract", CONTRACTS)
def test_chunks_that_a_proxy_finds_too_large_are_halved_for_the_whole_job(
    contract: str, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=400)
    server.world.habits = Habits(largest_body=1500)
    document = desk.run(contract, file, IDS[contract], max_rows=200, isolate_requests=0)
    assert (document["state"], document["records"]["accepted"]) == ("done", 400)
    assert held(server, contract) == sent(file)
    events = desk.ledger.events(document["job"], kind=EventKind.TOO_LARGE)
    assert 1 <= len(events) <= 5
    assert posts(server) == len(events) + len(server.world.uploads)
    assert any("refused a request of" in note and "--max-bytes" in note for note in desk.notes)


def test_a_resumed_job_remembers_the_size_that_a_proxy_refused(
    server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", "coupons", records=400)
    job = desk.begin("coupons", file, IDS["coupons"], max_rows=100)
    server.world.habits = Habits(largest_body=1000)
    with desk.opened(job, desk.target(IDS["coupons"])) as context:
        too_large = Sender(context).send(desk.chunks(job.id)[0])
    assert too_large.chunk.state is ChunkState.PENDING
    assert desk.resume(job)["state"] == "done"
    assert len(desk.ledger.events(job.id, kind=EventKind.TOO_LARGE)) == 1


def test_a_record_that_is_too_large_alone_is_rejected(server: ForeignServer, desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    long = '"{""note"": ""' + "x" * 3000 + '""}"'
    file.write_text("value,attributes\n" + "".join(f"CODE-{n:03},{long if n == 5 else ''}\n" for n in range(20)))
    server.world.habits = Habits(largest_body=1500)
    document = desk.run("coupons", file, IDS["coupons"], max_rows=20)
    assert (document["records"]["accepted"], document["records"]["rejected"]) == (19, 1)
    assert "413 Request Entity Too Large" in reasons_path(desk.ledger, document["job"]).read_text()


def test_a_replacement_that_is_too_large_stays_pending_and_is_resumed_once_the_limit_is_raised(
    server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_text("item\n" + "".join(f"item-{n}\n" for n in range(500)))
    job = desk.begin("collections", file, {"collection": 1})
    server.world.habits = Habits(largest_body=1500)
    with pytest.raises(UsageError, match="never split") as raised:
        desk.resume(job)
    assert "size limit" in (raised.value.hint or "")
    assert {chunk.state for chunk in desk.chunks(job.id)} == {ChunkState.PENDING}
    server.world.habits = Habits()
    assert desk.resume(job)["state"] == "done"
