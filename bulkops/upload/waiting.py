"""How long it takes until what a reading does not show is not there, and will not come."""

from bulkops.ledger.entries import ChunkEntry, Event
from bulkops.upload.context import JobContext
from bulkops.upload.patience import working_seconds

KILLED_SETTLES = 2.0


def seconds_until_settled(context: JobContext, chunk: ChunkEntry, *, counted: bool) -> float:
    """Return how many more seconds it takes until a chunk's last request can be judged by what is not there.

    A refusal is the end of the server's work, so its rows need only the settle time to be shown. After an error the
    server may go on for the settle time, and where rows are counted, and a row that comes late is there twice, its rows
    may take as long again to be shown. A request whose process ended before the answer is as if we had waited for the
    answer, though never longer than `KILLED_SETTLES` times what the caller chose to wait for evidence.
    """
    settle = context.options.settle
    sent, outcome = _last_request(context, chunk)
    if outcome is None:
        return settle
    if outcome.kind == "refused" or not counted:
        return _left(context, outcome, settle)
    if sent is not None and "message" not in outcome.data:
        working = min(working_seconds(context.contract, chunk), KILLED_SETTLES * settle)
        return _left(context, sent, working + settle)
    return _left(context, outcome, 2 * settle)


def _last_request(context: JobContext, chunk: ChunkEntry) -> tuple[Event | None, Event | None]:
    """Return when the chunk was last sent and what came of it; of a part that was not sent, what its whole says."""
    events = context.ledger.events(context.job.id, chunk=chunk.number)
    sent = [event for event in events if event.kind == "sent"]
    if not sent and chunk.parent is not None:
        (whole,) = [c for c in context.ledger.chunks(context.job.id) if c.number == chunk.parent]
        return _last_request(context, whole)
    outcomes = [event for event in events if event.kind in ("refused", "in doubt")]
    return sent[-1] if sent else None, outcomes[-1] if outcomes else None


def _left(context: JobContext, event: Event, limit: float) -> float:
    """Return what is left of a time since an event. If our clock was set meanwhile, the server's tells how much."""
    passed = (context.clock.now() - event.at).total_seconds()
    then, now = event.data.get("clock_offset"), context.client.server_offset
    if then is not None and now is not None:
        passed += now.total_seconds() - then
    return min(limit, limit - passed)
