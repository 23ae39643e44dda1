"""Digests of records and their comparison, against plain counting."""

import hashlib
import random
import zlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bulkops.clock import SystemClock
from bulkops.errors import UsageError
from bulkops.ledger.digests import digests_path, keep_digests, kept_digests
from bulkops.ledger.events import EvidenceRead
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.pipeline.repeats import counts_of
from bulkops.upload import sent_before as comparison
from bulkops.upload.chunk_records import ChunkRecords
from bulkops.upload.sent_before import (
    KnownJobs,
    RepeatedJob,
    SentBefore,
    jobs_to_compare,
    known_jobs,
    records_in,
    sent_before,
    sent_by_earlier,
)
from bulkops.validation.digests import Digests, record_digests


def digests_of(records: list[tuple[str | None, ...]], *columns: str) -> Digests:
    schema = dict.fromkeys(columns, pl.String)
    return record_digests(pl.DataFrame(records, schema=schema, orient="row"), None, len(records))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())


def job_of(name: str, records: int) -> JobEntry:
    return JobEntry(
        id=name,
        created=datetime(2026, 11, 30, tzinfo=UTC),
        contract="giveaways",
        mode="append",
        target={"base_url": "https://a.test", "ids": {"pool": 1}},
        file_path=Path("/tmp/f.csv"),
        file_sha256="0" * 64,
        file_bytes=10,
        records=records,
        header_end=5,
    )


def chunk(number: int, first: int, records: int, state: ChunkState = ChunkState.ACCEPTED) -> ChunkEntry:
    return ChunkEntry(
        number=number, first_record=first, records=records, pieces=((0, 1),), bytes=1, sha256="", state=state
    )


def kept(ledger: Ledger, name: str, digests: Digests, *chunks: ChunkEntry) -> JobEntry:
    job = job_of(name, len(digests))
    keep_digests(ledger, job, digests)
    ledger.create(job, chunks or [chunk(1, 1, len(digests))])
    return job


def test_digest_of_a_record_does_not_depend_on_the_order_of_its_columns_or_on_blank_cells() -> None:
    plain = digests_of([("a", "b"), ("c", "d")], "code", "startdate")
    for other in (
        digests_of([("b", "a"), ("d", "c")], "startdate", "code"),
        digests_of([("a", "b", ""), ("c", "d", None)], "code", "startdate", "enddate"),
    ):
        assert np.array_equal(plain, other)


def test_digest_is_the_sum_of_the_hashes_of_its_filled_cells() -> None:
    """Ledgers keep digests, so their formula stays."""
    records = [("a", None, "c"), (None, None, ""), ("a", None, None), ("", None, "a longer cell than twelve bytes")]
    columns = ("code", "startdate", "attributes")
    found = digests_of(list(records), *columns)
    for half, seed in enumerate((0x5EED_0001, 0x5EED_0002)):
        for record, digest in zip(records, found[:, half].tolist(), strict=True):
            seeds = [seed + zlib.crc32(name.encode()) for name in columns]
            filled = [(cell, number) for cell, number in zip(record, seeds, strict=True) if cell]
            hashes = [pl.Series([cell, ""]).hash(number).to_list() for cell, number in filled]
            assert digest == sum(of_cell - of_blank for of_cell, of_blank in hashes) % (1 << 64)


def test_digest_of_a_record_changes_with_each_cell_and_with_its_column() -> None:
    records = [("a", "b"), ("a", "c"), ("b", "a"), ("ab", ""), ("", "ab"), ("a", ""), ("", "a"), ("", "b"), ("a ", "")]
    found = digests_of(list(records), "code", "startdate")
    for half in (0, 1):
        assert len(set(found[:, half].tolist())) == len(records)


def test_comparison_counts_equal_records_as_a_multiset(ledger: Ledger) -> None:
    chance = random.Random(7)
    for attempt in range(20):
        files = [[chance.choice("abcdefgh") for _ in range(chance.randrange(1, 12))] for _ in range(3)]
        *earlier, new = files
        jobs = [
            kept(ledger, f"job-{attempt}-{n}", digests_of([(x,) for x in f], "code")) for n, f in enumerate(earlier)
        ]
        found = sent_before(ledger, jobs, digests_of([(x,) for x in new], "code"))
        sent: Counter[str] = sum((Counter(file) for file in earlier), Counter())
        expected = []
        for value in new:
            expected.append(sent[value] > 0)
            sent[value] -= 1
        assert (found.mask.tolist() if found else [False] * len(new)) == expected
        assert (sum(each.records for each in found.jobs) if found else 0) == sum(expected)


