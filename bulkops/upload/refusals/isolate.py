"""What becomes of a refused chunk of which nothing was taken in: divided until bad records are alone, or rejected."""

from collections.abc import Collection
from dataclasses import replace

from bulkops.ledger.events import EventKind, EvidenceRead, Isolating, Rejected
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import TAKEN_IN, ChunkState
from bulkops.upload.context import JobContext
from bulkops.upload.refusals.error_lines import MAX_LINES, Pointing
from bulkops.upload.refusals.header_names import ADVICE
from bulkops.upload.refusals.split_chunk import PROBES, found_and_missing, halves, suspects_and_rest, with_probes

WORTH_PROBES = 10
"""Requests that isolating may still take for probes to be worth theirs: where it may take fewer it ends soon anyway."""


class Refusals:
    """Divides and rejects the refused chunks of one job within what isolating may cost.

    `probes` are the numbers of chunks of one record that no refusal points at. They are sent alone once in a run in
    which nothing was accepted: if they are refused as well, all records may be.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self.probes: tuple[int, ...] = ()

    @property
    def may_probe(self) -> bool:
        """Whether this run may still send probes: it sent none yet, and nothing of the job was accepted."""
        context = self._context
        if self.probes or not (context.contract.mode.splittable and context.options.isolate):
            return False
        states = context.ledger.sums(context.job.id).get(context.job.id, {})
        return not TAKEN_IN & states.keys() and self._left() >= WORTH_PROBES

    def may_divide(self, chunk: ChunkEntry) -> bool:
        """Tell whether a refused chunk may be sent again in parts, or as the single record that is left of it.

        A record that was only refused together with others may be a good one. Parts have the same header: where that
        was refused, so would they be.
        """
        if ADVICE in chunk.message:
            return False
        never_alone = chunk.records == 1 and chunk.parent is not None and chunk.attempts == 0
        splittable = self._context.contract.mode.splittable and self._context.options.isolate
        return splittable and (chunk.records > 1 or never_alone) and self._left() >= min(chunk.records, 2)

    def divide(self, chunk: ChunkEntry) -> list[ChunkEntry]:
        """Return the parts of a chunk that may be divided, to be sent: what the server points at alone, else halves.

        The first such chunk of a run begins with probes, if nothing was accepted yet.
        """
        records = self._context.records(chunk)
        places = Pointing(self._context).suspects(records, chunk.lines) if chunk.lines else []
        probes = self._probes_for(chunk, places)
        parts = with_probes(records, places, probes) if probes else suspects_and_rest(records, places)
        if len(parts) - probes > self._left():
            probes, parts = 0, halves(records)
        parts = self._divided(chunk, parts, probes=probes)
        if probes:
            self.probes = tuple(part.number for part in parts[:probes])
        return parts

    def halve(self, chunk: ChunkEntry) -> list[ChunkEntry]:
        """Return the halves of a chunk that may be divided, to be sent."""
        return self._divided(chunk, halves(self._context.records(chunk)))

    def _divided(self, chunk: ChunkEntry, parts: list[ChunkEntry], *, probes: int = 0) -> list[ChunkEntry]:
        event = Isolating(reason="to find the records that are refused", probes=probes)
        return self._context.ledger.divide(self._context.job.id, chunk, parts, event)

    def _probes_for(self, chunk: ChunkEntry, suspects: list[int]) -> int:
        """Return how many probes to send: none where few records are isolated quickly without them.

        A refusal that names no line may be about the whole request, which two probes show.
        """
        least, count = (MAX_LINES, PROBES) if chunk.lines else (PROBES, PROBES - 1)
        return count if chunk.records - len(suspects) > least and self.may_probe else 0

    def reject(self, chunk: ChunkEntry) -> ChunkEntry:
        """Give up a chunk that is refused."""
        ledger, rejected = self._context.ledger, Rejected(message=chunk.message)
        return ledger.move(self._context.job.id, chunk, ChunkState.REJECTED, rejected, undecided=False)

    def part_with(
        self,
        chunk: ChunkEntry,
        present: tuple[int, ...],
        event: EvidenceRead,
        *,
        imports: Collection[int] = (),
        **found: object,
    ) -> tuple[ChunkEntry, ChunkEntry]:
        """Keep the records that are there, and return them and the rest; of a refused chunk the rest is refused still.

        `found` is what is known of those that are there, `imports` are all imports that have them: ImportTaken if one
        of them is another job's.
        """
        there, missing = found_and_missing(self._context.records(chunk), present)
        there = replace(there, state=ChunkState.ACCEPTED, attempts=chunk.attempts, **found)  # type: ignore[arg-type]
        state = ChunkState.REFUSED if chunk.state is ChunkState.REFUSED else ChunkState.PENDING
        missing = replace(missing, state=state, message=chunk.message)
        parts = self._context.ledger.divide(self._context.job.id, chunk, [there, missing], event, imports=imports)
        return parts[0], parts[1]

    def _left(self) -> int:
        """Return how many requests isolating may still take, earlier runs counted.

        A job that stopped for one reason begins anew: it goes on because somebody corrected something.
        """
        ledger, job = self._context.ledger, self._context.job.id
        stops = ledger.events(job, kind=EventKind.ONE_REASON)
        divided = [e for e in ledger.events(job, kind=EventKind.ISOLATING) if not stops or e.at > stops[-1].at]
        spent = sum(len(e.into) - e.payload.probes for e in divided if isinstance(e.payload, Isolating))
        return self._context.options.isolate_requests - spent
