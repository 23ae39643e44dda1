"""What becomes of a refused chunk of which nothing was taken in: divided until bad records are alone, or rejected."""

from dataclasses import replace

from bulkops.ledger.events import EventKind, EvidenceRead, Isolating, Rejected
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.upload.context import JobContext
from bulkops.upload.refusals.error_lines import Pointing
from bulkops.upload.refusals.split_chunk import found_and_missing, halves, suspects_and_rest


class Refusals:
    """Divides and rejects the refused chunks of one job within what isolating may cost."""

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def may_divide(self, chunk: ChunkEntry) -> bool:
        """Tell whether a refused chunk may be sent again in parts, or as the single record that is left of it.

        A record that was only refused together with others may be a good one.
        """
        never_alone = chunk.records == 1 and chunk.parent is not None and chunk.attempts == 0
        splittable = self._context.contract.mode.splittable and self._context.options.isolate
        return splittable and (chunk.records > 1 or never_alone) and self._left() >= min(chunk.records, 2)

    def divide(self, chunk: ChunkEntry) -> list[ChunkEntry]:
        """Return the parts of a chunk that may be divided, to be sent: what the server points at alone, else halves."""
        records = self._context.records(chunk)
        places = Pointing(self._context).suspects(records, chunk.lines) if chunk.lines else []
        parts = suspects_and_rest(records, places)
        if len(parts) > self._left():
            parts = halves(records)
        reason = "to find the records that are refused"
        return self._context.ledger.divide(self._context.job.id, chunk, parts, Isolating(reason=reason))

    def reject(self, chunk: ChunkEntry) -> ChunkEntry:
        """Give up a chunk that is refused."""
        ledger, rejected = self._context.ledger, Rejected(message=chunk.message)
        return ledger.move(self._context.job.id, chunk, ChunkState.REJECTED, rejected, undecided=False)

    def part_with(
        self, chunk: ChunkEntry, present: tuple[int, ...], event: EvidenceRead, **found: object
    ) -> tuple[ChunkEntry, ChunkEntry]:
        """Keep the records that are there, and return them and the rest; of a refused chunk the rest is refused still.

        `found` is what is known of those that are there.
        """
        there, missing = found_and_missing(self._context.records(chunk), present)
        there = replace(there, state=ChunkState.ACCEPTED, attempts=chunk.attempts, **found)  # type: ignore[arg-type]
        state = ChunkState.REFUSED if chunk.state is ChunkState.REFUSED else ChunkState.PENDING
        missing = replace(missing, state=state, message=chunk.message)
        parts = self._context.ledger.divide(self._context.job.id, chunk, [there, missing], event)
        return parts[0], parts[1]

    def _left(self) -> int:
        """Return how many requests isolating may still take, runs before this one counted."""
        events = self._context.ledger.events(self._context.job.id, kind=EventKind.ISOLATING)
        return self._context.options.isolate_requests - sum(len(event.into) for event in events)
