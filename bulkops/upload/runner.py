"""Running a job to its end: send what is pending, settle what is in doubt, until nothing moves any more."""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace

from bulkops.errors import (
    AccessRefused,
    BulkopsError,
    DataError,
    Interrupted,
    NotDelivered,
    OutcomeUnknown,
    ServerRefused,
    Unfinished,
)
from bulkops.ledger.events import CutSmaller, EventKind, OneReason, ProcessEnded, TooLarge
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.refusal_reasons import one_reason, refused_throughout
from bulkops.ledger.states import IMPORTED, UNSETTLED, ChunkState
from bulkops.transport.retries import ATTEMPTS, wait_seconds
from bulkops.upload.context import ChunkObserver, JobContext
from bulkops.upload.evidence.amounts import AmountSettler
from bulkops.upload.evidence.duplicates import find_duplicates
from bulkops.upload.evidence.settle import Settler
from bulkops.upload.evidence.unrecorded_imports import settle_unrecorded_imports
from bulkops.upload.options import share_of
from bulkops.upload.refusals.isolate import Refusals
from bulkops.upload.refusals.rejects import write_rejected
from bulkops.upload.refusals.split_chunk import pieces_of, pieces_within
from bulkops.upload.replace.target_check import replacement_of
from bulkops.upload.sender import Sender, SendResult
from bulkops.upload.stop import Stop

UNKNOWN_IN_A_ROW = 3  # after so many requests without an outcome, find out first what became of them
MAX_UNKNOWN = 12
SMALLEST_CUT = 500
REFUSED_FIRST = 2  # after so many refused chunks without an accepted one, find out first whether any record passes
BLOCKED_IN_A_ROW = 6  # after so many HTML pages without an accepted chunk, whoever sends them lets nothing through


