"""Jobs under random faults, killed at random transitions and resumed: the sandbox holds exactly what the file says."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.entries import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.sandbox.serve import SandboxServer
from bulkops.upload.options import RunOptions
from tests.crash.runs import Crash, Run, start
from tests.crash.truth import CASES, Case, Rows, rows_of

SETTLE = 0.8
LATE = 0.25  # well below the settle time: what comes later than that nobody can know of
RUNS = 40
TROUBLED_RUNS = 12
DONE, REFUSED, UNFINISHED, IN_DOUBT, KILLED = 0, 1, 3, 4, -9

SEND_FAULTS = (
    "429:0.05", "429", "429:date", "500:before", "503:after", "502:after", "cut:before", "cut:during", "cut:after",
    "cut:committed", "truncate", f"late:{LATE}", f"lag:{LATE}", "slow:0.1",
)  # fmt: skip
READ_FAULTS = ("429:0.05", "503", "cut:before", "truncate", "slow:0.1")
REFUSALS = ("refuse:atomic:3", "400:before")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a story ended: the last exit code, the truth, and what the ledger says."""

    code: int
    held: Rows
    accepted: Rows
    rejected: Rows
    doubtful: Rows
    chunks: list[ChunkEntry]


def faults(chance: random.Random, *, refusals: bool) -> str:
    sending = chance.sample(SEND_FAULTS + (REFUSALS if refusals else ()), 5)
    rules = [f"imports@p{chance.uniform(0.05, 0.2):.2f}={fault}" for fault in sending]
    rules += [f"{group}@p0.10={fault}" for group in ("exports", "reads") for fault in chance.sample(READ_FAULTS, 2)]
    return ",".join([*rules, f"seed={chance.randrange(10**6)}"])


def rows_of_chunks(path: Path, chunks: list[ChunkEntry], *states: ChunkState) -> Rows:
    """Count the records of the chunks in some states, found by their bytes and not by their numbers."""
    data = path.read_bytes()
    places = {}
    offset = data.index(b"\n") + 1
    for row, raw in zip(rows_of(path), raw_records(data[offset:]), strict=True):
        places[offset] = row
        offset += len(raw)
    chosen = [chunk for chunk in chunks if chunk.state in states]
    return Counter(
        row for chunk in chosen for first, end in chunk.pieces for place, row in places.items() if first <= place < end
    )


def raw_records(body: bytes) -> list[bytes]:
    records, held = [], b""
    for line in body.splitlines(keepends=True):
        held += line
        if held.count(b'"') % 2 == 0:
            records.append(held)
            held = b""
    return records


def tell(case: Case, folder: Path, seed: int, *, refusals: bool = False, options: RunOptions | None = None) -> Outcome:
    """Run a job to its end under trouble drawn from a seed."""
    chance = random.Random(seed)
    file = case.write(folder / f"{case.contract}.csv", records=chance.randrange(20, 70), seed=seed)
    ledger = folder / "ledger.db"
    with SandboxServer(rate_limit=0) as sandbox:
        before = case.held(sandbox)
        sandbox.set_faults(faults(chance, refusals=refusals))
        run = Run(
            contract=case.contract,
            file=file,
            base_url=sandbox.base_url,
            ids=case.ids,
            ledger=ledger,
            options=options or RunOptions(settle=SETTLE, concurrency=chance.choice((1, 1, 3))),
            max_rows=chance.randrange(6, 20),
        )
        code = KILLED
        for number in range(RUNS):
            if number == TROUBLED_RUNS:
                sandbox.set_faults(None)
            code = one_run(run, chance, crash=number < TROUBLED_RUNS)
            if code not in (KILLED, UNFINISHED):
                break
        return outcome(case, file, ledger, code, case.held(sandbox) - before)


def one_run(run: Run, chance: random.Random, *, crash: bool) -> int:
    """Run once; killed at a write to the ledger, or at a moment, or not at all."""
    way = chance.choice(("write", "write", "moment", "not")) if crash else "not"
    if way == "write":
        run = replace(run, crash=Crash(write=chance.randrange(1, 14), committed=chance.random() < 0.5))
    process = start(run)
    process.join(0.25 + chance.random() * 0.6 if way == "moment" else 120)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def outcome(case: Case, file: Path, path: Path, code: int, held: Rows) -> Outcome:
    ledger = Ledger.open(str(path), clock=SystemClock())
    try:
        (job,) = ledger.jobs()
        chunks = ledger.chunks(job.id)
    finally:
        ledger.close()
    return Outcome(
        code=code,
        held=held,
        accepted=rows_of_chunks(file, chunks, ChunkState.ACCEPTED, ChunkState.SKIPPED),
        rejected=rows_of_chunks(file, chunks, ChunkState.REJECTED),
        doubtful=rows_of_chunks(file, chunks, ChunkState.IN_DOUBT),
        chunks=chunks,
    )


def check(told: Outcome, file: Path) -> None:
    """Hold the truth against the file: what is accepted is there once, what is rejected is not there."""
    everything = Counter(rows_of(file))
    assert told.accepted + told.rejected + told.doubtful == everything
    assert told.accepted <= told.held, "records were lost"
    assert told.held <= told.accepted + told.doubtful, "records are there that were not accepted, or twice"
    assert (told.code == IN_DOUBT) == bool(told.doubtful)
    assert told.code in (DONE, REFUSED, IN_DOUBT)


SAMPLE = [(name, seed) for number, name in enumerate(CASES) for seed in range(100 * number, 100 * number + 2)]


@pytest.mark.parametrize(("name", "seed"), SAMPLE)
def test_faults_and_kills_lose_no_record_and_double_none(name: str, seed: int, tmp_path: Path) -> None:
    told = tell(CASES[name], tmp_path, seed)
    check(told, tmp_path / f"{name}.csv")
    assert told.code == DONE, told.chunks


@pytest.mark.parametrize("name", ["coupons", "giveaways", "loyalty-points", "loyalty-join-dates"])
def test_refusals_leave_every_record_either_there_once_or_rejected(name: str, tmp_path: Path) -> None:
    told = tell(CASES[name], tmp_path, 7, refusals=True)
    check(told, tmp_path / f"{name}.csv")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1060))
@pytest.mark.parametrize("name", CASES)
def test_faults_and_kills_over_many_seeds(name: str, seed: int, tmp_path: Path) -> None:
    told = tell(CASES[name], tmp_path, seed, refusals=seed % 3 == 0)
    check(told, tmp_path / f"{name}.csv")
