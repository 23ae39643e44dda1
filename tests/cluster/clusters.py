"""Dask clusters for tests: one inside this process, and one of processes that can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FREE_PORT = "127.0.0.1:0"
"""An address for the pages of a scheduler: with the default port, two test processes at a time fail."""


def wait_until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    """Wait until a condition is true; AssertionError if that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def threaded_cluster(workers: int) -> Iterator[str]:
    """Yield the address of a cluster with so many workers of one thread each, all of them threads of this process."""
    from distributed import LocalCluster

    start: Any = LocalCluster
    options = {"n_workers": workers, "threads_per_worker": 1, "processes": False, "dashboard_address": FREE_PORT}
    with start(protocol="tcp://", host="127.0.0.1", **options) as cluster:
        yield str(cluster.scheduler_address)


@dataclass
class ProcessCluster:
    """A scheduler and workers as processes; each worker has one thread."""

    folder: Path
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    address: str = ""

    def start_scheduler(self, **environment: str) -> None:
        """Start the scheduler and wait for its address."""
        known = self.folder / "scheduler.json"
        pages = ("--dashboard-address", FREE_PORT)
        self._start("scheduler", "--port", "0", *pages, "--scheduler-file", str(known), **environment)
        wait_until(lambda: known.exists() and known.read_text().rstrip().endswith("}"))
        self.address = str(json.loads(known.read_text())["address"])

    def wait_for_workers(self, count: int) -> None:
        """Wait until the scheduler knows so many workers."""
        from distributed import Client

        connect: Any = Client
        with connect(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=60)

    def start_worker(self) -> "subprocess.Popen[bytes]":
        """Start a worker; tasks wait for it."""
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny")

    def _start(self, *words: str, **environment: str) -> "subprocess.Popen[bytes]":
        return self.start([*words, "--host", "127.0.0.1", "--no-dashboard"], POLARS_MAX_THREADS="1", **environment)

    def start(self, words: list[str], **environment: str) -> "subprocess.Popen[bytes]":
        """Start `dask` with some words, in a session of its own."""
        log = (self.folder / f"{len(self.processes)}.log").open("wb")
        command, environment = [sys.executable, "-m", "dask", *words], {**os.environ, **environment}
        with log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def end(self) -> None:
        """End all processes, also those that they started."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def process_cluster(folder: Path, workers: int, **environment: str) -> Iterator[ProcessCluster]:
    """Yield a cluster of processes with a scheduler, which has some environment variables, and so many workers."""
    cluster = ProcessCluster(folder)
    try:
        cluster.start_scheduler(**environment)
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.end()
