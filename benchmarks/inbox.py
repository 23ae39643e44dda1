"""Measure the cost of a pass over an inbox beyond its requests; run `python benchmarks/inbox.py`, see --help.

files     a pass over many small files in one process: processor time per file, requests, and peak memory; the same
          uploads by httpx alone are subtracted
archive   processor time of a pass over one file, if the inbox has archived 100,000 files before: with the start of
          the program and of the embedded sandbox, the import, its reconciliation and the archiving; and the seconds
          from the start of the program until it takes the file

The sandbox is a process of its own without a rate limit; the rate limit of bulkops is off, because it only waits.
"""

import argparse
import json
import multiprocessing
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
from ours import environment  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

from bulkops.clock import SystemClock
from bulkops.configuration_tables import InboxTable
from bulkops.inbox.inboxes import Inbox
from bulkops.inbox.passes import PassResult, PassSettings, run_pass
from bulkops.ledger.digests import digests_path
from bulkops.ledger.paths import BOOK
from bulkops.ledger.rows import job_values
from bulkops.ledger.store import Ledger, opened_ledger
from bulkops.pipeline.observer import Silent
from bulkops.sandbox.serve import SandboxServer
from bulkops.settings import Secret, Target
from bulkops.transport.limiter import NoLimiter
from bulkops.upload import workflow
from bulkops.upload.options import RunOptions
from bulkops.upload.stop import Stop

RECORDS = 5
WARM = 20
"""Files of a first pass, which loads the libraries."""
KEY = "benchmark-key"
DAYS = 365


def serve(parent: Connection) -> None:
    """Serve a sandbox, and respond to each message with the number of requests so far."""
    with SandboxServer(rate_limit=0) as server:
        parent.send(server.base_url)
        while parent.recv():
            parent.send(len(server.requests))


@contextmanager
def sandbox() -> Iterator[tuple[str, Connection]]:
    """Yield the address of a sandbox in another process, and a connection that counts its requests."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    yield ours.recv(), ours
    ours.send(None)
    process.join()


def counted(connection: Connection) -> int:
    """Return the number of requests that the sandbox has received."""
    connection.send("count")
    return int(connection.recv())


def text_of(name: str, more: str = "") -> str:
    """Return a small file of points with rows of its own, and with more rows."""
    return "customerprofileid,amount\n" + "".join(f"{name}-{n},{n + 1}\n" for n in range(RECORDS)) + more


def fill(folder: Path, name: str, files: int, *, alike: bool = False) -> None:
    """Drop files; `alike` ones all have one equal row."""
    (folder / "in").mkdir(exist_ok=True)
    more = "everyone,1\n" if alike else ""
    for number in range(files):
        (folder / "in" / f"points-{name}-{number:06}.csv").write_text(text_of(f"{name}-{number}", more))


def inbox_of(folder: Path, *, reconcile: bool) -> Inbox:
    """Return an inbox for points."""
    entry = {
        "match": "points-*.csv", "contract": "loyalty-points", "ids": {"program": 1}, "reconcile": reconcile,
    }  # fmt: skip
    table = {"folder": "in", "target": "test", "quiet": "0s", "order": "name", "files": [entry]}
    return Inbox(name="partner", table=InboxTable.model_validate(table), root=folder)


def run(folder: Path, url: str, *, reconcile: bool) -> PassResult:
    """Run one pass in this process."""
    settings = PassSettings(
        clock=SystemClock(),
        run=RunOptions(settle=0.1),
        observe=lambda _: Silent(),
        notify=lambda _: None,
        stop=Stop(),
    )
    target = Target(base_url=url, ids={}, authorization=Secret(f"ManagementKey-v1 {KEY}"))
    with opened_ledger(str(folder / "state" / "ledger.db")) as ledger:
        return run_pass(inbox_of(folder, reconcile=reconcile), ledger, target, settings)


def bare(url: str, files: int) -> float:
    """Return the milliseconds of processor time per upload by httpx alone."""
    bodies = [text_of(f"bare-{number}") for number in range(files)]
    began = time.process_time()
    with httpx.Client(base_url=url, headers={"Authorization": f"ManagementKey-v1 {KEY}"}, trust_env=False) as client:
        for body in bodies:
            sent = client.post("/v1/loyalty_programs/1/import_points", files={"upFile": ("points.csv", body)})
            sent.raise_for_status()
    return (time.process_time() - began) / files * 1000


def measure_files(files: int, *, reconcile: bool, alike: bool) -> None:
    """Print the cost of a pass over small files."""
    setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())  # noqa: B010 - it would only wait
    with tempfile.TemporaryDirectory() as made, sandbox() as (url, requests):
        folder = Path(made)
        fill(folder, "warm", WARM)
        run(folder, url, reconcile=reconcile)
        fill(folder, "file", files, alike=alike)
        before, began, used = counted(requests), time.perf_counter(), time.process_time()
        result = run(folder, url, reconcile=reconcile)
        used, took = time.process_time() - used, time.perf_counter() - began
        sent = counted(requests) - before
        assert result.figures["files"] == {"imported": files}, result.figures
        alone = bare(url, min(files, 1000))
        own = used / files * 1000 - alone
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        shared = " and an equal one" if alike else ""
        print(f"{files:,} files of {RECORDS} records{shared}, {'with' if reconcile else 'without'} reconciliation:")
        print(f"  {used / files * 1000:.1f} ms of processor time per file; the upload alone takes {alone:.1f} ms")
        print(f"  {own:.1f} ms of our own work per file (goal: 15)")
        print(f"  {sent / files:.2f} requests and {took / files * 1000:.1f} ms per file; peak memory {memory:,} MB")


def measure_archive(files: int) -> None:
    """Print the processor time of a pass over one file, in a process of its own, after many files were archived."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_config(folder)
        variables = {"BULKOPS_STATE": str(folder / "state"), "BULKOPS_MANAGEMENT_KEY": KEY}
        first, _ = timed_pass(folder, "first", variables)
        with opened_ledger(str(folder / "state" / "ledger.db")) as ledger:
            repeat_history(ledger, inbox_of(folder, reconcile=True), files)
        for number in range(files):
            path = folder / "archive" / f"day-{number % DAYS}" / f"{number}"
            path.mkdir(parents=True)
            (path / f"points-{number}.csv").touch()
        second, taken = timed_pass(folder, "second", variables)
        look, _ = timed_pass(folder, None, variables)
        print(
            f"a pass over one file: {first:.2f} s, and {second:.2f} s after {files:,} archived files with their jobs;"
        )
        print(f"  it takes the file after {taken:.2f} s on the clock (goal: 2); a look: {look:.2f} s")


