"""How long 100 GB and 1 TB take on 1, 10 and 100 workers: a model of measured costs, checked against two workers.

    python benchmarks/scaling.py                      # 2,000,000 coupons, 257 MB
    python benchmarks/scaling.py --storage 5          # GB/s that the storage delivers to all workers together
    python benchmarks/scaling.py --folder DIR         # keep the files

All costs are processor seconds, because other programs may use the same processors. The tasks of a cluster run in this
process first, one by one: that gives the cost of each kind of task, and of the merge. Then two workers do the same,
and the program fails if the seconds that the model predicts for them differ by more than a third.
"""

import argparse
import json
import os

os.environ["POLARS_MAX_THREADS"] = "1"

import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import CALL, cluster, measure, processor_seconds  # type: ignore[import-not-found,unused-ignore] # as below
from ours import ROOT  # type: ignore[import-not-found,unused-ignore] # as below
from validate import make  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

from bulkops.chunking import cluster_plan
from bulkops.chunking.limits import chunk_limits
from bulkops.validation import on_cluster
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

COUPONS, SMALL = CONTRACTS["coupons"], ROOT / "sample_data" / "coupons.csv"
SIZES, WORKERS = (100e9, 1e12), (1, 10, 100)
TASKS = 1000
"""Tasks without work, to measure what one costs the scheduler, the command and a worker."""
TOLERANCE = 4 / 3
PLAN = """
import json, sys, time
import bulkops
from distributed import Client
client = Client(sys.argv[2])
bulkops.plan("coupons", "sample_data/coupons.csv", cluster=client)
start, used = time.perf_counter(), time.process_time()
found = bulkops.plan("coupons", sys.argv[1], cluster=client)
seconds, processor = time.perf_counter() - start, time.process_time() - used
print(json.dumps({"seconds": seconds, "processor": processor, "found": found.sha256}))
"""
EMPTY_TASKS = """
import json, sys, time
from operator import neg
from bulkops.cluster import opened_cluster
with opened_cluster(sys.argv[1]) as cluster:
    scheduler = lambda: cluster._client.run_on_scheduler(time.process_time)
    start, used, before = time.perf_counter(), time.process_time(), scheduler()
    for future in [cluster.submit("empty", neg, number) for number in range(int(sys.argv[2]))]:
        cluster.result(future, "An empty task")
    seconds, processor = time.perf_counter() - start, time.process_time() - used
    print(json.dumps({"seconds": seconds, "processor": processor, "found": scheduler() - before}))
"""


class Timed:
    """Runs the tasks of a cluster in this process, and adds up the processor seconds of each kind."""

    threads = 2

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.count: Counter[str] = Counter()

    def submit(self, name: str, function: Callable[..., Any], *arguments: Any, **_: bool) -> Any:
        """Run a function and return its result."""
        start = time.process_time()
        found = function(*arguments)
        self.seconds[name] += time.process_time() - start  # type: ignore[assignment] # seconds are fractions
        self.count[name] += 1
        return found

    def result(self, future: Any, _what: str) -> Any:
        """Return a result, which is its own future here."""
        return future

    def release(self, *futures: Any) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class EmptyTask:
    """Processor seconds of a task without work: of the command, of the scheduler and of a worker."""

    command: float
    scheduler: float
    worker: float

    @property
    def serial(self) -> float:
        """The seconds that no other worker shortens: the command and the scheduler work at the same time."""
        return max(self.command, self.scheduler)


