"""What the server refuses: found, set aside with reasons, and everything else goes in."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.errors import DataError, GuardRefused, UsageError
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.sandbox.serve import SandboxServer
from bulkops.upload.job_files import reasons_path, rejected_path
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import prepare_resume, run_job
from tests.crash.desk import Desk
from tests.crash.truth import CASES, rows_of

REFERRAL_HEADER = "code,advocateprofileintegrationid\n"
CAMPAIGN = {"application": 1, "campaign": 1}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


@pytest.fixture
def desk(sandbox: SandboxServer, tmp_path: Path) -> Desk:
    return Desk(folder=tmp_path, base_url=sandbox.base_url)


def join_dates(path: Path, *, bad: set[int], records: int = 40) -> Path:
    """Write join dates of which some are of profiles that do not exist; each is refused with its whole file."""
    lines = [f"{'nobody' if n in bad else 'customer'}-{n + 1:04},2024-05-01T10:00:00Z\n" for n in range(records)]
    path.write_text("customerprofileid,newjoindate\n" + "".join(lines))
    return path


def reasons(desk: Desk, job: str) -> list[dict[str, str]]:
    with reasons_path(desk.ledger, job).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "assumption", ["errors_reported=all", "errors_reported=first", "error_line=record", "error_line_header=not_counted"]
)
def test_refused_records_are_isolated_and_written_to_a_file_for_correction(
    assumption: str, desk: Desk, tmp_path: Path, sandbox: SandboxServer
) -> None:
    file = join_dates(tmp_path / "f.csv", bad={7, 31})
    sandbox.set_assumptions(assumption)
    document = desk.run("loyalty-join-dates", file, {"program": 1}, max_rows=20)
    assert document["state"] == "refused"
    assert (document["records"]["accepted"], document["records"]["rejected"]) == (38, 2)
    rejected = rejected_path(desk.ledger, document["job"])
    assert rejected.read_text() == (
        "customerprofileid,newjoindate\nnobody-0008,2024-05-01T10:00:00Z\nnobody-0032,2024-05-01T10:00:00Z\n"
    )
    told = reasons(desk, document["job"])
    assert [(r["line"], r["record"], r["records"]) for r in told] == [("9", "8", "1"), ("33", "32", "1")]
    assert all("nobody" in r["message"] for r in told)


def test_isolation_sends_at_most_the_permitted_requests(desk: Desk, tmp_path: Path, sandbox: SandboxServer) -> None:
    file = join_dates(tmp_path / "f.csv", bad=set(range(0, 40, 2)))
    document = desk.run("loyalty-join-dates", file, {"program": 1}, max_rows=40, isolate_requests=6)
    assert document["state"] == "refused"
    assert sum(r.method == "POST" for r in sandbox.requests) <= 7
    figures = document["records"]
    assert figures["accepted"] + figures["rejected"] == 40
    assert "together" in " ".join(r["message"] for r in reasons(desk, document["job"]))


def test_a_refused_chunk_is_rejected_as_a_whole_without_isolation(desk: Desk, tmp_path: Path) -> None:
    file = join_dates(tmp_path / "f.csv", bad={7})
    document = desk.run("loyalty-join-dates", file, {"program": 1}, max_rows=20, isolate=False)
    assert document["records"]["rejected"] == 20


def test_a_refused_replacement_is_rejected_as_a_whole(desk: Desk, tmp_path: Path, sandbox: SandboxServer) -> None:
    file = tmp_path / "stores.csv"
    file.write_text("store_integration_id\nSTORE-001\nNOWHERE\n")
    document = desk.run("stores", file, CAMPAIGN)
    assert (document["state"], document["records"]["rejected"]) == ("refused", 2)
    assert sum(r.method == "POST" for r in sandbox.requests) == 1


def test_a_partly_imported_refused_chunk_sends_no_row_twice(desk: Desk, tmp_path: Path, sandbox: SandboxServer) -> None:
    case = CASES["coupons"]
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    sandbox.set_faults("imports@1=refuse:partial:8")
    document = desk.run("coupons", file, case.ids, max_rows=20)
    assert document["state"] == "done"
    assert case.held(sandbox) == Counter(rows_of(file))


def test_codes_that_exist_already_are_rejected_and_the_others_created(
    desk: Desk, tmp_path: Path, sandbox: SandboxServer
) -> None:
    case = CASES["coupons"]
    first = tmp_path / "first.csv"
    first.write_text("value,limitval\nCODE-000003,3\n")
    desk.run("coupons", first, case.ids)
    document = desk.run("coupons", case.write(tmp_path / "f.csv", records=20, seed=1), case.ids, max_rows=20)
    assert (document["records"]["accepted"], document["records"]["rejected"]) == (19, 1)
    assert sum(case.held(sandbox).values()) == 20


def test_skipped_duplicates_are_counted_as_skipped(desk: Desk, tmp_path: Path) -> None:
    case = CASES["coupons"]
    first = tmp_path / "first.csv"
    first.write_text("value,limitval\nCODE-000003,3\n")
    desk.run("coupons", first, case.ids)
    file = case.write(tmp_path / "f.csv", records=20, seed=1)
    document = desk.run("coupons", file, case.ids, max_rows=20, options={"skip-duplicates": "true"})
    assert (document["state"], document["records"]["accepted"], document["records"]["skipped"]) == ("done", 19, 1)


def test_more_refusals_than_max_errors_stop_the_job(desk: Desk, tmp_path: Path) -> None:
    file = join_dates(tmp_path / "f.csv", bad=set(range(10)))
    job: JobEntry = desk.begin("loyalty-join-dates", file, {"program": 1}, max_rows=5, max_errors="10%", isolate=False)
    with pytest.raises(DataError, match="--max-errors allows 10%"):
        desk.resume(job)


def test_max_errors_is_checked_after_each_refusal(desk: Desk, tmp_path: Path, sandbox: SandboxServer) -> None:
    file = join_dates(tmp_path / "f.csv", bad=set(range(40)))
    job = desk.begin("loyalty-join-dates", file, {"program": 1}, max_rows=5, max_errors="4", isolate=False)
    for _ in range(2):
        with pytest.raises(DataError, match="5 records were refused"):
            desk.resume(job)
    assert sum(r.method == "POST" for r in sandbox.requests) == 1


@pytest.mark.parametrize("limit", ["abc", "nan%", "-1"])
def test_an_invalid_limit_is_refused_before_the_first_request(limit: str, desk: Desk, tmp_path: Path) -> None:
    file = join_dates(tmp_path / "f.csv", bad=set())
    with pytest.raises(UsageError, match="--max-errors"):
        desk.begin("loyalty-join-dates", file, {"program": 1}, max_errors=limit)
    with pytest.raises(UsageError, match="--max-removals"):
        desk.begin("loyalty-join-dates", file, {"program": 1}, max_removals=limit)
    job = desk.begin("loyalty-join-dates", file, {"program": 1})
    with pytest.raises(UsageError, match="--max-errors"):
        prepare_resume(job, desk.ledger, changes={"max_errors": limit})
    assert "max_errors" not in {k for k, v in desk.ledger.job(job.id).settings.items() if v == limit}


def test_lines_named_by_the_server_are_reported_as_lines_of_the_file(desk: Desk, tmp_path: Path) -> None:
    case = CASES["coupons"]
    first = tmp_path / "first.csv"
    first.write_text("value,limitval\nCODE-000013,3\n")
    desk.run("coupons", first, case.ids)
    file = tmp_path / "f.csv"
    file.write_text("value,limitval\n" + "".join(f"CODE-{n:06},3\n" for n in range(20)))
    document = desk.run("coupons", file, case.ids, max_rows=10, isolate=False)
    [told] = reasons(desk, document["job"])
    assert (told["line"], told["records"]) == ("12", "10")
    assert "in the file, line 5 is 15" in told["message"]


def test_a_file_that_vanishes_during_the_import_leaves_its_chunk_pending(desk: Desk, tmp_path: Path) -> None:
    file = join_dates(tmp_path / "f.csv", bad=set())
    job = desk.begin("loyalty-join-dates", file, {"program": 1})
    kept = file.rename(tmp_path / "elsewhere.csv")
    with desk.opened(job, desk.target({"program": 1})) as context, pytest.raises(GuardRefused, match="not completed"):
        run_job(context, stop=Stop())
    assert {chunk.state for chunk in desk.chunks(job.id)} == {ChunkState.PENDING}
    kept.rename(file)
    assert desk.resume(job)["state"] == "done"
