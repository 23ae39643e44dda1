"""Handle refused chunks without imported records: divide them to isolate bad records, or reject them."""

from collections.abc import Collection
from dataclasses import replace

from bulkops.ledger.events import EventKind, EvidenceRead, Isolating, Rejected
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import IMPORTED, ChunkState
from bulkops.upload.context import JobContext
from bulkops.upload.refusals.error_lines import MAX_LINES, ErrorLines
from bulkops.upload.refusals.header_names import ADVICE
from bulkops.upload.refusals.split_chunk import PROBES, found_and_missing, halves, suspects_and_rest, with_probes

WORTH_PROBES = 10
"""Minimum of requests left for isolating at which probes are worth their own requests."""


class Refusals:
    """Divides and rejects the refused chunks of one job, within the request limit for isolating.

    `probes` are the numbers of single-record chunks that no refusal points at. They are sent once per run, if no chunk
    was accepted yet. If they are refused as well, the server may refuse every record.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self.probes: tuple[int, ...] = ()

    @property
    def may_probe(self) -> bool:
        """Whether this run may still send probes: it sent none yet, and no chunk of the job was accepted."""
        context = self._context
        if self.probes or not (context.contract.mode.splittable and context.options.isolate):
            return False
        states = context.ledger.sums(context.job.id).get(context.job.id, {})
        return not IMPORTED & states.keys() and self._left() >= WORTH_PROBES

    def may_divide(self, chunk: ChunkEntry) -> bool:
        """Return whether a refused chunk may be resent in parts, or as the single record that is left of it.

        A record that was only refused together with others may be valid. Parts have the same header: if the header was
        refused, they would be refused as well.
        """
        if ADVICE in chunk.message:
            return False
        never_alone = chunk.records == 1 and chunk.parent is not None and chunk.attempts == 0
        splittable = self._context.contract.mode.splittable and self._context.options.isolate
        return splittable and (chunk.records > 1 or never_alone) and self._left() >= min(chunk.records, 2)

    def divide(self, chunk: ChunkEntry) -> list[ChunkEntry]:
        """Return the parts of a refused chunk, to be sent: each record that the server points at alone, else halves.

        The first such chunk of a run begins with probes, if no chunk was accepted yet.
        """
        records = self._context.records(chunk)
        places = ErrorLines(self._context).suspects(records, chunk.lines) if chunk.lines else []
        probes = self._probes_for(chunk, places)
        parts = with_probes(records, places, probes) if probes else suspects_and_rest(records, places)
        if len(parts) - probes > self._left():
            probes, parts = 0, halves(records)
        parts = self._divided(chunk, parts, probes=probes)
        if probes:
            self.probes = tuple(part.number for part in parts[:probes])
        return parts

    def halve(self, chunk: ChunkEntry) -> list[ChunkEntry]:
        """Return the halves of a chunk, to be sent."""
        return self._divided(chunk, halves(self._context.records(chunk)))

    def _divided(self, chunk: ChunkEntry, parts: list[ChunkEntry], *, probes: int = 0) -> list[ChunkEntry]:
        event = Isolating(reason="to find the records that are refused", probes=probes)
        return self._context.ledger.divide(self._context.job.id, chunk, parts, event)

    def _probes_for(self, chunk: ChunkEntry, suspects: list[int]) -> int:
        """Return how many probes to send: 0 if few records are isolated quickly without them.

        A refusal that names no line may be about the whole request; two probes show that.
        """
        least, count = (MAX_LINES, PROBES) if chunk.lines else (PROBES, PROBES - 1)
        return count if chunk.records - len(suspects) > least and self.may_probe else 0

    def reject(self, chunk: ChunkEntry) -> ChunkEntry:
        """Reject the records of a refused chunk."""
        ledger, rejected = self._context.ledger, Rejected(message=chunk.message)
        return ledger.move(self._context.job.id, chunk, ChunkState.REJECTED, rejected, undecided=False)

    def divide_found(
        self,
        chunk: ChunkEntry,
        present: tuple[int, ...],
        event: EvidenceRead,
        *,
        imports: Collection[int] = (),
        **found: object,
    ) -> tuple[ChunkEntry, ChunkEntry]:
        """Accept the records found; return them and the rest. The rest of a refused chunk stays refused.

        `found` are fields of the accepted part; `imports` are all imports that contain it. ImportTaken if one of them
        belongs to another job.
        """
        present_part, missing = found_and_missing(self._context.records(chunk), present)
        present_part = replace(present_part, state=ChunkState.ACCEPTED, attempts=chunk.attempts, **found)  # type: ignore[arg-type]
        state = ChunkState.REFUSED if chunk.state is ChunkState.REFUSED else ChunkState.PENDING
        missing = replace(missing, state=state, message=chunk.message)
        parts = self._context.ledger.divide(
            self._context.job.id, chunk, [present_part, missing], event, imports=imports
        )
        return parts[0], parts[1]

    def _left(self) -> int:
        """Return how many requests isolating may still send, earlier runs included.

        A job that stopped for one reason starts with the full limit again: it is resumed after a correction.
        """
        ledger, job = self._context.ledger, self._context.job.id
        stops = ledger.events(job, kind=EventKind.ONE_REASON)
        divided = [e for e in ledger.events(job, kind=EventKind.ISOLATING) if not stops or e.at > stops[-1].at]
        spent = sum(len(e.into) - e.payload.probes for e in divided if isinstance(e.payload, Isolating))
        return self._context.options.isolate_requests - spent