class Runner:
    """Runs one job whose locks are held."""

    def __init__(
        self, context: JobContext, *, stop: Stop, observer: ChunkObserver | None = None, begun: bool = False
    ) -> None:
        self._context = context
        self._stop = stop
        self._observer = observer
        self._refusals = Refusals(context)
        self._sender = Sender(context, self._refusals)
        self._settler = Settler(context, self._refusals)
        self._amounts = AmountSettler(context)
        self._replacement = replacement_of(context)
        self._begun = self._compared = begun
        self._chunks: dict[int, ChunkEntry] = {}
        self._pending: list[tuple[bool, int]] = []
        self._failures: dict[int, int] = {}
        self._unknown = 0
        self._left_to_a_person: set[int] = set()
        self._isolating: set[int] = set()
        self._cut_to: int | None = None
        self._most_bytes = self._most_bytes_known()
        self._blocked = 0
        self._accepted_any = False
        self._unknown_of: Counter[int] = Counter()

    def run(self) -> list[ChunkEntry]:
        """Run the job as far as it goes and return its chunks.

        Raises Interrupted, Unfinished, AccessRefused, GuardRefused or DataError (too many rejected records) where it
        must stop early; the ledger then holds how far it came.
        """
        try:
            self._load()
            if not self._begun:
                forgotten = settle_unrecorded_imports(self._context, self._all())
                self._keep(forgotten)
                self._left_to_a_person |= {chunk.number for chunk in forgotten if chunk.undecided}
            self._recover()
            self._load()
            self._run_rounds()
        except BulkopsError:
            with suppress(BulkopsError):  # the first error is the one to report
                self._write_rejected()
            raise
        self._write_rejected()
        return self._all()

    def _write_rejected(self) -> None:
        """Write the rejected records; not where the folder of the ledger was moved away, which would make a new one."""
        self._context.ledger.check()
        write_rejected(self._context, self._all())

    def _run_rounds(self) -> None:
        while True:
            self._send_pending()
            doubtful = [c for c in self._all() if c.state in UNSETTLED and c.number not in self._left_to_a_person]
            if doubtful:
                settled = self._settle(doubtful)
                self._left_to_a_person |= {chunk.number for chunk in settled if chunk.undecided}
                self._load()
            self._stop_at_max_errors()
            self._stop_at_one_reason()
            if not self._pending and not self._refused():
                break
            self._stop_at_max_unknown()
        find_duplicates(self._context, self._all())
        self._load()

    def _settle(self, doubtful: Sequence[ChunkEntry]) -> list[ChunkEntry]:
        """Settle the chunks that were answered with another amount by what is there, the others as their mode asks."""
        answered = [chunk for chunk in doubtful if self._amounts.settles(chunk)]
        others = [chunk for chunk in doubtful if not self._amounts.settles(chunk)]
        settled = self._amounts.settle(answered) if answered else []
        return settled + (self._settler.settle(others) if others else [])

    def _load(self) -> None:
        self._chunks = {}
        self._pending = []
        events = self._context.ledger.events(self._context.job.id, kind=EventKind.ISOLATING)
        self._isolating = {number for event in events for number in event.into}
        self._keep(self._context.ledger.chunks(self._context.job.id))

    def _all(self) -> list[ChunkEntry]:
        return [self._chunks[number] for number in sorted(self._chunks)]

    def _refused(self) -> bool:
        return any(chunk.state is ChunkState.REFUSED for chunk in self._chunks.values())

    def _keep(self, chunks: Iterable[ChunkEntry]) -> None:
        for chunk in chunks:
            self._chunks[chunk.number] = chunk
            self._accepted_any |= chunk.state in IMPORTED
            if chunk.state is ChunkState.PENDING:
                heapq.heappush(self._pending, (chunk.number not in self._isolating, chunk.number))
            if self._observer is not None:
                self._observer(chunk)

    def _recover(self) -> None:
        """Doubt every chunk that was being sent when its process ended."""
        job = self._context.job.id
        ended = ProcessEnded(reason="the process ended before the response was recorded")
        for chunk in [c for c in self._all() if c.state is ChunkState.SENDING]:
            self._keep([self._context.ledger.move(job, chunk, ChunkState.IN_DOUBT, ended)])

    def _send_pending(self) -> None:
        """Send until nothing is pending, or until too many outcomes in a row are unknown."""
        self._unknown = 0
        if self._context.options.concurrency > 1 and self._context.contract.mode.splittable:
            self._send_together()
            return
        while (chunk := self._next()) is not None:
            chunk = self._compared_anew(chunk)
            if chunk.state is ChunkState.PENDING:
                self._follow_up(self._sender.send(chunk))
            else:
                self._keep([chunk])

    def _compared_anew(self, chunk: ChunkEntry) -> ChunkEntry:
        """Hold a replacing chunk against its target, unless that was done just now; GuardRefused as `begin` does."""
        compared, self._compared = self._compared, False
        return chunk if compared or self._replacement is None else self._replacement.ready(chunk)

    def _next(self) -> ChunkEntry | None:
        if not self._pending:
            return None
        if self._stop.requested:
            raise Interrupted("Interrupted.")
        new, number = self._pending[0]
        if self._unknown >= UNKNOWN_IN_A_ROW or self._one_reason() is not None:
            return None
        if new and (self._too_many_refused() or self._only_refused()):
            return None
        heapq.heappop(self._pending)
        return self._small_enough(self._chunks[number])

    def _send_together(self) -> None:
        """Send up to `concurrency` chunks at a time; all that was begun is followed up, whatever happens."""
        flying: set[Future[SendResult]] = set()
        with ThreadPoolExecutor(self._context.options.concurrency) as pool:
            try:
                while True:
                    while len(flying) < self._context.options.concurrency and (chunk := self._next()) is not None:
                        flying.add(pool.submit(self._sender.send, chunk))
                    if not flying:
                        return
                    done, flying = wait(flying, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._follow_up(future.result())
            finally:
                self._keep(future.result().chunk for future in flying if future.exception() is None)

    def _follow_up(self, sent: SendResult) -> None:
        if isinstance(sent.error, AccessRefused):
            self._go_around(sent.chunk, sent.error)
            return
        self._keep([sent.chunk])
        match sent.error:
            case None:
                self._unknown = self._blocked = 0
                self._failures.pop(sent.chunk.number, None)
            case NotDelivered():
                self._wait_or_give_up(sent)
            case ServerRefused() if sent.chunk.state is ChunkState.PENDING:
                self._learn_most_bytes(sent.chunk)
            case OutcomeUnknown() as error:
                self._unknown += 1
                self._unknown_of[sent.chunk.number] += 1
                if not self._context.contract.mode.resend_is_safe:
                    self._failures.pop(sent.chunk.number, None)  # the request was delivered, so the waits start anew
                if error.timed_out and self._context.contract.timeout_seconds:
                    self._cut_to = max(SMALLEST_CUT, sent.chunk.records // 2)
                if self._context.contract.mode.resend_is_safe:
                    self._unknown = 0
                    self._keep(self._settler.settle([sent.chunk]))
                    self._wait_or_give_up(sent)

    def _go_around(self, chunk: ChunkEntry, error: AccessRefused) -> None:
        """Divide a chunk whose content was answered with a page; AccessRefused once nothing gets through any more."""
        self._blocked += 1
        if self._blocked >= BLOCKED_IN_A_ROW:
            self._keep([chunk])
            raise AccessRefused(
                f"{error.message} {self._blocked} requests in a row ended like this.",
                status=error.status,
                hint="Ask whoever runs the firewall or proxy in front of the API to let imports through.",
                page=True,
            )
        if chunk.state is not ChunkState.PENDING:
            self._keep([chunk])
            return
        halves = self._refusals.halve(chunk)
        self._isolating |= {half.number for half in halves}
        self._keep([replace(chunk, state=ChunkState.DIVIDED), *halves])

    def _most_bytes_known(self) -> int | None:
        """Return the largest request to send after those that were refused for their size; None if none was."""
        events = self._context.ledger.events(self._context.job.id, kind=EventKind.TOO_LARGE)
        sizes = [event.payload.bytes for event in events if isinstance(event.payload, TooLarge)]
        return min((size // 2 for size in sizes), default=None)

    def _learn_most_bytes(self, chunk: ChunkEntry) -> None:
        """Send at most half as many bytes a request as one that was refused for its size."""
        most = chunk.bytes // 2
        if self._most_bytes is not None and self._most_bytes <= most:
            return
        self._most_bytes = most
        self._context.client.notifier.notify(
            f"The server, or a proxy in front of it, refused a request of {chunk.bytes:,} bytes as too large (413). "
            f"This job sends at most {most:,} bytes a request now; for later imports give --max-bytes {most}."
        )

    def _wait_or_give_up(self, sent: SendResult) -> None:
        failures = self._failures[sent.chunk.number] = self._failures.get(sent.chunk.number, 0) + 1
        if failures >= ATTEMPTS and sent.error is not None:
            raise Unfinished(
                f"Chunk {sent.chunk.number} could not be sent in {failures} attempts; the last: {sent.error.message}"
            )
        self._context.clock.sleep(self._wait_seconds(failures, sent.error))

    def _wait_seconds(self, failures: int, error: BulkopsError | None) -> float:
        return wait_seconds(failures, error, clock=self._context.clock, notifier=self._context.client.notifier)

    def _small_enough(self, chunk: ChunkEntry) -> ChunkEntry:
        """Return the chunk, or the first of its smaller parts after a timeout or a refusal for its size."""
        by_size = self._most_bytes is not None and chunk.bytes > self._most_bytes and chunk.records > 1
        if by_size and self._most_bytes is not None:
            reason = f"a larger request was refused (413); at most {self._most_bytes} bytes a request now"
            return self._cut(chunk, pieces_within(self._context.records(chunk), self._most_bytes), reason)
        if self._cut_to is not None and chunk.records > self._cut_to:
            reason = f"the server took too long; at most {self._cut_to} records a request now"
            return self._cut(chunk, pieces_of(self._context.records(chunk), self._cut_to), reason)
        return chunk

    def _cut(self, chunk: ChunkEntry, parts: Sequence[ChunkEntry], reason: str) -> ChunkEntry:
        parts = self._context.ledger.divide(self._context.job.id, chunk, parts, CutSmaller(reason=reason))
        self._keep([replace(chunk, state=ChunkState.DIVIDED), *parts[1:]])
        self._chunks[parts[0].number] = parts[0]
        return parts[0]

    def _stop_at_max_unknown(self) -> None:
        """Raise Unfinished for a chunk whose outcome is unknown again and again; what was not delivered does not count.

        A part begins with the count of the chunk that it is a part of, or dividing would begin to count anew.
        """
        for _, number in self._pending:
            unknown = self._unknown_of[number]
            parent = self._chunks[number].parent
            while parent is not None:
                unknown += self._unknown_of[parent]
                parent = self._chunks[parent].parent
            if unknown >= MAX_UNKNOWN:
                raise Unfinished(f"The outcome of chunk {number} was unknown {unknown} times.")

    def _too_many_refused(self) -> bool:
        """Tell whether the refusals so far, if evidence confirms them, are more than --max-errors allows."""
        if self._context.options.max_errors is None:
            return False
        isolated = self._context.options.isolate and self._context.contract.mode.splittable
        refused = [c for c in self._chunks.values() if c.state is ChunkState.REFUSED]
        errors = self._rejected() + sum(1 if isolated else c.records for c in refused)
        return max(errors, self._refusals_to_isolate()) > self._most_errors()

    def _refusals_to_isolate(self) -> int:
        """Count the refusals whose parts are still to be sent or settled: there is an error in each of them."""
        going_on = UNSETTLED | {ChunkState.PENDING}
        parts = [self._chunks[number] for number in self._isolating - self._left_to_a_person]
        return len({part.parent for part in parts if part.state in going_on})

    def _rejected(self) -> int:
        return sum(c.records for c in self._chunks.values() if c.state is ChunkState.REJECTED)

    def _most_errors(self) -> float:
        limit = self._context.options.max_errors
        return math.inf if limit is None else share_of(limit, self._context.job.records, option="--max-errors")

    def _stop_at_max_errors(self) -> None:
        rejected, limit = self._rejected(), self._context.options.max_errors
        if rejected > self._most_errors():
            raise DataError(f"{rejected:,} records were refused, more than --max-errors {limit} allows. Stopped.")

    def _only_refused(self) -> bool:
        """Return whether the first chunks were refused and probes can show whether any record passes."""
        if self._accepted_any:
            return False
        refused = sum(chunk.state is ChunkState.REFUSED for chunk in self._chunks.values())
        return refused >= REFUSED_FIRST and self._refusals.may_probe

    def _one_reason(self) -> str | None:
        """Return the reason for which all probes were refused while nothing was accepted; None if there is none."""
        return None if self._accepted_any else one_reason([self._chunks[n] for n in self._refusals.probes])

    def _stop_at_one_reason(self) -> None:
        """Stop where every record is refused for one reason: to isolate each of them would only cost requests."""
        reason, left = self._one_reason(), sum(self._chunks[number].records for _, number in self._pending)
        if reason is not None and left:
            self._context.ledger.note(self._context.job.id, OneReason(reason=reason))
            probes = [self._chunks[number] for number in self._refusals.probes]
            raise refused_throughout(reason, probes, left=left, job=self._context.job.id)
