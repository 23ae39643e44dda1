"""A job is created from the plan of a file."""

from datetime import UTC, datetime
from pathlib import Path

from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import plan_file
from bulkops.settings import Secret, Target
from bulkops.upload.options import RunOptions
from bulkops.upload.start import new_job
from bulkops_validators import CONTRACTS


def test_many_jobs_of_one_second_have_ids_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("customerprofileid,amount\nAnn,5\n")
    contract, target = (
        CONTRACTS["loyalty-points"],
        Target(
            base_url="https://example.com", ids={"program": 1}, authorization=Secret("ManagementKey-v1 key-of-a-test")
        ),
    )
    plan, now = plan_file(path, chunk_limits(contract)), datetime(2026, 11, 30, tzinfo=UTC)
    jobs = [new_job(contract, plan, target, options={}, run=RunOptions(), now=now) for _ in range(1000)]
    assert len({job.id for job in jobs}) == len(jobs)