def test_digests_with_an_equal_first_half_are_different(ledger: Ledger) -> None:
    earlier = np.array([[5, 3], [5, 1], [7, 7]], np.uint64)
    new = np.array([[5, 1], [5, 2], [5, 3], [5, 3], [7, 8], [9, 9]], np.uint64)
    found = sent_before(ledger, [kept(ledger, "job", earlier)], new)
    assert found is not None
    assert found.mask.tolist() == [True, False, True, False, False, False]


@pytest.mark.parametrize("state", ChunkState)
def test_records_of_a_chunk_count_once_they_may_be_at_the_target(state: ChunkState, ledger: Ledger) -> None:
    digests = digests_of([("a",), ("b",), ("c",)], "code")
    job = kept(ledger, "job", digests, chunk(1, 1, 1, ChunkState.PENDING), chunk(2, 2, 2, state))
    found = sent_before(ledger, [job], digests)
    counts = state not in (ChunkState.PENDING, ChunkState.REJECTED, ChunkState.DIVIDED, ChunkState.SKIPPED)
    assert (found.mask.tolist() if found else None) == ([False, True, True] if counts else None)
    running = sent_before(ledger, [job], digests, running=[job.id])
    assert running is not None
    assert running.mask[0]
    assert "sent before, or will be sent, to the same target by job" in counts_of(running)


