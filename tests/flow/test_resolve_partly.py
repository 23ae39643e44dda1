"""A chunk in doubt that the server imported in part: `jobs resolve --as partly` keeps the part and sends the rest."""

from pathlib import Path

import pytest

from bulkops import Client
from bulkops.errors import InDoubt, UsageError
from bulkops.ledger.models import JobEntry
from bulkops.upload.partial_resolution import find_part, record_part
from tests.crash.desk import Desk
from tests.foreign.commands import bulkops
from tests.foreign.files import IDS, held, sent, write
from tests.foreign.server import ForeignServer

POINTS = "loyalty-points"


@pytest.fixture
def desk(server: ForeignServer, tmp_path: Path) -> Desk:
    return Desk(folder=tmp_path, base_url=server.base_url, key="foreign")


def in_doubt(server: ForeignServer, desk: Desk, contract: str, file: Path, fault: str) -> JobEntry:
    """Import a file, the first chunk only by half, so that the job needs a manual decision."""
    job = desk.begin(contract, file, IDS[contract], max_rows=20)
    server.world.faults = [fault]
    assert desk.resume(job)["state"] == "in_doubt"
    return job


@pytest.mark.parametrize("fault", ["lost after half", "take half"])
@pytest.mark.parametrize("contract", [POINTS, "giveaways"])
def test_the_imported_part_is_accepted_and_the_rest_is_sent_once(
    contract: str, fault: str, server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", contract, records=30)
    job = in_doubt(server, desk, contract, file, fault)
    with desk.opened(job, desk.target(IDS[contract])) as context:
        accepted, pending = record_part(context, find_part(context, 1), "half of it is in the export")
    assert (accepted.records, pending.records, accepted.import_id) == (10, 10, 901)
    document = desk.resume(job)
    assert (document["state"], document["records"]["accepted"]) == ("done", 30)
    assert held(server, contract) == sent(file)


def test_equal_records_are_counted_when_a_part_was_imported(server: ForeignServer, desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("code\n" + "GIFT-1\n" * 7 + "GIFT-2\n" * 7)
    job = in_doubt(server, desk, "giveaways", file, "lost after half")
    with desk.opened(job, desk.target(IDS["giveaways"])) as context:
        record_part(context, find_part(context, 1), "seven are there")
    assert desk.resume(job)["state"] == "done"
    assert held(server, "giveaways") == sent(file)


def test_a_part_in_two_imports_is_ambiguous_and_nothing_is_recorded(
    server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", POINTS, records=20)
    job = in_doubt(server, desk, POINTS, file, "lost after half")
    server.world.rows[POINTS] += [{**row, "#": "977"} for row in server.world.rows[POINTS][:3]]
    with desk.opened(job, desk.target(IDS[POINTS])) as context, pytest.raises(InDoubt, match="ambiguous"):
        find_part(context, 1)
    assert desk.document(job)["records"]["in_doubt"] == 20


def test_rows_that_a_chunk_of_another_job_may_own_are_ambiguous(
    server: ForeignServer, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", POINTS, records=20)
    job = in_doubt(server, desk, POINTS, file, "lost after half")
    other = write(tmp_path / "g.csv", POINTS, records=19)
    in_doubt(server, desk, POINTS, other, "lost after half")
    with desk.opened(job, desk.target(IDS[POINTS])) as context, pytest.raises(InDoubt, match="is also open"):
        find_part(context, 1)


def test_all_or_none_of_a_chunk_is_not_a_part(server: ForeignServer, desk: Desk, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", POINTS, records=20)
    job = in_doubt(server, desk, POINTS, file, "lost after half")
    rows = server.world.rows[POINTS]
    server.world.rows[POINTS] = []
    with desk.opened(job, desk.target(IDS[POINTS])) as context, pytest.raises(UsageError) as none:
        find_part(context, 1)
    assert "--as resend" in str(none.value)
    names = [f"customer-{n:03}" for n in range(10, 20)]
    server.world.rows[POINTS] = rows + [{**rows[0], "customerprofileid": name} for name in names]
    with desk.opened(job, desk.target(IDS[POINTS])) as context, pytest.raises(UsageError) as every:
        find_part(context, 1)
    assert "--as accepted" in str(every.value)


def test_a_partly_imported_chunk_names_resolve_and_resolve_sends_the_rest(
    server: ForeignServer, tmp_path: Path
) -> None:
    file = write(tmp_path / "f.csv", POINTS, records=20)
    server.world.faults = ["lost after half"]
    words = ("import", POINTS, str(file), "--program", "3", "--settle", "1", "--response-timeout", "1", "--json")
    doubtful = bulkops(server, tmp_path / "state", *words)
    job = doubtful.json["job"]
    assert (doubtful.code, "--as accepted|resend|partly" in doubtful.err) == (4, True), doubtful.err
    resolved = bulkops(
        server, tmp_path / "state", "jobs", "resolve", job, "1", "--as", "partly", "--reason", "half", "--json"
    )
    assert resolved.code == 0, resolved.err
    assert "Import 901 contains 10 of the 20 records of chunk 1" in resolved.err
    assert (resolved.json["records"]["accepted"], resolved.json["records"]["pending"]) == (10, 10)
    assert f"bulkops jobs resume {job}" in resolved.err
    assert bulkops(server, tmp_path / "state", "jobs", "resume", job).code == 0
    assert held(server, POINTS) == sent(file)


def test_the_client_accepts_a_part_and_resumes_the_rest(server: ForeignServer, desk: Desk, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", POINTS, records=20)
    job = in_doubt(server, desk, POINTS, file, "lost after half")
    client = Client(desk.target(IDS[POINTS]), ledger=str(tmp_path / "ledger.db"))
    resolved = client.jobs.resolve_partly(job.id, 1, reason="half of it is in the export")
    assert (resolved.records.accepted, resolved.records.pending) == (10, 10)
    assert client.jobs.resume(job.id).state == "done"
    assert held(server, POINTS) == sent(file)
