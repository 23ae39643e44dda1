"""Two jobs at one target under faults and kills: no record is lost, and none is there twice unnoticed."""

import random
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.sandbox.serve import SandboxServer
from bulkops.upload.options import RunOptions
from tests.crash.endings import DONE, IN_DOUBT, KILLED, UNFINISHED, rows_of_chunks
from tests.crash.runs import Crash, Run, start
from tests.crash.truth import CASES, Case, Rows
from tests.postgres.server import Postgres

SETTLE = 0.6
FAULTS = (
    "cut:after", "cut:committed", "503:after", "502:before", "slow:0.5", "slow:0.5", f"late:{0.5 * SETTLE}",
    f"late:{1.5 * SETTLE}", f"late:{3 * SETTLE}", "truncate", "lag:0.2",
)  # fmt: skip
ROUNDS = 30
TROUBLED_ROUNDS = 5


def run_two_under_faults(case: Case, folder: Path, seed: int, ledger: str) -> None:
    """Run two jobs side by side to their ends under trouble drawn from a seed, and check the truth."""
    chance = random.Random(seed)
    one = case.write(folder / "one.csv", records=chance.randrange(8, 30), seed=seed)
    two = folder / "two.csv"
    if chance.random() < 0.7:
        shutil.copy(one, two)
    else:
        case.write(two, records=chance.randrange(8, 30), seed=seed + 1)
    rows = chance.choice((5, 10, 30))
    with SandboxServer(rate_limit=0) as sandbox:
        rules = [f"imports@p{chance.uniform(0.1, 0.3):.2f}={fault}" for fault in chance.sample(FAULTS, 4)]
        sandbox.set_faults(",".join([*rules, f"seed={chance.randrange(10**6)}"]))
        runs = [
            Run(
                contract=case.contract, file=file, base_url=sandbox.base_url, ids=case.ids, ledger=ledger,
                options=RunOptions(settle=SETTLE, response_timeout=1.0, concurrency=chance.choice((1, 1, 4))),
                max_rows=rows, state=folder / "state",
            )
            for file in (one, two)
        ]  # fmt: skip
        codes = [KILLED, KILLED]
        for number in range(ROUNDS):
            if number == TROUBLED_ROUNDS:
                sandbox.set_faults(None)
            codes = side_by_side(runs, codes, chance, crash=number < TROUBLED_ROUNDS)
            if not {KILLED, UNFINISHED} & set(codes):
                break
        check(ledger, [one, two], codes, case.held(sandbox))


def side_by_side(runs: list[Run], codes: list[int], chance: random.Random, *, crash: bool) -> list[int]:
    """Run every job that has not ended, each in a process of its own, and return the exit codes."""
    processes = {}
    for place, run in enumerate(runs):
        if codes[place] not in (KILLED, UNFINISHED):
            continue
        killed = crash and chance.random() < 0.5
        at = Crash(write=chance.randrange(1, 12), committed=chance.random() < 0.5) if killed else None
        processes[place] = start(replace(run, crash=at))
    found = list(codes)
    for place, process in processes.items():
        process.join(120)
        assert process.exitcode is not None, "a job did not end"
        found[place] = process.exitcode
    return found


def check(address: str, files: list[Path], codes: list[int], held: Rows) -> None:
    ledger = Ledger.open(address, clock=SystemClock())
    try:
        chunks = {job.file_path: ledger.chunks(job.id) for job in ledger.jobs()}
    finally:
        ledger.close()
    assert set(codes) <= {DONE, IN_DOUBT}
    certain, doubtful = Counter(), Counter()  # type: Rows, Rows
    for file in files:
        certain += rows_of_chunks(file, settled(chunks[file], undecided=False), *ChunkState)
        doubtful += rows_of_chunks(file, settled(chunks[file], undecided=True), *ChunkState)
    assert certain <= held, "records were lost"
    if not doubtful:
        assert held == certain, "records are there twice, and both jobs ended with exit 0"
    ids = [c.import_id for found in chunks.values() for c in settled(found, undecided=False) if c.import_id is not None]
    assert len(ids) == len(set(ids)), "an import was counted for two chunks"


def settled(chunks: list[ChunkEntry], *, undecided: bool) -> list[ChunkEntry]:
    """Return the chunks that are certain, or those that need a decision; divided ones are left to their parts."""
    return [c for c in chunks if c.state is not ChunkState.DIVIDED and c.undecided is undecided]


@pytest.mark.parametrize(
    ("name", "seed"), [("loyalty-points", 1), ("loyalty-points", 2), ("giveaways", 3), ("giveaways", 4)]
)
def test_two_jobs_under_faults_and_kills_lose_nothing_and_double_nothing(name: str, seed: int, tmp_path: Path) -> None:
    run_two_under_faults(CASES[name], tmp_path, seed, str(tmp_path / "ledger.db"))


@pytest.mark.parametrize(("name", "seed"), [("loyalty-points", 5), ("giveaways", 6)])
def test_two_jobs_with_a_ledger_in_postgresql_lose_nothing_and_double_nothing(
    name: str, seed: int, tmp_path: Path, postgres: Postgres
) -> None:
    run_two_under_faults(CASES[name], tmp_path, seed, postgres.new_ledger())


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2000, 2200))
@pytest.mark.parametrize("name", ["loyalty-points", "giveaways"])
def test_two_jobs_lose_and_double_nothing_over_many_seeds(name: str, seed: int, tmp_path: Path) -> None:
    run_two_under_faults(CASES[name], tmp_path, seed, str(tmp_path / "ledger.db"))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3000, 3090))
@pytest.mark.parametrize("name", ["loyalty-points", "giveaways"])
def test_two_jobs_in_postgresql_lose_and_double_nothing_over_many_seeds(
    name: str, seed: int, tmp_path: Path, postgres: Postgres
) -> None:
    run_two_under_faults(CASES[name], tmp_path, seed, postgres.new_ledger())
