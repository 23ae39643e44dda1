"""One server under several addresses is one target: for the guard, for the rate limit, and in older ledgers."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import plan_file
from bulkops.clock import SystemClock
from bulkops.ledger.models import JobEntry
from bulkops.ledger.store import Ledger
from bulkops.settings import Secret, Target
from bulkops.upload.options import RunOptions
from bulkops.upload.start import new_chunks, new_job
from bulkops_validators import CONTRACTS
from tests.cli.running import KEY, Shell
from tests.foreign.files import held, sent, write
from tests.foreign.server import ForeignServer

GIVEAWAYS = CONTRACTS["giveaways"]
SPELLINGS = ("http://localhost:{}", "http://127.1:{}/a/..", "http://LOCALHOST.:{}//%2e/")


@pytest.fixture
def server() -> Iterator[ForeignServer]:
    with ForeignServer() as running:
        running.world.key = KEY
        yield running


def spelled(server: ForeignServer, spelling: str) -> str:
    return spelling.format(urlsplit(server.base_url).port)


def old_job(server: ForeignServer, file: Path, state: Path, *, spelling: str) -> JobEntry:
    """Write a pending job as an earlier version did: with the address as it was given, and a hash of that."""
    plan = plan_file(file, chunk_limits(GIVEAWAYS, max_rows=None, max_bytes=None))
    target = Target(base_url=server.base_url, ids={"pool": 5}, authorization=Secret(f"ManagementKey-v1 {KEY}"))
    clock = SystemClock()
    job = new_job(GIVEAWAYS, plan, target, options={}, run=RunOptions(settle=0.3), now=clock.now())
    job = replace(job, target={"base_url": spelled(server, spelling), "ids": {"pool": 5}})
    ledger = Ledger.open(f"sqlite:///{state}/ledger.db", clock=clock)
    ledger.create(job, new_chunks(plan))
    ledger.close()
    with sqlite3.connect(state / "ledger.db") as connection:
        connection.execute("DROP TABLE imports")
        connection.execute("UPDATE bulkops_ledger SET version = 3")
    connection.close()
    return job


def test_same_file_is_refused_under_every_spelling_of_the_address(server: ForeignServer, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "state")
    file = write(tmp_path / "f.csv", "giveaways", records=3)
    words = ("import", "giveaways", str(file), "--pool", "5", "--yes")
    assert shell.run(*words, "--base-url", server.base_url).code == 0
    for spelling in SPELLINGS:
        ended = shell.run(*words, "--base-url", spelled(server, spelling))
        assert (ended.code, "the same bytes to the same target" in ended.err) == (5, True)
    assert held(server, "giveaways") == sent(file)


def test_rate_is_shared_by_all_spellings_of_the_address(server: ForeignServer, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "state")
    addresses = [server.base_url, *(spelled(server, spelling) for spelling in SPELLINGS)]
    processes = [
        shell.start(
            *("import", "giveaways", str(write(tmp_path / f"{number}.csv", "giveaways", records=6 + number))),
            *("--pool", "5", "--yes", "--again", "--max-rows", "2", "--concurrency", "3", "--base-url", address),
        )
        for number, address in enumerate(addresses)
    ]
    for process in processes:
        assert shell.ended(process).code == 0
    assert sum(held(server, "giveaways").values()) == 6 + 7 + 8 + 9
    assert server.world.violations() == 0


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_job_of_an_older_ledger_is_found_and_resumed(server: ForeignServer, tmp_path: Path, spelling: str) -> None:
    shell = Shell(tmp_path / "state")
    shell.state.mkdir()
    file = write(tmp_path / "f.csv", "giveaways", records=3)
    job = old_job(server, file, shell.state, spelling=spelling)
    refused = shell.run("import", "giveaways", str(file), "--pool", "5", "--yes", "--base-url", server.base_url)
    assert (refused.code, job.id in refused.err) == (5, True)
    assert shell.run("jobs", "resume", job.id, "--reconcile").code == 0
    assert held(server, "giveaways") == sent(file)
    ledger = Ledger.open(f"sqlite:///{shell.state}/ledger.db", clock=SystemClock())
    kept = ledger.job(job.id)
    assert (kept.target["base_url"], kept.address) == (server.base_url, spelled(server, spelling))
    assert [known.job for known in ledger.known_imports(kept)] == [job.id]
    assert ledger.jobs_with_file(kept.file_sha256, kept.target_key) == [kept]
    ledger.close()


def test_job_is_resumed_at_the_address_it_was_begun_with(server: ForeignServer, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "state")
    file = write(tmp_path / "f.csv", "giveaways", records=3)
    server.world.faults = ["500 before"]
    address = spelled(server, "http://localhost:{}/x/../")
    words = ("import", "giveaways", str(file), "--pool", "5", "--yes", "--settle", "0.3", "--base-url", address)
    assert shell.run(*words, "--json").json["target"]["base_url"] == server.base_url
    ledger = Ledger.open(f"sqlite:///{shell.state}/ledger.db", clock=SystemClock())
    (job,) = ledger.jobs()
    ledger.close()
    assert job.address == spelled(server, "http://localhost:{}")
    assert shell.run("reconcile", "--job", job.id, "--json", "--settle", "0.3").json["verdict"] == "proved"
