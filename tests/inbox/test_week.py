"""A week of drops by a second program, while passes are killed and overlap; another server holds the truth."""

import gzip
import multiprocessing
import os
import random
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from bulkops.transport.limiter import NoLimiter
from bulkops.upload import workflow
from tests.foreign.server import ForeignServer
from tests.inbox.desk import InboxDesk, Kill, points, start

PROGRAM = {"program": 3}
FILES = [
    {"match": "points-*.csv*", "contract": "loyalty-points", "ids": PROGRAM, "reconcile": False},
    {
        "match": "all-*.csv",
        "contract": "loyalty-points",
        "ids": PROGRAM,
        "reconcile": False,
        "cumulative": True,
        "expect": {"due": "03:00", "otherwise": "warn"},
    },
]
TABLE = {"quiet": "4s", "on_findings": "quarantine", "result": ["csv"]}
Row = tuple[str, str]


class Partner:
    """The second program: it drops the files of a week, each day shortened to a moment, and notes the records.

    A line of the notes is a record that must reach the server once.
    """

    def __init__(self, folder: Path, *, days: int, burst: int, seed: int) -> None:
        self._inbox, self._quarantine = folder / "in", folder / "quarantine"
        self._draft, self._notes = folder / "partner-draft", folder / "notes"
        self._days, self._burst, self._chance = days, burst, random.Random(seed)
        self._number = 0
        self._known: list[Row] = []
        self._corrected: set[str] = set()

    def run(self) -> None:
        for day in range(self._days):
            self._day(day)
        end = time.monotonic() + 600
        while len(self._corrected) < self._days and time.monotonic() < end:
            self._correct()
            time.sleep(0.2)
        (self._notes.parent / "partner-done").touch()

    def _day(self, day: int) -> None:
        """Drop the files of a day."""
        usual = self._new(20)
        self._drop(f"points-{day}.csv", points(*usual))
        self._drop(f"points-{day}-again.csv", points(*usual))
        self._drop(f"points-{day}-gz.csv.gz", gzip.compress(points(*self._new(5)).encode()))
        self._drop(f"points-{day}-Überweisung-日本.csv", points(*self._new(3)))
        self._drop(f"points-{day}-empty.csv", "" if day % 2 else points())
        self._known += self._new(15)
        self._drop(f"all-{day}.csv", points(*self._known))
        self._drop(f"points-{day - 1}-wrong-day.csv", points(*self._new(2)))
        good = self._new(4)
        self._drop(f"points-{day}-bad.csv", points(*good) + f"bad-{day},many\n")
        self._grow(f"points-{day}-slow.csv", self._new(8))
        if day == self._days // 2:
            for number in range(self._burst):
                self._drop(f"points-burst-{number:04}.csv", points(*self._new(1)))
        self._correct()

    def _new(self, count: int) -> list[Row]:
        rows = [(f"customer-{self._number + n:06}", str(1 + n % 9)) for n in range(count)]
        self._number += count
        with self._notes.open("a") as notes:
            notes.writelines(f"{customer},{amount}\n" for customer, amount in rows)
        return rows

    def _drop(self, name: str, content: str | bytes) -> None:
        self._draft.write_bytes(content.encode() if isinstance(content, str) else content)
        self._draft.replace(self._inbox / name)
        time.sleep(self._chance.random() * 0.05)

    def _grow(self, name: str, rows: list[Row]) -> None:
        """Write a file slowly at its final name."""
        with (self._inbox / name).open("w") as file:
            file.write(points())
            for customer, amount in rows:
                file.write(f"{customer},{amount}\n")
                file.flush()
                time.sleep(0.1)

    def _correct(self) -> None:
        """Correct the rejected records that have come back."""
        for path in sorted(self._quarantine.glob("*/*/*.rejected-????????????.csv")):
            if path.name in self._corrected or "many" not in (text := path.read_text()):
                continue
            self._corrected.add(path.name)
            with self._notes.open("a") as notes:
                notes.write(text.splitlines()[1].replace("many", "8") + "\n")
            self._drop(path.name, text.replace("many", "8"))


def partner(folder: Path, days: int, burst: int, seed: int) -> None:
    """Run the second program in this process and end it."""
    Partner(folder, days=days, burst=burst, seed=seed).run()
    os._exit(0)


def begun(folder: Path, days: int, burst: int, seed: int) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=partner, args=(folder, days, burst, seed), daemon=True)
    process.start()
    return process


@pytest.mark.soak
@pytest.mark.parametrize(("days", "burst", "seed"), [(2, 10, 1), (7, 1000, 2)])
def test_a_week_of_drops_with_kills_loses_and_doubles_nothing(
    days: int, burst: int, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    chance = random.Random(seed)
    with ForeignServer() as server:
        desk = InboxDesk(tmp_path, server.base_url, files=FILES, table=TABLE, key="foreign")
        desk.run()
        dropping = begun(tmp_path, days, burst, seed)
        kills = passes = 0
        while dropping.is_alive() or any(desk.drops.iterdir()):
            kill = Kill(step=chance.randrange(1, 150), after=chance.random() < 0.5) if chance.random() < 0.5 else None
            running = [start(desk, kill)]
            if chance.random() < 0.3:  # an overlapping pass
                running.append(start(desk, None))
            if kill is None and chance.random() < 0.5:
                running[0].join(chance.random() * 6)
                running[0].kill()
            for process in running:
                process.join(900)
                kills += process.exitcode == -9
                passes += 1
                assert process.exitcode in (0, 1, 3, -9), process.exitcode
        assert (tmp_path / "partner-done").exists()
        assert kills > 0
        assert desk.run().exit == 0
        assert passes > days
        lines = (tmp_path / "notes").read_text().splitlines()
        wanted: Counter[Row] = Counter((line.split(",")[0], line.split(",")[1]) for line in lines)
        found: Counter[Row] = Counter(
            (row["customerprofileid"], f"{float(row['amount']):g}") for row in server.world.rows["loyalty-points"]
        )
        assert found - wanted == Counter(), "rows are doubled"
        assert wanted - found == Counter(), "rows are lost"
        assert max(found.values()) == 1
        with desk.book() as book:
            drops = book.last_drops(10_000)
            assert book.pending_rejects() == {}
        assert len(drops) == days * 9 + burst + days
        assert all(drop.step == "done" for drop in drops)
        kept = [Path(str(drop.archived_to)) for drop in drops]
        assert len(set(kept)) == len(kept)
        assert all(path.is_file() and (path.parent / "drop.json").is_file() for path in kept)
        assert not desk.kept("**/.bulkops-*")
