"""Run an undo job: one request for each chunk, each written to the ledger before it leaves and after its response."""

from collections.abc import Callable
from typing import Any

from bulkops.errors import (
    AccessRefused,
    Interrupted,
    NotDelivered,
    OutcomeUnknown,
    ServerRefused,
    Unfinished,
)
from bulkops.ledger import events
from bulkops.ledger.events import (
    AlreadyGone,
    EvidenceRead,
    Payload,
    ProcessEnded,
    Refused,
    Rejected,
    Removed,
    RequestSent,
    Resendable,
    Stopped,
    Undecided,
)
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.transport.retries import ATTEMPTS, wait_seconds
from bulkops.undoing.lost_requests import seconds_until_lost
from bulkops.undoing.undo_context import UndoContext
from bulkops.undoing.work import Need, Removing, StillNeeded
from bulkops.upload.stop import Stop

MOST_UNKNOWN = 5
"""After this many unknown outcomes of one chunk, the run ends."""
FRESH_SECONDS = 600.0
"""Age of the last reading of the target after which a run reads it again."""
NOT_FOUND = 404


class UndoRunner:
    """Runs one undo job. The caller holds its lock. `read_at` is when the target was read, by the monotonic clock."""

    def __init__(
        self,
        context: UndoContext,
        job: JobEntry,
        removing: Removing,
        *,
        stop: Stop,
        observer: Callable[[ChunkEntry], None],
        read_at: float | None = None,
    ) -> None:
        self._context = context
        self._job = job
        self._removing = removing
        self._stop = stop
        self._observer = observer
        self._read_at = read_at

    def run(self) -> list[ChunkEntry]:
        """Send every pending chunk and settle those in doubt; return the chunks.

        Interrupted, Unfinished or AccessRefused if the run must stop early. The ledger then contains the progress.
        """
        for chunk in self._context.ledger.chunks(self._job.id):
            settled = self._settled(chunk)
            if settled.state is ChunkState.PENDING:
                self._remove(settled)
        return self._context.ledger.chunks(self._job.id)

    def _settled(self, chunk: ChunkEntry) -> ChunkEntry:
        """Return a chunk of an earlier run without a request in flight, settled if it was in doubt."""
        if chunk.state is ChunkState.SENDING:
            ended = ProcessEnded(reason="the process ended before the response was recorded")
            return self._settle(self._move(chunk, ChunkState.IN_DOUBT, ended))
        if chunk.state is ChunkState.REFUSED:
            return self._move(chunk, ChunkState.REJECTED, Rejected(message=chunk.message))
        return self._settle(chunk) if chunk.state is ChunkState.IN_DOUBT and not chunk.undecided else chunk

    def _move(self, chunk: ChunkEntry, state: ChunkState, event: Payload, **changes: Any) -> ChunkEntry:
        moved = self._context.ledger.move(self._job.id, chunk, state, event, **changes)
        self._observer(moved)
        return moved

    def _remove(self, chunk: ChunkEntry) -> None:
        """Send a chunk until its outcome is settled."""
        failures = unknown = 0
        while chunk.state is ChunkState.PENDING:
            if self._stop.requested:
                raise Interrupted("Interrupted.")
            self._read_if_old()
            checked = self._removing.check(self._job, chunk)
            if checked.need is not Need.SEND:
                self._leave(chunk, checked)
                return
            chunk, error = self._send(chunk)
            match error:
                case NotDelivered():
                    failures += 1
                case OutcomeUnknown():
                    unknown += 1
                    chunk = self._settle(chunk)
            if error is not None and chunk.state is ChunkState.PENDING:
                if failures >= ATTEMPTS or unknown >= MOST_UNKNOWN:
                    raise Unfinished(f"Chunk {chunk.number} could not be sent; the last response: {error.message}")
                clock, notifier = self._context.clock, self._context.client.notifier
                notifier.pause(wait_seconds(failures + unknown, error, clock=clock, notifier=notifier))

    def _read_if_old(self) -> None:
        now = self._context.clock.monotonic()
        if self._read_at is None or now - self._read_at > FRESH_SECONDS:
            self._removing.refresh(self._job)
            self._read_at = now

    def _leave(self, chunk: ChunkEntry, checked: StillNeeded) -> None:
        """Record why a chunk is not sent: its work is done already, or must not be done any more."""
        done = checked.need is Need.DONE
        event = EvidenceRead(note=checked.why) if done else AlreadyGone(message=checked.why)
        self._move(
            chunk, ChunkState.ACCEPTED if done else ChunkState.SKIPPED, event, message="" if done else checked.why
        )

    def _send(self, chunk: ChunkEntry) -> "tuple[ChunkEntry, NotDelivered | OutcomeUnknown | None]":
        """Make one attempt; return the chunk, and the error after which its outcome is not settled."""
        request, clock = self._removing.request(self._job, chunk), self._context.clock
        offset = self._context.client.server_offset
        sent = RequestSent(attempt=chunk.attempts + 1, clock_offset=None if offset is None else offset.total_seconds())
        first = chunk.first_sent or clock.now()
        chunk = self._move(chunk, ChunkState.SENDING, sent, attempts=chunk.attempts + 1, first_sent=first)
        try:
            status = self._context.client.change(
                request.method, request.path, request.ids, request.body, read_seconds=self._context.read_seconds
            )
        except NotDelivered as error:
            return self._move(chunk, ChunkState.PENDING, events.NotDelivered(message=error.message)), error
        except AccessRefused as error:
            return self._refused(chunk, error), None
        except ServerRefused as error:
            return self._rejected(chunk, error.message, error.status), None
        except OutcomeUnknown as error:
            event = events.OutcomeUnknown(message=error.message, status=error.status)
            return self._move(chunk, ChunkState.IN_DOUBT, event, message=error.message), error
        return self._move(chunk, ChunkState.ACCEPTED, Removed(status=status), message=""), None

    def _refused(self, chunk: ChunkEntry, error: AccessRefused) -> ChunkEntry:
        """Settle a chunk with a row that the server does not know; raise an error about the key or the address."""
        if error.status != NOT_FOUND or error.page:
            self._move(chunk, ChunkState.PENDING, Stopped(message=error.message))
            raise error
        if self._removing.resend_is_safe:
            gone = AlreadyGone(message=error.message)
            return self._move(chunk, ChunkState.ACCEPTED, gone, skipped=chunk.records, message="")
        return self._rejected(chunk, error.message, error.status)

    def _rejected(self, chunk: ChunkEntry, message: str, status: int) -> ChunkEntry:
        refused = self._move(chunk, ChunkState.REFUSED, Refused(status=status, message=message), message=message)
        return self._move(refused, ChunkState.REJECTED, Rejected(message=message))

    def _settle(self, chunk: ChunkEntry) -> ChunkEntry:
        """Return a chunk in doubt as pending if it may be sent again, as accepted if its work is found done."""
        if self._removing.resend_is_safe:
            self._read_at = None  # the target is read again before the request is repeated
            again = Resendable(reason="deleting a row again changes nothing")
            return self._move(chunk, ChunkState.PENDING, again)
        found = self._removing.check(self._job, chunk)
        if found.need is not Need.DONE:
            self._wait_for_work(chunk)
            found = self._removing.check(self._job, chunk)
        if not found.certain:
            undecided = self._context.ledger.mark(
                self._job.id, chunk, Undecided(note=found.why), undecided=True, message=found.why
            )
            self._observer(undecided)
            return undecided
        if found.need is Need.DONE:
            return self._move(chunk, ChunkState.ACCEPTED, EvidenceRead(note=found.why), message="")
        absent = Resendable(reason="two readings, separated by the settle time, show no trace of the request")
        return self._move(chunk, ChunkState.PENDING, absent, message="")

    def _wait_for_work(self, chunk: ChunkEntry) -> None:
        """Wait until the server can no longer do the work of a request without a response, at least the settle time."""
        seconds = max(self._context.options.settle, seconds_until_lost(self._context, self._job, chunk))
        text = f"Waiting {seconds:,.0f} s, then reading again: the response to request {chunk.number} is missing."
        self._context.client.notifier.wait(seconds, text)
