"""How much faster two workers of a cluster validate, map and reconcile than one process, with one thread each.

    python benchmarks/cluster.py                      # 4,000,000 coupons, 514 MB; and 80,000 coupons, 10 MB
    python benchmarks/cluster.py --records 1000000
    python benchmarks/cluster.py --only map
    python benchmarks/cluster.py --only reconcile     # 4,000,000 coupons with their export, 669 MB
    python benchmarks/cluster.py --folder DIR         # keep the files

Calls from Python are measured, with the libraries loaded and the client connected, and whole commands, which load dask
first. One process and each worker may use one processor only. Both sides run in turns and must find the same; the best
of several rounds counts. Where other programs use the same processors, compare the processor seconds: those of the
command and of the average worker together are the seconds of an idle machine if the work is spread evenly.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from map import make as make_legacy  # type: ignore[import-not-found,unused-ignore] # it lies beside this script
from map import recipe  # type: ignore[import-not-found,unused-ignore] # it lies beside this script
from ours import ROOT, environment  # type: ignore[import-not-found,unused-ignore] # it lies beside this script
from reconcile import make as make_pair  # type: ignore[import-not-found,unused-ignore] # it lies beside this script
from validate import make  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

WORK = ("validate", "map", "reconcile")
MAPPED = str(Path(tempfile.gettempdir()) / "bulkops-benchmark-mapped")
"""The folder of the mapped files, which each run removes first."""
TICKS = os.sysconf("SC_CLK_TCK")
Process = subprocess.Popen[bytes]
CALL = """
import hashlib, json, sys, time
import bulkops
from bulkops.validation.settings import ValidationSettings
path, address = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
client = None
if address:
    from distributed import Client
    client = Client(address)
settings = ValidationSettings(threads=1)
bulkops.validate("coupons", "sample_data/coupons.csv", settings=settings, cluster=client)
start, used = time.perf_counter(), time.process_time()
report = bulkops.validate("coupons", path, settings=settings, cluster=client)
seconds, processor = time.perf_counter() - start, time.process_time() - used
print(json.dumps({"seconds": seconds, "processor": processor, "found": report.to_json()}))
"""
CALL_MAP = """
import json, sys, tempfile, time
import bulkops
path, into, address = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None
client = None
if address:
    from distributed import Client
    client = Client(address)
with tempfile.TemporaryDirectory() as folder:
    bulkops.map_recipe("gift-cards", folder, cluster=client)
start, used = time.perf_counter(), time.process_time()
files = bulkops.map_recipe(path, into, cluster=client)
seconds, processor = time.perf_counter() - start, time.process_time() - used
print(json.dumps({"seconds": seconds, "processor": processor, "found": [file.to_json() for file in files]}))
"""
COMPARE = """
import json, sys, time
import duckdb
path, export, address = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None
client, connect = None, duckdb.connect
if address:
    from distributed import Client
    client = Client(address)
else:
    duckdb.connect = lambda config: connect(config={**config, "threads": 1})
