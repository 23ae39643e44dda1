"""Jobs under random faults, killed at random transitions and resumed: the sandbox has the file's records."""

import random
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from bulkops.upload.options import RunOptions
from tests.crash.endings import DONE, KILLED, UNFINISHED, Outcome, check, one_run, outcome
from tests.crash.runs import Run
from tests.crash.truth import CASES, Case

SETTLE = 0.8
LATE = 0.25  # well below the settle time: bulkops cannot know of an import that completes after it
RUNS = 40
TROUBLED_RUNS = 12

SEND_FAULTS = (
    "429:0.05", "429", "429:date", "500:before", "503:after", "502:after", "cut:before", "cut:during", "cut:after",
    "cut:committed", "truncate", f"late:{LATE}", f"lag:{LATE}", "slow:0.1",
)  # fmt: skip
READ_FAULTS = ("429:0.05", "503", "cut:before", "truncate", "slow:0.1")
REFUSALS = ("refuse:atomic:3", "400:before")


def faults(chance: random.Random, *, refusals: bool) -> str:
    sending = chance.sample(SEND_FAULTS + (REFUSALS if refusals else ()), 5)
    rules = [f"imports@p{chance.uniform(0.05, 0.2):.2f}={fault}" for fault in sending]
    rules += [f"{group}@p0.10={fault}" for group in ("exports", "reads") for fault in chance.sample(READ_FAULTS, 2)]
    return ",".join([*rules, f"seed={chance.randrange(10**6)}"])


def run_under_faults(
    case: Case, folder: Path, seed: int, *, refusals: bool = False, options: RunOptions | None = None
) -> Outcome:
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
            options=options or RunOptions(settle=SETTLE, response_timeout=SETTLE, concurrency=chance.choice((1, 1, 3))),
            max_rows=chance.randrange(6, 20),
        )
        code = KILLED
        for number in range(RUNS):
            if number == TROUBLED_RUNS:
                sandbox.set_faults(None)
            code = one_run(run, chance, crash=number < TROUBLED_RUNS)
            if code not in (KILLED, UNFINISHED):
                break
        return outcome(file, ledger, code, case.held(sandbox) - before)


SAMPLE = [(name, seed) for number, name in enumerate(CASES) for seed in range(100 * number, 100 * number + 2)]


@pytest.mark.parametrize(("name", "seed"), SAMPLE)
def test_faults_and_kills_lose_no_record_and_double_none(name: str, seed: int, tmp_path: Path) -> None:
    told = run_under_faults(CASES[name], tmp_path, seed)
    check(told, tmp_path / f"{name}.csv")
    assert told.code == DONE, told.chunks


@pytest.mark.parametrize("name", ["coupons", "giveaways", "loyalty-points", "loyalty-join-dates"])
def test_refusals_leave_every_record_imported_once_or_rejected(name: str, tmp_path: Path) -> None:
    told = run_under_faults(CASES[name], tmp_path, 7, refusals=True)
    check(told, tmp_path / f"{name}.csv")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1060))
@pytest.mark.parametrize("name", CASES)
def test_faults_and_kills_lose_and_double_nothing_over_many_seeds(name: str, seed: int, tmp_path: Path) -> None:
    told = run_under_faults(CASES[name], tmp_path, seed, refusals=seed % 3 == 0)
    check(told, tmp_path / f"{name}.csv")
