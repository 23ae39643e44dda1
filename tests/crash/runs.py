"""One run of a job in a process of its own that may kill itself at any write to the ledger.

A fork server imports everything once, so that a run costs a fork and not a start of Python.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import plan_file
from bulkops.clock import SystemClock
from bulkops.errors import BulkopsError
from bulkops.ledger.job_documents import EXIT_CODES, job_state
from bulkops.ledger.store import Ledger
from bulkops.settings import Secret, Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import NoLimiter
from bulkops.upload.options import RunOptions
from bulkops.upload.start import new_job, open_job, refuse_changed_file
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import Guards, begin, lock_job, run_job
from bulkops_validators import CONTRACTS


@dataclass(frozen=True, kw_only=True)
class Crash:
    """Where a run kills itself: at its nth write to the ledger, before it or right after its commit."""

    write: int
    committed: bool


@dataclass(frozen=True, kw_only=True)
class Run:
    """The work of one process: begin the job of its file if the ledger has none, else resume it.

    `ledger` is an address; `state` is the state folder, for ledgers in a database server.
    """

    contract: str
    file: Path
    base_url: str
    ids: Mapping[str, int]
    ledger: Path | str
    options: RunOptions
    max_rows: int
    crash: Crash | None = None
    key: str = "crash"
    clock_ahead: float = 0.0
    state: Path | None = None


class Ahead(SystemClock):
    """A clock that is some seconds ahead of the machine's."""

    def __init__(self, seconds: float) -> None:
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._ahead


def context() -> ForkServerContext:
    """Return the fork server, everything imported in it."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([__name__])
    return found


def start(run: Run) -> multiprocessing.process.BaseProcess:
    """Start a run; its exit code is bulkops' own, or minus the signal that ended it."""
    process = context().Process(target=work, args=(run,), daemon=True)
    process.start()
    return process


def work(run: Run) -> None:
    """Do a run in this process and end it."""
    if run.state is not None:
        os.environ["BULKOPS_STATE"] = str(run.state)
    if run.crash is not None:
        crash_at(run.crash)
    os._exit(_code(run))


def crash_at(crash: Crash) -> None:
    """Let this process kill itself at a write to the ledger."""
    writes = 0
    original = Ledger._writing

    @contextmanager
    def writing(self: Ledger) -> Iterator[Any]:
        nonlocal writes
        writes += 1
        if writes == crash.write and not crash.committed:
            os.kill(os.getpid(), signal.SIGKILL)
        with original(self) as connection:
            yield connection
        if writes == crash.write:
            os.kill(os.getpid(), signal.SIGKILL)

    Ledger._writing = writing  # type: ignore[method-assign]


def _code(run: Run) -> int:
    clock = Ahead(run.clock_ahead)
    target = Target(base_url=run.base_url, ids=run.ids, authorization=Secret(f"ManagementKey-v1 {run.key}"))
    ledger = Ledger.open(str(run.ledger), clock=clock)
    contract = CONTRACTS[run.contract]
    try:
        jobs = [job for job in ledger.jobs() if job.file_path == run.file]
        with ApiClient(target, clock=clock, limiter=NoLimiter()) as client:
            if jobs:
                job = jobs[0]
                refuse_changed_file(job, ledger)
            else:
                plan = plan_file(run.file, chunk_limits(contract, max_rows=run.max_rows))
                job = new_job(contract, plan, target, options={}, run=run.options, now=clock.now())
            with lock_job(job, ledger):
                opened = open_job(job, target, client=client, ledger=ledger, clock=clock)
                if not jobs:
                    begin(job, contract, plan, context=opened, guards=Guards(again=True), dry_run=False)
                run_job(opened, stop=Stop(), begun=not jobs)
    except BulkopsError as error:
        return error.exit_code
    return EXIT_CODES[job_state(job, ledger.chunks(job.id))]
