"""The end of a sequence of runs, faults and kills: compare the content of the server with the ledger."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from bulkops.clock import SystemClock
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from tests.crash.runs import Crash, Run, start
from tests.crash.truth import Rows, rows_of

DONE, REFUSED, UNFINISHED, IN_DOUBT, KILLED = 0, 1, 3, 4, -9


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a job: the last exit code, the rows of the server (`held`), and the records by state."""

    code: int
    held: Rows
    accepted: Rows
    rejected: Rows
    doubtful: Rows
    chunks: list[ChunkEntry]


def one_run(run: Run, chance: random.Random, *, crash: bool) -> int:
    """Run once; the process is killed at a write to the ledger, at a random time, or not at all."""
    way = chance.choice(("write", "write", "moment", "not")) if crash else "not"
    if way == "write":
        run = replace(run, crash=Crash(write=chance.randrange(1, 14), committed=chance.random() < 0.5))
    process = start(run)
    process.join(0.25 + chance.random() * 0.6 if way == "moment" else 120)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def outcome(file: Path, path: Path, code: int, held: Rows) -> Outcome:
    ledger = Ledger.open(str(path), clock=SystemClock())
    try:
        (job,) = ledger.jobs()
        chunks = ledger.chunks(job.id)
    finally:
        ledger.close()
    return Outcome(
        code=code,
        held=held,
        accepted=rows_of_chunks(file, chunks, ChunkState.ACCEPTED, ChunkState.SKIPPED),
        rejected=rows_of_chunks(file, chunks, ChunkState.REJECTED),
        doubtful=rows_of_chunks(file, chunks, ChunkState.IN_DOUBT),
        chunks=chunks,
    )


def check(ended: Outcome, file: Path) -> None:
    """Compare the server with the file: accepted records were imported once, and rejected records were not."""
    everything = Counter(rows_of(file))
    assert ended.accepted + ended.rejected + ended.doubtful == everything
    assert ended.accepted <= ended.held, "records were lost"
    assert ended.held <= ended.accepted + ended.doubtful, (
        "the server has records that were not accepted, or has them twice"
    )
    assert (ended.code == IN_DOUBT) == bool(ended.doubtful)
    assert ended.code in (DONE, REFUSED, IN_DOUBT)


def rows_of_chunks(path: Path, chunks: list[ChunkEntry], *states: ChunkState) -> Rows:
    """Count the records of the chunks in some states, by their bytes and not by their numbers."""
    data = path.read_bytes()
    places = {}
    offset = data.index(b"\n") + 1
    for row, raw in zip(rows_of(path), raw_records(data[offset:]), strict=True):
        places[offset] = row
        offset += len(raw)
    chosen = [chunk for chunk in chunks if chunk.state in states]
    return Counter(
        row for chunk in chosen for first, end in chunk.pieces for place, row in places.items() if first <= place < end
    )


def raw_records(body: bytes) -> list[bytes]:
    records, held = [], b""
    for line in body.splitlines(keepends=True):
        held += line
        if held.count(b'"') % 2 == 0:
            records.append(held)
            held = b""
    return records
