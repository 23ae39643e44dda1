"""Compute how long the server may still do the work of a request of an undo that has no response."""

from bulkops.ledger.events import EventKind
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import DOUBTFUL
from bulkops.undoing.undo_context import UndoContext
from bulkops.upload.evidence.timeouts import remaining, response_seconds
from bulkops.upload.options import RunOptions


def seconds_until_lost(context: UndoContext, job: JobEntry, chunk: ChunkEntry) -> float:
    """Return the seconds until the last request of a chunk can no longer take effect; 0 or less if that time is over.

    `job` is the undo with the chunk. The server may work as long as that undo waits for a response; the result then
    needs the settle time to appear.
    """
    sent = context.ledger.events(job.id, chunk=chunk.number, kind=EventKind.SENT)
    if not sent:
        return 0.0
    options = RunOptions.from_settings(job.settings)
    limit = response_seconds(options) + options.settle
    return remaining(sent[-1], limit, clock=context.clock, offset=context.client.server_offset)


def wait_for_cancelled_undos(context: UndoContext) -> None:
    """Wait until the requests without a response of cancelled undos of the same job can no longer take effect."""
    ledger = context.ledger
    seconds = max(
        (
            seconds_until_lost(context, undo, chunk)
            for undo in ledger.undos_of(context.earlier.id)
            for chunk in ledger.chunks(undo.id)
            if chunk.state in DOUBTFUL
        ),
        default=0.0,
    )
    if seconds > 0:
        text = (
            f"Waiting {seconds:,.0f} s: the last request of a cancelled undo has no response and may still take effect."
        )
        context.client.notifier.wait(seconds, text)
