"""The ledger keeps acknowledged writes, refuses invalid transitions, and checks its version."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bulkops.clock import SystemClock
from bulkops.errors import GuardRefused, Unfinished, UsageError
from bulkops.ledger.events import Accepted, EventKind, Rejected, RequestSent
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.reader import JOBS_SINCE
from bulkops.ledger.states import TRANSITIONS, ChunkState, may_follow
from bulkops.ledger.store import Ledger
from bulkops.upload.sent_before import known_jobs

REJECTED = Rejected(message="x")
SENT = RequestSent(attempt=1, clock_offset=None)

JOB = JobEntry(
    id="job-1",
    created=datetime(2026, 11, 22, tzinfo=UTC),
    contract="coupons",
    mode="create",
    target={"base_url": "https://x", "ids": {"application": 1}},
    file_path=Path("/f.csv"),
    file_sha256="f" * 64,
    file_bytes=100,
    records=10,
    header_end=6,
    options={"skip-duplicates": "true"},
    settings={"settle": 1.0},
)
CHUNK = ChunkEntry(number=1, first_record=1, records=10, pieces=((6, 50), (60, 100)), bytes=90, sha256="c" * 64)


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
    found.create(JOB, [CHUNK])
    yield found
    found.close()


def test_ledger_returns_jobs_and_chunks_as_written(ledger: Ledger, address: str) -> None:
    again = Ledger.open(address, clock=SystemClock())
    assert again.jobs() == [JOB]
    assert again.job("job-1") == JOB
    assert again.chunks("job-1") == [CHUNK]
    assert again.jobs_with_file(JOB.file_sha256, JOB.target_key) == [JOB]
    assert again.folder == ledger.folder
    again.close()


def test_jobs_with_a_setting_are_found_the_latest_first(ledger: Ledger) -> None:
    settings: tuple[dict[str, Any], ...] = (
        {"size": 5},
        {"other": 0, "settle": 1.0},
        {"sizes": 5, "my_size": 5},
        {"inner": {"size": 5}},
    )
    for number, own in enumerate(settings):
        created = JOB.created + timedelta(days=number)
        ledger.create(replace(JOB, id=f"own-{number}", created=created, settings=own), [])
    assert [job.id for job in ledger.jobs_with_settings("size", "other")] == ["own-1", "own-0"]
    assert [job.id for job in ledger.jobs_with_settings("settle", "nothing")] == ["own-1", JOB.id]


def test_open_jobs_are_found_whichever_process_changed_them(ledger: Ledger, address: str) -> None:
    other = Ledger.open(address, clock=SystemClock())
    done = replace(CHUNK, state=ChunkState.ACCEPTED)
    assert ledger.open_job_ids() == {JOB.id}
    other.create(replace(JOB, id="job-2"), [CHUNK])
    other.create(replace(JOB, id="job-3"), [done])
    other.create(replace(JOB, id="job-4", contract="giveaways"), [CHUNK])
    assert ledger.open_job_ids() == {JOB.id, "job-2", "job-4"}
    assert [job.id for job in ledger.open_jobs("coupons")] == [JOB.id, "job-2"]
    moved = other.move(JOB.id, CHUNK, ChunkState.SENDING, SENT)
    assert ledger.open_job_ids() == {JOB.id, "job-2", "job-4"}
    other.move(JOB.id, moved, ChunkState.ACCEPTED, Accepted(status=200, import_id=7, amount=None))
    assert ledger.open_job_ids() == {"job-2", "job-4"}
    other.close()


def test_jobs_with_later_events_are_found_without_a_search_of_all_events(tmp_path: Path) -> None:
    ledger = Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())
    (step,) = ledger.rows(f"EXPLAIN QUERY PLAN {JOBS_SINCE}", event=1)
    assert step["detail"].startswith("SEARCH"), step
    ledger.close()


def test_jobs_that_began_after_an_event_are_found(ledger: Ledger, address: str) -> None:
    known = known_jobs(ledger, JOB.target_key)
    assert list(known.ids) == [JOB.id]
    assert known.newer(ledger, JOB.target_key) == []
    other = Ledger.open(address, clock=SystemClock())
    elsewhere = {**JOB.target, "ids": {"application": 2}}
    other.move(JOB.id, CHUNK, ChunkState.SENDING, SENT)
    other.create(replace(JOB, id="earlier", created=JOB.created - timedelta(days=1)), [CHUNK])
    other.create(replace(JOB, id="elsewhere", target=elsewhere), [CHUNK])
    assert known.newer(ledger, JOB.target_key) == ["earlier"]
    assert set(known_jobs(ledger, JOB.target_key).ids) == {JOB.id, "earlier"}
    assert list(known.ids) == [JOB.id]
    assert known_jobs(ledger, JOB.target_key).newer(ledger, JOB.target_key) == []
    other.close()


def test_largest_accepted_counts_accepted_chunks_only(ledger: Ledger) -> None:
    sizes = {7: ChunkState.ACCEPTED, 9: ChunkState.ACCEPTED, 50: ChunkState.PENDING}
    chunks = [replace(CHUNK, number=size, bytes=size, state=state) for size, state in sizes.items()]
    ledger.create(replace(JOB, id="sizes"), chunks)
    assert (ledger.largest_accepted("sizes"), ledger.largest_accepted(JOB.id)) == (9, 0)


@pytest.mark.parametrize("before", ChunkState)
@pytest.mark.parametrize("after", ChunkState)
def test_ledger_refuses_transitions_that_the_table_lacks(before: ChunkState, after: ChunkState, address: str) -> None:
    ledger = Ledger.open(address, clock=SystemClock())
    chunk = replace(CHUNK, state=before)
    ledger.create(JOB, [chunk])
    if may_follow(before, after):
        assert ledger.move(JOB.id, chunk, after, REJECTED).state is after
    else:
        with pytest.raises(ValueError, match="cannot go"):
            ledger.move(JOB.id, chunk, after, REJECTED)
    assert ledger.chunks(JOB.id)[0].state is (after if may_follow(before, after) else before)
    ledger.close()


def test_a_final_state_has_no_transition() -> None:
    final = {state for state, following in TRANSITIONS.items() if not following}
    assert final == {ChunkState.ACCEPTED, ChunkState.REJECTED, ChunkState.DIVIDED, ChunkState.SKIPPED}


def test_ledger_refuses_to_move_a_chunk_that_another_process_moved(ledger: Ledger) -> None:
    ledger.move(JOB.id, CHUNK, ChunkState.SENDING, SENT)
    with pytest.raises(Unfinished, match="another process"):
        ledger.move(JOB.id, CHUNK, ChunkState.SENDING, SENT)


def test_the_parts_of_a_divided_chunk_contain_all_its_records(ledger: Ledger) -> None:
    part = replace(CHUNK, number=0, records=4)
    with pytest.raises(ValueError, match="all of its records"):
        ledger.divide(JOB.id, CHUNK, [part, part], REJECTED)
    parts = ledger.divide(JOB.id, CHUNK, [part, replace(part, records=6)], REJECTED)
    assert [(p.number, p.parent, p.records) for p in parts] == [(2, 1, 4), (3, 1, 6)]
    assert [c.state for c in ledger.chunks(JOB.id)] == ["divided", "pending", "pending"]


def test_large_numbers_and_odd_texts_are_kept(ledger: Ledger) -> None:
    large = replace(JOB, id="large", file_bytes=10**12, records=3 * 10**9, header_end=2**40)
    chunk = replace(CHUNK, records=3 * 10**9, import_id=2**60, amount=2**40, message="NUL \0, half \ud800, é")
    ledger.create(large, [chunk])
    assert ledger.job("large") == large
    kept = ledger.chunks("large")[0]
    assert kept == replace(chunk, message="NUL \ufffd, half ?, é")
    ledger.note("large", Rejected(message="\0 \ud800 é"), chunk=1)
    assert ledger.events("large", kind=EventKind.REJECTED)[0].data == {"message": "\0 \ud800 é"}

    with pytest.raises(UsageError, match="no job 'nothing'"):
        ledger.job("nothing")


def test_a_lock_is_held_once_and_free_again(ledger: Ledger, address: str) -> None:
    other = Ledger.open(address, clock=SystemClock())
    with ledger.exclusive("job-1", what="Job job-1"):
        with (
            pytest.raises(GuardRefused, match="Job job-1 is in use"),
            other.exclusive("job-1", what="Job job-1"),
        ):
            pass
        with other.exclusive("job-2", what="Job job-2"):
            pass
    with other.exclusive("job-1", what="Job job-1"):
        pass
    other.close()