import bulkops
bulkops.reconcile("coupons", path + ".few", saved=export + ".few", cluster=client)
start, used = time.perf_counter(), time.process_time()
found = bulkops.reconcile("coupons", path, saved=export, cluster=client)
seconds, processor = time.perf_counter() - start, time.process_time() - used
print(json.dumps({"seconds": seconds, "processor": processor, "found": found.to_json()}))
"""


@dataclass(frozen=True)
class Figure:
    """Seconds from start to end, processor seconds of the command and of the average worker, and the output."""

    seconds: float
    processor: float
    worker: float
    printed: bytes

    @property
    def both(self) -> float:
        """The processor seconds of the command and of the average worker."""
        return self.processor + self.worker


def main() -> None:
    parser = argparse.ArgumentParser(
        description=textwrap.dedent(__doc__ or ""), formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=4_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=WORK, action="append", help="measure this alone; several are possible")
    parser.add_argument("--folder", type=Path, help="where the files are kept; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with cluster(folder, given.workers) as (address, workers):
            for work in given.only or WORK:
                for records in (given.records, 80_000):
                    for name, one, other in pairs_of(work, folder, records, address):
                        compare(name, one, other, workers, rounds=given.runs)
            for worker in workers:
                print(f"worker {worker.pid}: at most {peak(worker):.0f} MB")


def pairs_of(work: str, folder: Path, records: int, address: str) -> list[tuple[str, list[str], list[str]]]:
    """Return each pair of the same work on one process and on a cluster, with its name."""
    if work == "reconcile":
        pair, call = reconciliation(folder, records)
        return [(f"reconcile: call, {megabytes(*pair)}", call, [*call, address])]
    path, call, command = validation(folder, records) if work == "validate" else mapping(folder, records)
    return [
        (f"{work}: call, {megabytes(path)}", call, [*call, address]),
        (f"{work}: command, {megabytes(path)}", command, [*command, "--cluster", address]),
    ]


def megabytes(*paths: Path) -> str:
    """Return the size of files together."""
    return f"{sum(path.stat().st_size for path in paths) / 1e6:.0f} MB"


def reconciliation(folder: Path, records: int) -> tuple[tuple[Path, Path], list[str]]:
    """Return coupons with their export, and a call from Python that compares them."""
    pair = make_pair(records, folder)
    for path in pair:
        with path.open("rb") as file:
            path.with_name(f"{path.name}.few").write_bytes(b"".join(islice(file, 50)))
    return pair, [sys.executable, "-c", COMPARE, *map(str, pair)]


def validation(folder: Path, records: int) -> tuple[Path, list[str], list[str]]:
    """Return a file of coupons, and a call from Python and a command that validate it."""
    path = make(folder, f"clean-{records}.csv", records)
    command = [sys.executable, "-m", "bulkops", "validate", "coupons", str(path), "--json"]
    return path, [sys.executable, "-c", CALL, str(path)], command


def mapping(folder: Path, records: int) -> tuple[Path, list[str], list[str]]:
    """Return a legacy file, and a call from Python and a command that map it to the folder `MAPPED`."""
    path = folder / f"legacy-{records}.csv"
    if not path.exists():
        make_legacy(path, records)
    steps = recipe(folder, path)
    command = [sys.executable, "-m", "bulkops", "map", str(steps), "--into", MAPPED, "--json"]
    return path, [sys.executable, "-c", CALL_MAP, str(steps), MAPPED], command


def compare(name: str, one: list[str], other: list[str], workers: list[Process], *, rounds: int) -> None:
    """Do the work on both sides in turns and print the figures."""
    pairs = [(measure(one, [], pinned=True), measure(other, workers, pinned=False)) for _ in range(rounds)]
    assert all(here.printed == there.printed for here, there in pairs)
    here, there = (min((pair[side] for pair in pairs), key=lambda figure: figure.seconds) for side in (0, 1))
    both = [min(pair[side].both for pair in pairs) for side in (0, 1)]
    print(f"{name}; load {os.getloadavg()[0]:.1f}")
    print(f"  one process: {here.seconds:6.2f} s; {here.processor:6.2f} s of its processor")
    average = f"{there.worker:.2f} s of the average worker"
    print(f"  {len(workers)} workers:   {there.seconds:6.2f} s; {there.processor:6.2f} s of the command, {average}")
    print(f"  ratio: {here.seconds / there.seconds:.2f} by the clock, {both[0] / both[1]:.2f} by processor seconds")


def measure(command: list[str], workers: list[Process], *, pinned: bool) -> Figure:
    """Run a command; a pinned one uses the first processor and one thread of polars only."""
    # A complete mapped file would be used again.
    shutil.rmtree(MAPPED, ignore_errors=True)
    before = [processor_seconds(worker) for worker in workers]
    pin = partial(os.sched_setaffinity, 0, {0}) if pinned else None
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        ours = environment(POLARS_MAX_THREADS="1")
        process = subprocess.Popen(command, stdout=out, env=ours, cwd=ROOT, preexec_fn=pin)  # noqa: PLW1509
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        out.seek(0)
        printed = out.read()
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{command} failed: {printed.decode()}")
    took = [processor_seconds(worker) - was for worker, was in zip(workers, before, strict=True)]
    average = sum(took) / len(took) if took else 0.0
    document = json.loads(printed)
    if "found" in document:
        found = json.dumps(document["found"]).encode()
        return Figure(document["seconds"], document["processor"], average, found)
    return Figure(seconds, usage.ru_utime + usage.ru_stime, average, printed)


def processor_seconds(process: Process) -> float:
    """Return the processor seconds that a running process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak(process: Process) -> float:
    """Return the most memory that a running process has used, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@contextmanager
def cluster(folder: Path, count: int) -> Iterator[tuple[str, list[Process]]]:
    """Yield the address and the workers of a new cluster; each worker has one thread and one processor."""
    known = folder / "scheduler.json"
    known.unlink(missing_ok=True)
    dask, processors = [sys.executable, "-m", "dask"], os.cpu_count() or 1
    options = ["--host", "127.0.0.1", "--no-dashboard"]
    ours = environment(POLARS_MAX_THREADS="1")
    started = [start([*dask, "scheduler", "--port", "0", "--scheduler-file", str(known), *options], ours)]
    try:
        while not known.exists():
            time.sleep(0.1)
        address = str(json.loads(known.read_text())["address"])
        for number in range(count):
            pin = partial(os.sched_setaffinity, 0, {number % processors})
            worker = [*dask, "worker", address, "--nthreads", "1", "--no-nanny", *options]
            started.append(start(worker, ours, pin))
        wait_for_workers(address, count)
        yield address, started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def start(command: list[str], ours: dict[str, str], pin: partial[None] | None = None) -> Process:
    """Start a process without output."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, env=ours, preexec_fn=pin)  # noqa: PLW1509


def wait_for_workers(address: str, count: int) -> None:
    """Wait until a scheduler knows so many workers."""
    script = f"import distributed; distributed.Client({address!r}).wait_for_workers({count})"
    subprocess.run([sys.executable, "-c", script], check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
