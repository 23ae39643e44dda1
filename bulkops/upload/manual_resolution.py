"""Record the decisions of a person: the outcome of a chunk in doubt, or the end of a job."""

from bulkops.errors import UsageError
from bulkops.ledger.events import Cancelled, ProcessEnded, Resolved
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import DOUBTFUL, ChunkState, chunk_word
from bulkops.ledger.store import Ledger


def resolve(ledger: Ledger, job: JobEntry, number: int, *, accepted: bool, reason: str) -> ChunkEntry:
    """Record that the records of a chunk in doubt are at the target, or that they are missing and are sent again.

    UsageError unless the chunk is in doubt and a reason is given. A chunk that may be at the target twice can only be
    accepted.
    """
    if not reason.strip():
        raise UsageError("A decision needs a reason: later readers of the ledger rely on it. Give --reason TEXT.")
    chunk = next((c for c in ledger.chunks(job.id) if c.number == number), None)
    if chunk is None:
        raise UsageError(f"Job {job.id} has no chunk {number}.")
    resolved = Resolved(decision="accepted" if accepted else "resend", reason=reason)
    if chunk.state is ChunkState.RESENT and accepted:
        return ledger.move(job.id, chunk, ChunkState.ACCEPTED, resolved, undecided=False, message="")
    if chunk.state is ChunkState.ACCEPTED and chunk.undecided and accepted:
        return ledger.mark(job.id, chunk, resolved, undecided=False, message="")
    if chunk.state is ChunkState.SENDING:
        chunk = ledger.move(job.id, chunk, ChunkState.IN_DOUBT, ProcessEnded(reason="process ended"))
    if chunk.state is not ChunkState.IN_DOUBT:
        raise UsageError(
            f"Chunk {number} is {chunk_word(chunk.state)}, not in doubt.",
            hint=f"`bulkops jobs show {job.id}` shows the chunks of the job.",
        )
    state = ChunkState.ACCEPTED if accepted else ChunkState.PENDING
    return ledger.move(job.id, chunk, state, resolved, undecided=False, message="")


def cancel(ledger: Ledger, job: JobEntry) -> JobEntry:
    """Record that no more records of a job are sent; UsageError if nothing is left to cancel."""
    refuse_nothing_to_cancel(ledger, job)
    return ledger.change_job(job, Cancelled(), cancelled=True)


def refuse_nothing_to_cancel(ledger: Ledger, job: JobEntry) -> None:
    """Raise UsageError if every chunk of a job is settled, or if the job is already cancelled."""
    open_states = DOUBTFUL | {ChunkState.PENDING}
    if job.cancelled or not any(chunk.state in open_states for chunk in ledger.chunks(job.id)):
        raise UsageError(f"Job {job.id} has nothing left to cancel.")
