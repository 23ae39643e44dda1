"""One import settles one chunk, over all jobs of a ledger, in SQLite and in PostgreSQL."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.claims import ImportTaken
from bulkops.ledger.events import Accepted, EvidenceRead, OutcomeUnknown, RequestSent
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from tests.unit.ledger.test_store import CHUNK, JOB

SENT = RequestSent(attempt=1, clock_offset=None)
DOUBT = OutcomeUnknown(message="no response")
EVIDENCE = EvidenceRead(verdict="landed")
ACCEPTED = Accepted(status=200, import_id=1, amount=None)

POINTS = replace(JOB, contract="loyalty-points", mode="append", target={"base_url": "https://x", "ids": {"program": 3}})
A, B = replace(POINTS, id="job-a"), replace(POINTS, id="job-b")
SECOND = replace(CHUNK, number=2)


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of a ledger that does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    return str(request.getfixturevalue("postgres").new_ledger())


@pytest.fixture
def ledger(address: str) -> Iterator[Ledger]:
    found = Ledger.open(address, clock=SystemClock())
    found.create(A, [CHUNK, SECOND])
    found.create(B, [CHUNK, SECOND])
    yield found
    found.close()


def sent(ledger: Ledger, job: JobEntry, chunk: ChunkEntry = CHUNK) -> ChunkEntry:
    return ledger.move(job.id, chunk, ChunkState.SENDING, SENT)


def by_evidence(ledger: Ledger, job: JobEntry, chunk: ChunkEntry, number: int) -> ChunkEntry:
    doubtful = ledger.move(job.id, chunk, ChunkState.IN_DOUBT, DOUBT)
    return ledger.move(job.id, doubtful, ChunkState.ACCEPTED, EVIDENCE, import_id=number)


def by_response(ledger: Ledger, job: JobEntry, chunk: ChunkEntry, number: int) -> ChunkEntry:
    return ledger.move(job.id, chunk, ChunkState.ACCEPTED, ACCEPTED, answered=True, import_id=number)


def test_a_response_does_not_take_an_import_that_evidence_gave_to_another_job(ledger: Ledger) -> None:
    theirs, ours = sent(ledger, B), sent(ledger, A)
    by_evidence(ledger, A, ours, 671)
    with pytest.raises(ImportTaken, match="import 671 belongs to chunk 1 of job job-a"):
        by_response(ledger, B, theirs, 671)
    assert ledger.chunks(B.id)[0].state is ChunkState.SENDING
    assert by_response(ledger, B, theirs, 672).import_id == 672


def test_evidence_does_not_take_an_import_that_a_response_gave_to_another_job(ledger: Ledger) -> None:
    theirs, ours = sent(ledger, B), sent(ledger, A)
    by_response(ledger, B, theirs, 671)
    with pytest.raises(ImportTaken):
        by_evidence(ledger, A, ours, 671)


def test_counted_rows_of_one_job_settle_one_planned_chunk(ledger: Ledger) -> None:
    first, second = sent(ledger, A), sent(ledger, A, SECOND)
    by_evidence(ledger, A, first, 671)
    with pytest.raises(ImportTaken):
        by_evidence(ledger, A, second, 671)


def test_records_with_keys_of_one_job_may_share_an_import(ledger: Ledger) -> None:
    job = replace(JOB, id="coupons")
    ledger.create(job, [CHUNK, SECOND])
    for chunk in (CHUNK, SECOND):
        assert by_evidence(ledger, job, sent(ledger, job, chunk), 5).import_id == 5


def test_a_part_of_a_chunk_shares_the_import_of_its_whole(ledger: Ledger) -> None:
    whole = sent(ledger, A)
    whole = ledger.move(A.id, whole, ChunkState.IN_DOUBT, DOUBT, answered=True, import_id=671)
    parts = [replace(CHUNK, records=n, state=ChunkState.ACCEPTED, import_id=671) for n in (4, 6)]
    assert [p.import_id for p in ledger.divide(A.id, whole, parts, EVIDENCE)] == [671, 671]


def test_an_id_that_was_recorded_before_a_request_left_names_another_import_then(ledger: Ledger) -> None:
    by_response(ledger, B, sent(ledger, B), 1)
    assert by_response(ledger, A, sent(ledger, A), 1).import_id == 1


def test_two_responses_with_one_id_name_two_imports(ledger: Ledger) -> None:
    theirs, ours = sent(ledger, B), sent(ledger, A)
    by_response(ledger, B, theirs, 1)
    assert by_response(ledger, A, ours, 1).import_id == 1


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(B, contract="giveaways"),
        replace(B, target={"base_url": "https://x", "ids": {"program": 4}}),
        replace(B, target={"base_url": "https://y", "ids": {"program": 3}}),
    ],
    ids=["contract", "ids", "address"],
)
def test_ids_of_another_place_are_other_imports(elsewhere: JobEntry, ledger: Ledger) -> None:
    job = replace(elsewhere, id="elsewhere")
    ledger.create(job, [CHUNK])
    theirs, ours = sent(ledger, job), sent(ledger, A)
    by_evidence(ledger, A, ours, 671)
    assert by_response(ledger, job, theirs, 671).import_id == 671


def test_concurrent_claims_of_an_import_leave_one_owner(ledger: Ledger, address: str) -> None:
    chunks = [replace(CHUNK, number=n) for n in range(3, 11)]
    for number, chunk in enumerate(chunks):
        ledger.create(replace(A, id=f"job-{number}"), [chunk])
    doubtful = []
    for number, chunk in enumerate(chunks):
        moved = ledger.move(f"job-{number}", chunk, ChunkState.SENDING, SENT)
        doubtful.append(ledger.move(f"job-{number}", moved, ChunkState.IN_DOUBT, DOUBT))
    barrier = threading.Barrier(len(chunks))
    taken, accepted = [], []

    def claim(number: int) -> None:
        own = Ledger.open(address, clock=SystemClock())
        barrier.wait()
        try:
            own.move(f"job-{number}", doubtful[number], ChunkState.ACCEPTED, EVIDENCE, import_id=671)
            accepted.append(number)
        except ImportTaken:
            taken.append(number)
        finally:
            own.close()

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(len(chunks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(accepted), len(taken)) == (1, 7)
