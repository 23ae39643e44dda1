"""Commands print the same on one machine and on clusters of two and four workers that are killed at random moments."""

import codecs
import logging
import os
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from distributed import Client

from bulkops.chunking import cluster_plan
from bulkops.validation import many_files, on_cluster
from bulkops_validators import CONTRACTS
from tests.cli.running import Inside
from tests.cluster.clusters import ProcessCluster, process_cluster
from tests.cluster.test_documents import SAMPLES, multiline, odd_files, on_both
from tests.cluster.test_ranges import bad_cells

connect: Any = Client
ROUNDS = 8
COMMANDS, KILLS = 20, 4
"""Minimum commands of a round, which are chosen at random, and kills during them."""
MANY_DEATHS = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1000"}
"""With the default, work during which four workers end fails, because it may be the cause."""


@dataclass
class RandomKills:
    """Kills random workers at random moments, and starts others in their place."""

    cluster: ProcessCluster
    workers: int
    chance: random.Random
    kills: int = 0
    _ended: Event = field(default_factory=Event)

    def _run(self) -> None:
        living = self.cluster.processes[1:]
        with connect(self.cluster.address, set_as_default=False) as client:
            while not self._ended.wait(self.chance.uniform(0.05, 1.5)):
                # A worker takes seconds to start: without this condition, none would ever work.
                if len(client.nthreads()) < self.workers:
                    continue
                victim = living.pop(self.chance.randrange(self.workers))
                os.kill(victim.pid, signal.SIGKILL)
                victim.wait()
                self.kills += 1
                living.append(self.cluster.start_worker())

    @contextmanager
    def running(self) -> Iterator[None]:
        """Kill workers while the context is open."""
        thread = Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()


def files_in(folder: Path, chance: random.Random) -> dict[str, list[Path]]:
    """Write the corpus and generated files, and return them by contract."""
    found: dict[str, list[Path]] = {}
    for name, contract in CONTRACTS.items():
        (folder / name).mkdir(parents=True)
        for kind, sample in (("good", SAMPLES), ("bad", SAMPLES / "broken")):
            shutil.copy(sample / f"{name}.csv", folder / name / f"{kind}.csv")
        every = folder / name / "every-rule.csv"
        every.write_text(bad_cells(contract), encoding="utf-8", errors="surrogateescape")
        found[name] = sorted((folder / name).iterdir())
    found["coupons"] += [path for path in odd_files(folder / "coupons") if path.suffix != ".zip" and path.exists()]
    text = multiline(chance.randrange(3000, 6000))
    for encoding, data in {
        "utf-8": text.encode(),
        "utf-16": codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
        "latin-1": text.replace("x", "é").encode("latin-1"),
        "crlf": text.replace("\n", "\r\n").encode(),
    }.items():
        path = folder / "coupons" / f"generated-{encoding}.csv"
        path.write_bytes(data)
        found["coupons"].append(path)
    return found


def commands(files: dict[str, list[Path]], config: Path) -> Iterator[tuple[str, ...]]:
    """Yield commands that accept a cluster, without the option; a new command is one more line here."""
    yield ("--config", str(config), "check", "--json")
    for name, paths in files.items():
        yield ("validate", name, *map(str, paths), "--json")
        for path in paths:
            yield ("validate", name, str(path), "--json")
            yield ("plan", name, str(path), "--json")


@pytest.mark.soak
@pytest.mark.parametrize("round_number", range(ROUNDS))
@pytest.mark.parametrize("workers", [2, 4])
def test_output_is_identical_while_workers_are_killed_at_random(
    workers: int, round_number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, size in (
        (on_cluster, "_LEAST_BYTES", (3000, 40_000)),
        (on_cluster, "_FEW_KEYS", (10, 1000)),
        (many_files, "_SMALL_BYTES", (9000, 32 << 20)),
        (cluster_plan, "HASHED_BYTES", (1000, 1 << 20)),
    ):
        monkeypatch.setattr(module, name, size[round_number % 2])
    chance, inside = random.Random(100 * workers + round_number), Inside(tmp_path / "state")
    files = files_in(tmp_path / "files", chance)
    config = tmp_path / "bulkops.toml"
    config.write_text("[check]\n" + "".join(f'{name} = "files/{name}/*"\n' for name in files))
    listed = chance.sample(list(commands(files, config)), COMMANDS)
    (tmp_path / "cluster").mkdir()
    with process_cluster(tmp_path / "cluster", workers, **MANY_DEATHS) as cluster:
        cluster.wait_for_workers(workers)
        killing = RandomKills(cluster, workers, chance)
        with killing.running():
            for count, words in enumerate(islice(cycle(listed), 20 * COMMANDS)):
                if count >= COMMANDS and killing.kills >= KILLS:
                    break
                on_both(inside, cluster.address, *words)
    logging.getLogger(__name__).info("%d commands, %d kills", count, killing.kills)
    assert killing.kills >= KILLS