def write_config(folder: Path) -> None:
    """Write a configuration with an inbox for the embedded sandbox."""
    (folder / "in").mkdir()
    (folder / "bulkops.toml").write_text(
        '[inbox.partner]\nfolder = "in"\ntarget = "sandbox"\nquiet = "0s"\n'
        '[[inbox.partner.files]]\nmatch = "points-*.csv"\ncontract = "loyalty-points"\nids = {program = 1}\n'
    )


def timed_pass(folder: Path, name: str | None, variables: dict[str, str]) -> tuple[float, float]:
    """Return the seconds of processor time of a pass over a new file, or of a look at the inbox without a name.

    The second number is the seconds from the start until the pass takes the file.
    """
    words = ["inbox", "--json"] if name else ["inbox", "status", "--json"]
    if name:
        (folder / "in" / f"points-{name}.csv").write_text(text_of(name))
    began, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    done = subprocess.run(
        [sys.executable, "-m", "bulkops", *words], cwd=folder, env=environment(**variables), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert not name or found["files"][-1]["state"] == "imported", found
    taken = 0.0
    if name:
        facts = json.loads(Path(found["files"][-1]["archived_to"]).with_name("drop.json").read_text())
        taken = datetime.fromisoformat(facts["taken"]).timestamp() - clock
    return used.ru_utime + used.ru_stime - began.ru_utime - began.ru_stime, taken


def repeat_history(ledger: Ledger, inbox: Inbox, files: int) -> None:
    """Write the rows of the only archived file and of its job again and again, as other files and jobs."""
    (job,) = ledger.jobs()
    digests = digests_path(ledger, job.id)
    copies = [replace(job, id=f"{job.id}-{number}", file_sha256=f"{number:064x}") for number in range(files)]
    with closing(sqlite3.connect(ledger.address)) as database, database:
        values = [job_values(copy) for copy in copies]
        names = ", ".join(values[0])
        marks = ", ".join(f":{name}" for name in values[0])
        database.executemany(f"INSERT INTO jobs ({names}) VALUES ({marks})", values)
        for table in ("chunks", "events"):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            kept = ", ".join(name for name in columns if name not in ("id", "job"))
            database.execute(
                f"INSERT INTO {table} (job, {kept}) SELECT j.id, {', '.join(f't.{name}' for name in kept.split(', '))} "
                f"FROM jobs j, {table} t WHERE t.job = ? AND j.id <> ?",
                (job.id, job.id),
            )
    for copy in copies:
        digests_path(ledger, copy.id).write_bytes(digests.read_bytes())
    with closing(sqlite3.connect(inbox.book_folder(ledger) / BOOK)) as database, database:
        database.executemany(
            "INSERT INTO drops SELECT ?, ?, pattern, step, modified, taken, sha256, state, records, data FROM drops "
            "WHERE rowid = 1",
            [(f"{number:020x}", f"points-{number}.csv") for number in range(files)],
        )


def main() -> None:
    """Run the chosen measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["files", "archive"], help="files, archive; default: both")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--archived", type=int, default=100_000)
    parser.add_argument("--reconcile", action="store_true", help="prove the rows of each file")
    parser.add_argument("--alike", action="store_true", help="let all files have one equal record")
    chosen = parser.parse_args()
    if "files" in chosen.what:
        measure_files(chosen.files, reconcile=chosen.reconcile, alike=chosen.alike)
    if "archive" in chosen.what:
        measure_archive(chosen.archived)


if __name__ == "__main__":
    main()
