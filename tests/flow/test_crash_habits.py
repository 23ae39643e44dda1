"""Jobs against a server with habits of its own, by a clock that is set from run to run, under faults and kills."""

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bulkops.upload.options import RunOptions
from tests.crash.endings import KILLED, UNFINISHED, Outcome, check, one_run, outcome
from tests.crash.runs import Run
from tests.foreign.files import IDS, held, write
from tests.foreign.habits import Habits
from tests.foreign.server import ForeignServer

SETTLE = 0.8
RUNS = 40
TROUBLED_RUNS = 10
FAULTS = ("429", "500 before", "502 after", "lost after", "lost after", f"late {0.3 * SETTLE}", f"late {0.6 * SETTLE}")
APART = (0, 0, -7200, -400, -3, 20, 400, 7200)


def habits(chance: random.Random) -> Habits:
    """Draw how a server behaves; what it does late and shows late stays below the settle time, each by itself."""
    return Habits(
        ahead=timedelta(seconds=chance.choice(APART)),
        rows_ahead=timedelta(seconds=chance.choice(APART)),
        ids_again=chance.choice((0, 0, 0, 1, 2, 3)),
        lag=chance.choice((0.0, 0.0, 0.3 * SETTLE, 0.6 * SETTLE)),
        keeps=chance.choice(("none", "before", "others")),
        line=chance.choice(("line", "line of body", "record", "record of body", "none")),
        largest_page=chance.choice((1000, 7)),
        says_more=chance.random() < 0.5,
    )


def run_under_habits(contract: str, folder: Path, seed: int) -> Outcome:
    """Run a job to its end under trouble drawn from a seed."""
    chance = random.Random(seed)
    records = chance.randrange(20, 70)
    bad = chance.sample(range(records), chance.choice((0, 0, 1, 3)))
    file = write(folder / f"{contract}.csv", contract, records=records, bad=bad)
    ledger = folder / "ledger.db"
    with ForeignServer() as server:
        server.world.habits = habits(chance)
        server.world.faults = [chance.choice(FAULTS) if chance.random() < 0.4 else "" for _ in range(25)]
        run = Run(
            contract=contract,
            file=file,
            base_url=server.base_url,
            ids=IDS[contract],
            ledger=ledger,
            options=RunOptions(settle=SETTLE, response_timeout=SETTLE, concurrency=chance.choice((1, 1, 3))),
            max_rows=chance.randrange(6, 20),
            key="foreign",
        )
        code = KILLED
        for number in range(RUNS):
            if chance.random() < 0.4:
                run = replace(run, clock_ahead=chance.choice(APART))
            code = one_run(run, chance, crash=number < TROUBLED_RUNS)
            if code not in (KILLED, UNFINISHED):
                break
        return outcome(file, ledger, code, held(server, contract))


CONTRACTS = ["coupons", "giveaways", "loyalty-points", "loyalty-cards", "loyalty-tiers"]


@pytest.mark.parametrize(("contract", "seed"), [(name, 10 * number) for number, name in enumerate(CONTRACTS)])
def test_unusual_clocks_ids_and_refusals_lose_no_record_and_double_none(
    contract: str, seed: int, tmp_path: Path
) -> None:
    check(run_under_habits(contract, tmp_path, seed), tmp_path / f"{contract}.csv")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5000, 5060))
@pytest.mark.parametrize("contract", CONTRACTS)
def test_unusual_servers_with_faults_and_kills_lose_and_double_nothing_over_many_seeds(
    contract: str, seed: int, tmp_path: Path
) -> None:
    check(run_under_habits(contract, tmp_path, seed), tmp_path / f"{contract}.csv")