def test_records_of_parts_with_gaps_are_known_by_their_numbers(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("code\n" + "".join(f"{n}\n" for n in range(1, 11)))
    whole = ChunkEntry(
        number=1, first_record=1, records=10, pieces=((5, 26),), bytes=26, sha256="", state=ChunkState.IN_DOUBT
    )
    whole = replace(whole, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    job = job_of("job", 10)
    ledger.create(job, [whole])
    records = ChunkRecords(file, 5, whole)
    there = replace(records.part([0, 1, 4, 7, 8]), state=ChunkState.ACCEPTED)
    ledger.divide("job", whole, [there, records.part([2, 3, 5, 6, 9])], EvidenceRead())
    assert (np.flatnonzero(records_in(ledger, job, {ChunkState.ACCEPTED})) + 1).tolist() == [1, 2, 5, 8, 9]
    assert (np.flatnonzero(records_in(ledger, job, {ChunkState.PENDING})) + 1).tolist() == [3, 4, 6, 7, 10]


def test_digests_are_16_bytes_a_record_and_closed_to_others(ledger: Ledger) -> None:
    digests = np.zeros((1000, 2), np.uint64)
    path = keep_digests(ledger, job_of("job", 1000), digests)
    assert path.stat().st_size - 16 * 1000 < 100
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("how", ["missing", "cut off", "of another scheme"])
def test_digests_that_cannot_be_compared_are_unknown(how: str, ledger: Ledger) -> None:
    digests = digests_of([("a",), ("b",)], "code")
    job = kept(ledger, "job", digests)
    path = digests_path(ledger, "job")
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "cut off":
        path.write_bytes(data[:-1])
    else:
        path.write_bytes(data.replace(b"digests 1\n", b"digests 1\n" + b"x", 1)[: len(data)])
    assert kept_digests(ledger, job.id, job.records) is None
    assert sent_before(ledger, [job], digests) is None


def names_compared(ledger: Ledger, digests: Digests) -> tuple[list[str], frozenset[str]]:
    """Return the jobs to compare with a file, and those without digests, of all jobs in the ledger."""
    jobs = ledger.jobs()
    known = KnownJobs.of(job.id for job in jobs)
    found = jobs_to_compare(ledger, jobs[0].target_key, known, digests)
    return [known.names[place] for place in found.places()], found.unknown


def test_only_a_second_import_in_a_process_filters_the_earlier_jobs(ledger: Ledger) -> None:
    old, new = (digests_of([(f"{sign}{n}",) for n in range(5)], "code") for sign in "ab")
    kept(ledger, "complete", old)
    kept(ledger, "open", old, chunk(1, 1, 5, ChunkState.PENDING))
    ledger.create(job_of("without", 5), [chunk(1, 1, 5)])
    assert names_compared(ledger, new) == (["complete", "open", "without"], frozenset({"without"}))
    assert names_compared(ledger, new) == (["open"], frozenset({"without"}))
    assert names_compared(ledger, old[3:]) == (["complete", "open"], frozenset({"without"}))
    kept(ledger, "later", new)
    assert names_compared(ledger, new) == (["later", "open"], frozenset({"without"}))


def test_a_job_is_still_compared_if_its_digests_were_read_before_an_error(ledger: Ledger) -> None:
    sent = digests_of([(f"a{n}",) for n in range(5)], "code")
    job = kept(ledger, "complete", sent)
    assert names_compared(ledger, sent) == (["complete"], frozenset())
    later = kept(ledger, "later", digests_of([("b",)], "code"))
    with pytest.raises(UsageError, match="no job 'missing'"):
        jobs_to_compare(ledger, job.target_key, KnownJobs.of([job.id, later.id, "missing"]), sent)
    assert names_compared(ledger, digests_of([("b",)], "code"))[0] == ["later"]


@pytest.mark.parametrize(("most", "held"), [(0, 9), (7, 9), (1 << 24, 1 << 20), (1 << 24, 9)])
def test_a_filter_of_any_size_finds_the_same_records(
    most: int, held: int, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "MOST_FILTERED", most)
    monkeypatch.setattr(comparison, "MOST_HELD", held)
    random.seed(most + held)
    codes = [digests_of([(f"c{random.randrange(60)}",) for _ in range(5)], "code") for _ in range(12)]
    for number, digests in enumerate(codes):
        jobs = ledger.jobs()
        known = known_jobs(ledger, job_of("any", 1).target_key)
        earlier = jobs_to_compare(ledger, job_of("any", 1).target_key, known, digests)
        running = [job.id for job in jobs if random.random() < 0.1]
        chosen = sent_by_earlier(ledger, earlier, digests, running=running)
        assert plain(chosen) == plain(sent_before(ledger, jobs, digests, running=running))
        state = random.choice((ChunkState.ACCEPTED, ChunkState.PENDING, ChunkState.REJECTED))
        kept(ledger, f"job-{number:02}", digests, chunk(1, 1, 5, state))


def plain(found: SentBefore | None) -> tuple[list[bool], list[RepeatedJob]] | None:
    """Return a comparison as values that can be compared."""
    return None if found is None else (found.mask.tolist(), list(found.jobs))


def test_a_record_that_every_earlier_job_has_lets_few_of_them_be_read(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        kept(ledger, f"job-{number:02}", digests_of([("everyone",), (f"{number}",)], "code"), chunk(1, 1, 2))
    digests = digests_of([("everyone",), ("new",), ("39",)], "code")
    for _ in range(2):  # the second import of a process filters the earlier jobs
        names_compared(ledger, digests)
    read = []

    def reading(reader: LedgerReader, job: str, records: int) -> Digests | None:
        read.append(job)
        return kept_digests(reader, job, records)

    monkeypatch.setattr(comparison, "kept_digests", reading)
    known = known_jobs(ledger, job_of("any", 1).target_key)
    found = sent_by_earlier(ledger, jobs_to_compare(ledger, job_of("any", 1).target_key, known, digests), digests)
    assert found is not None
    assert found.mask.tolist() == [True, False, True]
    assert [(each.job.id, each.records) for each in found.jobs] == [("job-00", 1), ("job-39", 1)]
    assert read == ["job-00", "job-39"]


def test_with_many_earlier_jobs_even_the_first_import_filters_them(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "MANY", 3)
    for number in range(5):
        kept(ledger, f"job-{number}", digests_of([(f"{number}",)], "code"))
    assert names_compared(ledger, digests_of([("new",)], "code")) == ([], frozenset())
    assert names_compared(ledger, digests_of([("4",)], "code"))[0] == ["job-4"]


def test_filter_of_jobs_in_another_order_is_not_used(ledger: Ledger) -> None:
    names = [kept(ledger, f"job-{n}", digests_of([(f"{n}",)], "code")).id for n in range(3)]
    digests = digests_of([("1",)], "code")
    for order in (names, names, [names[1], names[0], names[2]]):
        known = KnownJobs.of(order)
        found = jobs_to_compare(ledger, job_of("any", 1).target_key, known, digests)
    assert [known.names[place] for place in found.places()] == ["job-1"]


@pytest.mark.parametrize("latest", [1, 1000])
def test_filter_knows_the_digests_of_all_jobs_however_it_sorts_them(
    latest: int, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "LATEST", latest)
    for number in range(4):
        kept(ledger, f"job-{number}", digests_of([(f"{number}",), (f"other-{number}",)], "code"))
        names_compared(ledger, digests_of([("new",)], "code"))
    assert names_compared(ledger, digests_of([("new",)], "code"))[0] == []
    for number in range(4):
        assert names_compared(ledger, digests_of([(f"other-{number}",)], "code"))[0] == [f"job-{number}"]
