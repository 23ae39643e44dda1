"""An undo in a process of its own that may kill itself at any write to the ledger."""

import multiprocessing
import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

from bulkops.clock import SystemClock
from bulkops.errors import BulkopsError
from bulkops.ledger.store import Ledger
from bulkops.pipeline.resuming import resume_job, undo_job
from bulkops.settings import Secret, Target
from bulkops.upload.options import RunOptions
from tests.crash.runs import Crash, crash_at

OPTIONS = RunOptions(settle=0.0, response_timeout=0.5)


@dataclass(frozen=True, kw_only=True)
class UndoRun:
    """The work of one process: undo the job, or resume its undo if the ledger has one."""

    base_url: str
    ids: Mapping[str, int]
    ledger: Path
    job: str
    crash: Crash | None = None
    key: str = "crash"


def context() -> ForkServerContext:
    """Return the fork server, everything imported in it."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([__name__])
    return found


def ended(run: UndoRun) -> int:
    """Do a run in a process of its own and return its exit code, or minus the signal that ended it."""
    process = context().Process(target=work, args=(run,), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def work(run: UndoRun) -> None:
    """Do a run in this process and end it."""
    clock = SystemClock()
    target = Target(base_url=run.base_url, ids=run.ids, authorization=Secret(f"ManagementKey-v1 {run.key}"))
    ledger = Ledger.open(str(run.ledger), clock=clock)
    if run.crash is not None:
        crash_at(run.crash)
    undos = [job for job in ledger.jobs() if job.undoes]
    try:
        if undos:
            outcome = resume_job(undos[0], ledger, lambda: nullcontext(target), clock=clock)
        else:
            outcome = undo_job(ledger.job(run.job), ledger, lambda: nullcontext(target), clock=clock, run=OPTIONS)
    except BulkopsError as error:
        os._exit(error.exit_code)
    os._exit(outcome.exit_code)
