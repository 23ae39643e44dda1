"""Compute how long a response may take, and how long to wait before a missing row counts as absent."""

from datetime import timedelta

from bulkops.clock import Clock
from bulkops.ledger.events import Event, EventKind, OutcomeUnknown, ProcessEnded
from bulkops.ledger.models import ChunkEntry
from bulkops.upload.context import JobContext
from bulkops.upload.options import RunOptions
from bulkops_validators.model.contract import Contract

# The documentation states only one time limit (cards). A wait that ends before the server does would put a successful
# import in doubt, so the time grows with the chunk.
TIMEOUT_MARGIN = 15.0
RESPONSE_SECONDS = 120.0
SLOWEST_BYTES_PER_SECOND = 200_000


def read_seconds(contract: Contract, chunk: ChunkEntry, options: RunOptions) -> float:
    """Return how many seconds to wait for the response to a chunk, after the request has left."""
    limit = contract.timeout_seconds
    return limit + TIMEOUT_MARGIN if limit else working_seconds(contract, chunk, options)


def working_seconds(contract: Contract, chunk: ChunkEntry, options: RunOptions) -> float:
    """Return how many seconds the server may work on a request: the documented limit, else the wait for a response."""
    return contract.timeout_seconds or response_seconds(options) + transfer_seconds(chunk)


def response_seconds(options: RunOptions) -> float:
    """Return how many seconds to wait for the response to a request without a file."""
    return RESPONSE_SECONDS if options.response_timeout is None else options.response_timeout


def transfer_seconds(chunk: ChunkEntry) -> float:
    """Return how many seconds a slow connection needs for the bytes of a chunk."""
    return chunk.bytes / SLOWEST_BYTES_PER_SECOND


def seconds_until_settled(context: JobContext, chunk: ChunkEntry, *, counted: bool) -> float:
    """Return the seconds until missing rows prove that the last request with this chunk imported nothing.

    A refusal ends the server's work, so its rows need only the settle time to appear. Where rows have keys, a late
    import cannot be doubled by another one, so the settle time suffices after an error as well. Where rows are counted,
    the server may work on an unanswered request for as long as its response is waited for, and the rows then need the
    settle time. If the process ended before the outcome was written, that time starts when the request left.
    """
    settle = context.options.settle
    sent, outcome = _last_request(context, chunk)
    if outcome is None:
        return settle
    if outcome.kind == EventKind.REFUSED or not counted:
        return _left(context, outcome, settle)
    working = working_seconds(context.contract, chunk, context.options)
    match outcome.payload:
        case ProcessEnded() if sent is not None:
            return _left(context, sent, transfer_seconds(chunk) + working + settle)
        case OutcomeUnknown(waited=float(waited)):
            return _left(context, outcome, max(working - waited, settle) + settle)
        case _:
            return _left(context, outcome, max(working, settle) + settle)


def seconds_until_late_work_shows(context: JobContext, chunk: ChunkEntry) -> float:
    """Return the seconds until an import by an earlier request of a resent chunk would be visible.

    The earlier request counted as lost when the chunk left again. From then on it gets the longest time that a server
    may work, and twice the settle time until its rows appear.
    """
    sent, _ = _last_request(context, chunk)
    limit = working_seconds(context.contract, chunk, context.options) + 2 * context.options.settle
    return limit if sent is None else _left(context, sent, limit)


def seconds_until_answered(context: JobContext, chunk: ChunkEntry, *, sent: Event) -> float:
    """Return the maximum seconds until the response to a request in flight has arrived or the wait for it ends."""
    granted = transfer_seconds(chunk) + working_seconds(context.contract, chunk, context.options)
    return _left(context, sent, granted)


def _last_request(context: JobContext, chunk: ChunkEntry) -> tuple[Event | None, Event | None]:
    """Return when the chunk was last sent and the outcome; for a part that was not sent, those of its parent."""
    events = context.ledger.events(context.job.id, chunk=chunk.number)
    sent = [event for event in events if event.kind == EventKind.SENT]
    if not sent and chunk.parent is not None:
        (whole,) = [c for c in context.ledger.chunks(context.job.id) if c.number == chunk.parent]
        return _last_request(context, whole)
    outcomes = [event for event in events if event.kind in (EventKind.REFUSED, EventKind.IN_DOUBT)]
    return sent[-1] if sent else None, outcomes[-1] if outcomes else None


def _left(context: JobContext, event: Event, limit: float) -> float:
    """Return the remaining seconds of a time limit that started with an event of a job."""
    return remaining(event, limit, clock=context.clock, offset=context.client.server_offset)


def remaining(event: Event, limit: float, *, clock: Clock, offset: timedelta | None) -> float:
    """Return the remaining seconds of a time limit that started with an event; below 0 if it is over.

    `offset` is by how much the server's clock is ahead now. Both this machine's clock and the server's may have been
    set since. The clock by which less time has passed decides: waiting too long costs time, waiting too short can
    duplicate records.
    """
    passed = (clock.now() - event.at).total_seconds()
    if event.clock_offset is not None and offset is not None:
        passed = min(passed, passed + offset.total_seconds() - event.clock_offset)
    return min(limit, limit - passed)