@dataclass(frozen=True)
class Costs:
    """Processor seconds: of the tasks on workers and of the merge for each GB, and of the hash of a file for each GB.

    `keys` are those of the comparison for each million records. Both are parts of `tasks`. `count` is the number of
    tasks for the measured file.
    """

    tasks: float
    merge: float
    hashing: float
    keys: float
    count: int

    def __str__(self) -> str:
        return (
            f"{self.tasks:.2f} s of workers and {self.merge:.3f} s of this process a GB; of the workers, hashing takes "
            f"{self.hashing:.2f} s a GB, and keys {self.keys:.2f} s for a million records"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=textwrap.dedent(__doc__ or ""), formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--storage", type=float, default=10.0, help="GB/s for all workers together")
    parser.add_argument("--link", type=float, default=1.0, help="GB/s for one worker")
    parser.add_argument("--folder", type=Path, help="where the files are kept; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = make(folder, f"clean-{given.records}.csv", given.records)
        record = path.stat().st_size / given.records
        print(f"{path.stat().st_size / 1e6:.0f} MB, {record:.0f} bytes a record; load {os.getloadavg()[0]:.1f}")
        validation, plan = (costs_of(work, path, given.records) for work in (validated, planned))
        print(f"validate: {validation}\nplan:     {plan}")
        with cluster(folder, 2) as (address, workers):
            each = cost_of_task(address, workers)
            parts = (each.command, each.scheduler, each.worker)
            print(
                "a task:   {:.2f} ms of the command, {:.2f} of the scheduler, {:.2f} of a worker".format(
                    *(p * 1000 for p in parts)
                )
            )
            agree = [
                compare("validate", CALL, validation, each, path, address, workers),
                compare("plan", PLAN, plan, each, path, address, workers),
            ]
    for name, costs in (("validate", validation), ("plan", plan)):
        print(f"\n{name}")
        table(costs, record=record, each=each, storage=given.storage, link=given.link, compares=name == "validate")
    if not all(agree):
        raise SystemExit("The model differs from two workers by more than a third.")


def validated(path: Path, cluster: Any) -> None:
    executor = on_cluster.ClusterExecutor(cluster)
    validate_files(COUPONS, [path], settings=ValidationSettings(threads=1), executor=executor)


def planned(path: Path, cluster: Any) -> None:
    assert cluster_plan.planned_in_ranges(path, chunk_limits(COUPONS), cluster, {}) is not None


def costs_of(work: Callable[[Path, Any], None], path: Path, records: int) -> Costs:
    """Return the costs of a command; the first of two runs loads the libraries."""
    work(path, Timed())
    timed, start = Timed(), time.process_time()
    work(path, timed)
    total, gigabytes = time.process_time() - start, path.stat().st_size / 1e9
    tasks = float(sum(timed.seconds.values()))
    keys = sum(timed.seconds[name] for name in ("split-keys", "choose-keys", "compare-keys"))
    return Costs(
        tasks / gigabytes,
        (total - tasks) / gigabytes,
        timed.seconds["hash-file"] / gigabytes,
        keys / records * 1e6,
        timed.count.total(),
    )


def cost_of_task(address: str, workers: list["subprocess.Popen[bytes]"]) -> EmptyTask:
    """Return the costs of one task without work."""
    before = sum(processor_seconds(worker) for worker in workers)
    found = measure([sys.executable, "-c", EMPTY_TASKS, address, str(TASKS)], [], pinned=False)
    used = sum(processor_seconds(worker) for worker in workers) - before
    return EmptyTask(found.processor / TASKS, json.loads(found.printed) / TASKS, used / TASKS)


def compare(
    name: str,
    call: str,
    costs: Costs,
    each: EmptyTask,
    path: Path,
    address: str,
    workers: list["subprocess.Popen[bytes]"],
) -> bool:
    """Print the processor seconds of two workers, predicted and measured; return whether they agree.

    What a worker needs for a small file, such as to connect, is subtracted.
    """
    large, small = (
        min(
            (measure([sys.executable, "-c", call, str(file), address], workers, pinned=False) for _ in range(3)),
            key=lambda figure: figure.worker,
        )
        for file in (path, SMALL)
    )
    gigabytes = path.stat().st_size / 1e9
    predicted, worker = (
        (gigabytes * costs.tasks + costs.count * each.worker) / len(workers),
        large.worker - small.worker,
    )
    print(
        f"{name}: {predicted:.2f} s predicted and {worker:.2f} s measured for the average of {len(workers)} "
        f"workers; {large.processor:.2f} s of the command; {large.seconds:.2f} s by the clock; "
        f"load {os.getloadavg()[0]:.1f}"
    )
    return bool(1 / TOLERANCE < predicted / worker < TOLERANCE)


def table(costs: Costs, *, record: float, each: EmptyTask, storage: float, link: float, compares: bool) -> None:
    """Print the minutes of each part for all sizes and numbers of workers."""
    parts = ("storage", "workers", "SHA-256", "shuffle", "merge")
    print(f"{'size':>7} {'workers':>7} " + " ".join(f"{part:>8}" for part in parts) + f" {'total':>8} {'upload':>8}")
    for size in SIZES:
        for count in WORKERS:
            tasks, shuffled = tasks_of(size, size / record, count, compares=compares)
            gigabytes = size / 1e9
            reads = 2 if compares else 3
            found = {
                "storage": reads * gigabytes / min(storage, link * count),
                "workers": (gigabytes * costs.tasks + tasks * each.worker) / count,
                "SHA-256": gigabytes * costs.hashing,
                "shuffle": shuffled * (each.serial + each.worker / count),
                "merge": gigabytes * costs.merge + tasks * each.serial,
            }
            # Reading, checking and hashing overlap; the comparison of keys follows them.
            total = max(found["storage"], found["workers"], found["SHA-256"], found["merge"]) + found["shuffle"]
            upload = size / record / 100_000 / 3
            cells = [*found.values(), total, upload]
            print(f"{gigabytes:5.0f}GB {count:7d} " + " ".join(f"{seconds / 60:8.1f}" for seconds in cells))
    print("minutes; upload: at 100,000 records a request and three requests a second")


def tasks_of(size: float, records: float, workers: int, *, compares: bool) -> tuple[float, float]:
    """Return the number of tasks for ranges, and of those that compare keys: one for each range and each part."""
    ranges = size / on_cluster.range_bytes(int(size), workers)
    if not compares:
        return ranges + size / cluster_plan.HASHED_BYTES, 0.0
    parts = on_cluster.key_parts(int(records), workers)
    return 3 * ranges, ranges * (parts + 1) + parts


if __name__ == "__main__":
    main()
