"""Run a job to its end: send pending chunks and settle those in doubt until no chunk changes any more."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace

from bulkops.errors import (
    AccessRefused,
    BulkopsError,
    Interrupted,
    NotDelivered,
    OutcomeUnknown,
    ServerRefused,
    Unfinished,
)
from bulkops.ledger.events import CutSmaller, ProcessEnded
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.transport.retries import ATTEMPTS, wait_seconds
from bulkops.upload.chunk_queue import ChunkQueue
from bulkops.upload.context import ChunkObserver, JobContext
from bulkops.upload.error_budget import ErrorBudget
from bulkops.upload.evidence.amounts import AmountSettler
from bulkops.upload.evidence.duplicates import find_duplicates
from bulkops.upload.evidence.settle import Settler
from bulkops.upload.evidence.unrecorded_imports import settle_unrecorded_imports
from bulkops.upload.refusals.isolate import Refusals
from bulkops.upload.refusals.rejects import write_rejected
from bulkops.upload.replace.target_check import replacement_of
from bulkops.upload.request_size import RequestSize
from bulkops.upload.sender import Sender, SendResult
from bulkops.upload.stop import Stop

UNKNOWN_IN_A_ROW = 3  # after this many unknown outcomes in a row, settle them before more is sent
MAX_UNKNOWN = 12
SMALLEST_CUT = 500
BLOCKED_IN_A_ROW = 6  # after this many HTML pages in a row, a firewall or proxy lets no import through


class Runner:
    """Runs one job. The caller holds its locks."""

    def __init__(
        self, context: JobContext, *, stop: Stop, observer: ChunkObserver | None = None, begun: bool = False
    ) -> None:
        self._context = context
        self._stop = stop
        self._refusals = Refusals(context)
        self._sender = Sender(context, self._refusals)
        self._settler = Settler(context, self._refusals)
        self._amounts = AmountSettler(context)
        self._replacement = replacement_of(context)
        self._queue = ChunkQueue(context, observer)
        self._budget = ErrorBudget(context, self._queue, self._refusals)
        self._sizes = RequestSize(context)
        self._begun = self._compared = begun
        self._failures: dict[int, int] = {}
        self._unknown = 0
        self._unknown_of: Counter[int] = Counter()
        self._blocked = 0

    def run(self) -> list[ChunkEntry]:
        """Run the job as far as possible and return its chunks.

        Raises Interrupted, Unfinished, AccessRefused, GuardRefused or DataError (too many rejected records) if it must
        stop early. The ledger then contains the progress.
        """
        try:
            self._queue.load()
            if not self._begun:
                found = settle_unrecorded_imports(self._context, self._queue.all())
                self._queue.keep(found)
                self._queue.keep_undecided(found)
            self._doubt_interrupted_chunks()
            self._queue.load()
            self._run_rounds()
        except BulkopsError:
            with suppress(BulkopsError):  # report the first error, not an error of writing the rejected records
                self._write_rejected()
            raise
        self._write_rejected()
        return self._queue.all()

    def _write_rejected(self) -> None:
        """Write the rejected records, unless the ledger's folder was moved away: writing would create it again."""
        self._context.ledger.check()
        write_rejected(self._context, self._queue.all())

    def _run_rounds(self) -> None:
        """Send pending chunks and settle unsettled ones in turns until neither are left."""
        while True:
            self._send_pending()
            if unsettled := self._queue.unsettled():
                self._queue.keep_undecided(self._settle(unsettled))
                self._queue.load()
            self._budget.stop_at_max_errors()
            self._budget.stop_at_one_reason()
            if not self._queue.pending and not self._queue.in_state(ChunkState.REFUSED):
                break
            self._stop_at_max_unknown()
        find_duplicates(self._context, self._queue.all())
        self._queue.load()

    def _settle(self, unsettled: Sequence[ChunkEntry]) -> list[ChunkEntry]:
        """Settle chunks with an unexpected amount by the rows at the target, and the others as their mode requires."""
        by_amount = [chunk for chunk in unsettled if self._amounts.settles(chunk)]
        others = [chunk for chunk in unsettled if not self._amounts.settles(chunk)]
        settled = self._amounts.settle(by_amount) if by_amount else []
        return settled + (self._settler.settle(others) if others else [])

    def _doubt_interrupted_chunks(self) -> None:
        """Record each chunk as in doubt if its request was in flight when its process ended."""
        job = self._context.job.id
        ended = ProcessEnded(reason="the process ended before the response was recorded")
        for chunk in self._queue.in_state(ChunkState.SENDING):
            self._queue.keep([self._context.ledger.move(job, chunk, ChunkState.IN_DOUBT, ended)])

    def _send_pending(self) -> None:
        """Send until no chunk is pending, or until too many outcomes in a row are unknown."""
        self._unknown = 0
        if self._context.options.concurrency > 1 and self._context.contract.mode.splittable:
            self._send_in_parallel()
            return
        while (chunk := self._next()) is not None:
            chunk = self._compared_with_target(chunk)
            if chunk.state is ChunkState.PENDING:
                self._follow_up(self._sender.send(chunk))
            else:
                self._queue.keep([chunk])

    def _compared_with_target(self, chunk: ChunkEntry) -> ChunkEntry:
        """Compare a replacing chunk with its target, unless `begin` has just done so; GuardRefused as in `begin`."""
        compared, self._compared = self._compared, False
        return chunk if compared or self._replacement is None else self._replacement.ready(chunk)

    def _next(self) -> ChunkEntry | None:
        """Return the next chunk to send; None if the queue is empty or open outcomes must be settled first."""
        if not self._queue.pending:
            return None
        if self._stop.requested:
            raise Interrupted("Interrupted.")
        if self._unknown >= UNKNOWN_IN_A_ROW or self._budget.one_reason() is not None:
            return None
        if not self._queue.next_isolates and self._budget.stops_new_chunks():
            return None
        return self._small_enough(self._queue.pop())

    def _send_in_parallel(self) -> None:
        """Send up to `concurrency` chunks at a time; follow up every chunk that was started, even after an error."""
        in_flight: set[Future[SendResult]] = set()
        with ThreadPoolExecutor(self._context.options.concurrency) as pool:
            try:
                while True:
                    while len(in_flight) < self._context.options.concurrency and (chunk := self._next()) is not None:
                        in_flight.add(pool.submit(self._sender.send, chunk))
                    if not in_flight:
                        return
                    done, in_flight = wait(in_flight, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._follow_up(future.result())
            finally:
                self._queue.keep(future.result().chunk for future in in_flight if future.exception() is None)

    def _follow_up(self, sent: SendResult) -> None:
        """Store a chunk after its attempt, and prepare the next attempt as its error requires."""
        if isinstance(sent.error, AccessRefused):
            self._halve_blocked(sent.chunk, sent.error)
            return
        self._queue.keep([sent.chunk])
        match sent.error:
            case None:
                self._unknown = self._blocked = 0
                self._failures.pop(sent.chunk.number, None)
            case NotDelivered():
                self._wait_or_give_up(sent)
            case ServerRefused() if sent.chunk.state is ChunkState.PENDING:
                self._sizes.lower_most_bytes(sent.chunk)
            case OutcomeUnknown() as error:
                self._follow_up_unknown(sent, error)

    def _follow_up_unknown(self, sent: SendResult, error: OutcomeUnknown) -> None:
        """Count an unknown outcome; return the chunk to pending if resending it leads to the same end state."""
        self._unknown += 1
        self._unknown_of[sent.chunk.number] += 1
        if not self._context.contract.mode.resend_is_safe:
            self._failures.pop(sent.chunk.number, None)  # the request was delivered, so the backoff starts again
        if error.timed_out and self._context.contract.timeout_seconds:
            self._sizes.most_records = max(SMALLEST_CUT, sent.chunk.records // 2)
        if self._context.contract.mode.resend_is_safe:
            self._unknown = 0
            self._queue.keep(self._settler.settle([sent.chunk]))
            self._wait_or_give_up(sent)

    def _halve_blocked(self, chunk: ChunkEntry, error: AccessRefused) -> None:
        """Halve a chunk after a firewall blocked its content; AccessRefused after too many in a row."""
        self._blocked += 1
        if self._blocked >= BLOCKED_IN_A_ROW:
            self._queue.keep([chunk])
            raise AccessRefused(
                f"{error.message.removesuffix('.')}. {self._blocked} requests in a row ended like this.",
                status=error.status,
                hint="Ask the operators of the firewall or proxy in front of the API to let imports through.",
                page=True,
            )
        if chunk.state is not ChunkState.PENDING:
            self._queue.keep([chunk])
            return
        halves = self._refusals.halve(chunk)
        self._queue.isolating |= {half.number for half in halves}
        self._queue.keep([replace(chunk, state=ChunkState.DIVIDED), *halves])

    def _wait_or_give_up(self, sent: SendResult) -> None:
        """Wait before the next attempt; Unfinished after the last one."""
        failures = self._failures[sent.chunk.number] = self._failures.get(sent.chunk.number, 0) + 1
        if failures >= ATTEMPTS and sent.error is not None:
            raise Unfinished(
                f"Chunk {sent.chunk.number} could not be sent in {failures} attempts; the last: {sent.error.message}"
            )
        clock, notifier = self._context.clock, self._context.client.notifier
        notifier.pause(wait_seconds(failures, sent.error, clock=clock, notifier=notifier))

    def _small_enough(self, chunk: ChunkEntry) -> ChunkEntry:
        """Return the chunk; if it is too large, divide it and return its first part."""
        if (divided := self._sizes.divided(chunk)) is None:
            return chunk
        pieces, reason = divided
        parts = self._context.ledger.divide(self._context.job.id, chunk, pieces, CutSmaller(reason=reason))
        self._queue.keep([replace(chunk, state=ChunkState.DIVIDED), *parts[1:]])
        self._queue.keep_unqueued(parts[0])
        return parts[0]

    def _stop_at_max_unknown(self) -> None:
        """Raise Unfinished if the outcome of a chunk was unknown too often; undelivered requests do not count.

        A part inherits the count of its parent. Otherwise dividing a chunk would reset the count.
        """
        for number in self._queue.pending:
            unknown = self._unknown_of[number]
            parent = self._queue[number].parent
            while parent is not None:
                unknown += self._unknown_of[parent]
                parent = self._queue[parent].parent
            if unknown >= MAX_UNKNOWN:
                raise Unfinished(f"The outcome of chunk {number} was unknown {unknown} times.")
