"""The size of requests that earlier jobs found at a server is read from their settings, the latest first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.events import SettingsChanged
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.upload.request_size import FOUND, GIVEN, KnownSize, known_size

HERE, ELSEWHERE = "https://here.example", "https://elsewhere.example"
JOB = JobEntry(
    id="job",
    created=datetime(2026, 11, 28, 12, 0, tzinfo=UTC),
    contract="coupons",
    mode="insert",
    target={"base_url": HERE, "ids": {"application": 1, "campaign": 2}},
    file_path=Path("/nowhere/coupons.csv"),
    file_sha256="a" * 64,
    file_bytes=100,
    records=10,
    header_end=6,
    options={},
    settings={},
)
CHUNK = ChunkEntry(number=1, first_record=1, records=10, pieces=((6, 100),), bytes=0, sha256="c" * 64)
SMALL, LARGE = 1_000, 2_000


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())
    yield found
    found.close()


def job(settings: dict[str, Any], size: int, state: ChunkState = ChunkState.ACCEPTED, server: str = HERE) -> Any:
    return settings, size, state, server


REFUSED = job({FOUND: SMALL}, SMALL)
LIFTED = job({GIVEN: LARGE}, LARGE)


@pytest.mark.parametrize(
    ("jobs", "known"),
    [
        ([], None),
        ([job({}, LARGE)], None),
        ([LIFTED], None),
        ([REFUSED], "job-1"),
        ([job({FOUND: LARGE}, LARGE), REFUSED], "job-2"),
        ([REFUSED, LIFTED], None),
        ([LIFTED, REFUSED], "job-2"),
        ([REFUSED, job({}, LARGE)], "job-1"),
        ([REFUSED, job({GIVEN: SMALL}, SMALL)], "job-1"),
        ([REFUSED, job({GIVEN: LARGE}, LARGE, ChunkState.PENDING)], "job-1"),
        ([REFUSED, LIFTED, job({GIVEN: SMALL}, SMALL)], None),
        ([REFUSED, LIFTED, REFUSED], "job-3"),
        ([REFUSED, job({FOUND: SMALL, GIVEN: LARGE}, LARGE)], "job-2"),
        ([REFUSED, job({GIVEN: LARGE}, LARGE, server=ELSEWHERE)], "job-1"),
        ([job({FOUND: SMALL}, SMALL, server=ELSEWHERE)], None),
        ([job({"source": {"path": f'"{FOUND}": 5', FOUND: SMALL}}, SMALL)], None),
    ],
)
def test_the_latest_refusal_counts_unless_a_later_job_was_accepted_with_more(
    jobs: Sequence[Any], known: str | None, ledger: Ledger
) -> None:
    for number, (settings, size, state, server) in enumerate(jobs, start=1):
        entry = replace(
            JOB,
            id=f"job-{number}",
            created=JOB.created + timedelta(days=number),
            settings=settings,
            target={**JOB.target, "base_url": server},
        )
        ledger.create(entry, [replace(CHUNK, bytes=size, state=state)])
    assert known_size(ledger, HERE) == (known and KnownSize(most=SMALL, job=known))


def test_chunks_are_read_only_if_a_refusal_is_known(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("the chunks of a job were read")

    for name in ("chunks", "largest_accepted"):
        monkeypatch.setattr(Ledger, name, refuse)
    ledger.create(replace(JOB, settings={GIVEN: LARGE}), [CHUNK])
    assert known_size(ledger, HERE) is None


def test_a_size_that_another_process_finds_later_is_known(ledger: Ledger, tmp_path: Path) -> None:
    plain = replace(JOB, id="plain", settings={})
    ledger.create(plain, [CHUNK])
    assert known_size(ledger, HERE) is None
    other = Ledger.open(ledger.address, clock=SystemClock())
    other.change_job(plain, SettingsChanged(), settings={FOUND: SMALL})
    other.close()
    assert known_size(ledger, HERE) == KnownSize(most=SMALL, job="plain")
