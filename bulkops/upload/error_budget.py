"""Decide when refused records stop a run: at --max-errors, or if every record is refused for one reason."""

import math

from bulkops.errors import DataError
from bulkops.ledger.events import OneReason
from bulkops.ledger.refusal_reasons import one_reason, refused_throughout
from bulkops.ledger.states import UNSETTLED, ChunkState
from bulkops.upload.chunk_queue import ChunkQueue
from bulkops.upload.context import JobContext
from bulkops.upload.options import share_of
from bulkops.upload.refusals.isolate import Refusals

REFUSED_FIRST = 2  # after this many refused chunks and no accepted one, probes show whether any record passes


class ErrorBudget:
    """The limits for refused records of one run."""

    def __init__(self, context: JobContext, queue: ChunkQueue, refusals: Refusals) -> None:
        self._context = context
        self._queue = queue
        self._refusals = refusals

    def stops_new_chunks(self) -> bool:
        """Return whether refusals must be settled before a chunk is sent that was not sent yet."""
        return self._is_exceeded() or self._only_refused()

    def one_reason(self) -> str | None:
        """Return the reason if all probes were refused for it and no chunk was accepted; otherwise None."""
        return None if self._queue.accepted_any else one_reason([self._queue[n] for n in self._refusals.probes])

    def stop_at_max_errors(self) -> None:
        """Raise DataError if more records are rejected than --max-errors allows."""
        rejected, limit = self._rejected(), self._context.options.max_errors
        if rejected > self._maximum():
            raise DataError(f"{rejected:,} records were refused; --max-errors allows {limit}. The run stopped.")

    def stop_at_one_reason(self) -> None:
        """Raise if every record is refused for one reason: isolating each of them would only cost requests."""
        reason, left = self.one_reason(), sum(self._queue[number].records for number in self._queue.pending)
        if reason is not None and left:
            self._context.ledger.note(self._context.job.id, OneReason(reason=reason))
            probes = [self._queue[number] for number in self._refusals.probes]
            raise refused_throughout(reason, probes, left=left, job=self._context.job.id)

    def _is_exceeded(self) -> bool:
        """Return whether the refusals so far exceed --max-errors, provided that evidence confirms them."""
        if self._context.options.max_errors is None:
            return False
        isolated = self._context.options.isolate and self._context.contract.mode.splittable
        refused = self._queue.in_state(ChunkState.REFUSED)
        errors = self._rejected() + sum(1 if isolated else c.records for c in refused)
        return max(errors, self._refusals_to_isolate()) > self._maximum()

    def _refusals_to_isolate(self) -> int:
        """Return the number of refusals with unsent or unsettled parts: each of them contains an error."""
        unfinished = UNSETTLED | {ChunkState.PENDING}
        parts = [self._queue[number] for number in self._queue.isolating - self._queue.undecided]
        return len({part.parent for part in parts if part.state in unfinished})

    def _rejected(self) -> int:
        return sum(chunk.records for chunk in self._queue.in_state(ChunkState.REJECTED))

    def _maximum(self) -> float:
        limit = self._context.options.max_errors
        return math.inf if limit is None else share_of(limit, self._context.job.records, option="--max-errors")

    def _only_refused(self) -> bool:
        """Return whether the first chunks were refused and probes can show whether any record passes."""
        if self._queue.accepted_any:
            return False
        return len(self._queue.in_state(ChunkState.REFUSED)) >= REFUSED_FIRST and self._refusals.may_probe
