"""Which records of a file were sent before, by the digests that the ledger keeps of earlier jobs."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from bulkops.ledger.digests import kept_digests
from bulkops.ledger.entries import ChunkEntry, JobEntry
from bulkops.ledger.questions import Questions
from bulkops.ledger.states import ChunkState
from bulkops.validation.digests import Digests

Mask = npt.NDArray[np.bool_]

SENT = frozenset({ChunkState.ACCEPTED, ChunkState.RESENT, ChunkState.SENDING, ChunkState.IN_DOUBT, ChunkState.REFUSED})
"""The states of chunks whose records are at the target, or may be."""
BLOCK = 1 << 20
"""Digests of an earlier job that are compared at a time."""


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """An earlier job, how many records of the file it sent, and how many it sent in all."""

    job: JobEntry
    records: int
    sent: int


@dataclass(frozen=True, kw_only=True)
class SentBefore:
    """The records of a file that earlier jobs sent; `mask` marks them. Equal records are counted, not only found."""

    mask: Mask
    jobs: Sequence[Repeated]

    @property
    def records(self) -> int:
        """How many records were sent before."""
        return int(self.mask.sum())


def sent_before(
    ledger: Questions, jobs: Sequence[JobEntry], digests: Digests, *, running: Collection[str] = ()
) -> SentBefore | None:
    """Return which records of a file the given jobs sent before, None if they sent none of them.

    `digests` are those of the file. Of jobs that are `running`, records still to be sent count as well.
    """
    ordered = np.sort(digests[:, 0]) if len(jobs) else digests[:, 0]
    totals: dict[int, int] = {}
    found: list[pl.DataFrame] = []
    for place, job in enumerate(jobs):
        earlier = kept_digests(ledger, job)
        if earlier is None:
            continue
        states = SENT | {ChunkState.PENDING} if job.id in running else SENT
        counts = records_in(ledger, job, states)
        totals[place] = int(counts.sum())
        hits = np.concatenate([np.zeros((0, 2), np.uint64), *_hits(earlier, counts, ordered)])
        if len(hits):
            found.append(_frame(hits).with_columns(job=pl.lit(place)))
    if not found:
        return None
    return _compared(digests, pl.concat(found), jobs, totals)


def records_in(ledger: Questions, job: JobEntry, states: Collection[ChunkState]) -> Mask:
    """Return which records of a job are in chunks of these states."""
    found = np.zeros(job.records, np.bool_)
    parts = _runs(ledger, job)
    for chunk in ledger.chunks(job.id):
        if chunk.state in states:
            for first, count in parts.get(chunk.number) or _contiguous(chunk):
                found[first - 1 : first - 1 + count] = True
    return found


def _contiguous(chunk: ChunkEntry) -> list[tuple[int, int]]:
    return [(chunk.first_record, chunk.records)]


def _runs(ledger: Questions, job: JobEntry) -> dict[int, list[tuple[int, int]]]:
    """Return, for chunks whose records do not follow one another, their records as runs: first one and count."""
    found: dict[int, list[tuple[int, int]]] = {}
    for event in ledger.events(job.id):
        for number, runs in event.data.get("runs", {}).items():
            found[int(number)] = [(first, count) for first, count in runs]
    return found


def _hits(earlier: Digests, counts: Mask, ordered: npt.NDArray[np.uint64]) -> Iterator[Digests]:
    """Yield the digests of an earlier job whose first half is one of those in order."""
    for start in range(0, len(earlier), BLOCK):
        block = np.asarray(earlier[start : start + BLOCK])[counts[start : start + BLOCK]]
        places = np.searchsorted(ordered, block[:, 0])
        yield block[ordered.take(places, mode="clip") == block[:, 0]]


def _frame(digests: Digests) -> pl.DataFrame:
    return pl.DataFrame({"a": digests[:, 0], "b": digests[:, 1]})


def _compared(
    digests: Digests, hits: pl.DataFrame, jobs: Sequence[JobEntry], totals: dict[int, int]
) -> SentBefore | None:
    """Return the records that were sent before: of equal ones as many, from the first on, as were sent in all jobs.

    A record counts for the earliest job that sent it.
    """
    keys = ["a", "b"]
    rows = _frame(digests).with_row_index("row").join(hits.select(keys).unique(), on=keys, how="semi")
    sent = hits.group_by(*keys, "job").len("sent").sort("job")
    here = rows.group_by(keys).len("here")
    through = pl.col("sent").cum_sum().over(keys)
    shares = sent.join(here, on=keys).with_columns(
        share=pl.min_horizontal(through, "here") - pl.min_horizontal(through - pl.col("sent"), "here")
    )
    by_job = dict(shares.group_by("job").agg(pl.col("share").sum()).iter_rows())
    repeated = (
        rows.sort("row")
        .with_columns(rank=pl.int_range(pl.len()).over(keys))
        .join(sent.group_by(keys).agg(pl.col("sent").sum()), on=keys)
        .filter(pl.col("rank") < pl.col("sent"))
    )
    mask = np.zeros(len(digests), np.bool_)
    mask[repeated["row"].to_numpy()] = True
    if not mask.any():
        return None
    told = [Repeated(job=jobs[j], records=int(n), sent=totals[j]) for j, n in sorted(by_job.items()) if n]
    return SentBefore(mask=mask, jobs=told)
