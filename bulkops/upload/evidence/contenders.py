"""Find chunks of other jobs that may own an import found at the target: those with an open outcome.

The chunk that is settled first claims the import, and the ledger gives an import to one chunk only. If a request is
still in flight, bulkops waits for its response. Otherwise that response could find its import claimed, and its chunk
would have to be resent.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import polars as pl

from bulkops.errors import BulkopsError
from bulkops.ledger.events import EventKind
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.readback.parse.tables import read_frames
from bulkops.transport.notices import counting
from bulkops.upload.body import ChunkBody
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.timeouts import seconds_until_answered
from bulkops.upload.options import RunOptions

POLL_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A chunk of another job with the same contract and target.

    `answered_in`: seconds until the response to its request has arrived or the wait for it ends; 0 if no request is in
    flight.
    """

    job: JobEntry
    chunk: ChunkEntry
    answered_in: float

    @property
    def name(self) -> str:
        """The chunk's name in messages."""
        return f"chunk {self.chunk.number} of job {self.job.id}"

    @property
    def waits_for_import(self) -> bool:
        """Whether a later run of its job can still claim an import."""
        return not self.job.cancelled


def contenders_of(context: JobContext) -> list[Contender]:
    """Return the open chunks of other jobs with the same contract and target."""
    return _with_jobs(context, context.ledger.open_elsewhere(context.job))


def unanswered_of(context: JobContext) -> list[Contender]:
    """Return the chunks of other jobs with the same contract and target that had a request without a response."""
    return _with_jobs(context, context.ledger.unanswered_elsewhere(context.job))


def context_of(context: JobContext, contender: Contender) -> JobContext:
    """Return the context of a contender's job, with the options that determine its timeouts."""
    options = RunOptions.from_settings(contender.job.settings)
    return replace(context, job=contender.job, options=options)


def wait_for_answers(context: JobContext, contenders: list[Contender]) -> float:
    """Wait until no request of the contenders is in flight; return the seconds waited."""
    flying = [c for c in contenders if c.answered_in > 0]
    if not flying:
        return 0.0
    limit = max(c.answered_in for c in flying)
    text = f"Waiting up to {limit:,.0f} s for {flying[0].name}: an import found at the target may belong to it."
    context.client.notifier.announce_wait(limit, text)
    waited, names = 0.0, {_key(c) for c in flying}
    with counting(context.client.notifier.count, text) as show:
        while waited < limit and any(_key(c) in names for c in contenders_of(context) if c.answered_in > 0):
            show(limit - waited)
            pause = min(POLL_SECONDS, limit - waited)
            context.clock.sleep(pause)
            waited += pause
    return waited


def records_of(contender: Contender, canonical: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame | None:
    """Return the records of a contender in canonical form; None if its file cannot be read or has changed."""
    job, chunk = contender.job, contender.chunk
    try:
        body = b"".join(ChunkBody(job.file_path, job.header_end, chunk, header=job.sent_header))
        return canonical(pl.concat(list(read_frames([body], name=str(job.file_path))), how="vertical"))
    except BulkopsError:
        return None


def _with_jobs(context: JobContext, chunks: Iterable[tuple[str, ChunkEntry]]) -> list[Contender]:
    jobs: dict[str, JobEntry] = {}
    found = []
    for name, chunk in chunks:
        if name not in jobs:
            jobs[name] = context.ledger.job(name)
        found.append(Contender(job=jobs[name], chunk=chunk, answered_in=_answered_in(context, jobs[name], chunk)))
    return found


def _key(contender: Contender) -> tuple[str, int, int]:
    return contender.job.id, contender.chunk.number, contender.chunk.attempts


def _answered_in(context: JobContext, job: JobEntry, chunk: ChunkEntry) -> float:
    if chunk.state is not ChunkState.SENDING:
        return 0.0
    sent = context.ledger.events(job.id, chunk=chunk.number, kind=EventKind.SENT)
    if not sent:
        return 0.0
    options = RunOptions.from_settings(job.settings)
    return max(0.0, seconds_until_answered(replace(context, options=options), chunk, sent=sent[-1]))
