"""Keep the chunks of a run in memory, and the order in which pending chunks are sent."""

import heapq
from collections.abc import Iterable

from bulkops.ledger.events import EventKind
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import IMPORTED, UNSETTLED, ChunkState
from bulkops.upload.context import ChunkObserver, JobContext


class ChunkQueue:
    """The chunks of one job, as the ledger has them, with the pending ones in sending order.

    Parts that isolate refused records are sent first, then the other chunks by number. `isolating` are the numbers of
    such parts, `undecided` those of chunks that need a manual decision. `accepted_any` is True once the server imported
    a chunk of the job. `observer` receives each chunk that changes.
    """

    def __init__(self, context: JobContext, observer: ChunkObserver | None) -> None:
        self._context = context
        self._observer = observer
        self._chunks: dict[int, ChunkEntry] = {}
        self._pending: list[tuple[bool, int]] = []
        self.isolating: set[int] = set()
        self.undecided: set[int] = set()
        self.accepted_any = False

    def __getitem__(self, number: int) -> ChunkEntry:
        """Return the chunk with this number."""
        return self._chunks[number]

    def load(self) -> None:
        """Read the chunks of the job from the ledger again."""
        self._chunks = {}
        self._pending = []
        events = self._context.ledger.events(self._context.job.id, kind=EventKind.ISOLATING)
        self.isolating = {number for event in events for number in event.into}
        self.keep(self._context.ledger.chunks(self._context.job.id))

    def all(self) -> list[ChunkEntry]:
        """Return the chunks by number."""
        return [self._chunks[number] for number in sorted(self._chunks)]

    def in_state(self, state: ChunkState) -> list[ChunkEntry]:
        """Return the chunks that are in a state, by number."""
        return [chunk for chunk in self.all() if chunk.state is state]

    def unsettled(self) -> list[ChunkEntry]:
        """Return the chunks without a settled outcome, except those that need a manual decision."""
        return [c for c in self.all() if c.state in UNSETTLED and c.number not in self.undecided]

    def keep(self, chunks: Iterable[ChunkEntry]) -> None:
        """Store the new states of chunks, queue the pending ones, and pass each chunk to the observer."""
        for chunk in chunks:
            self._chunks[chunk.number] = chunk
            self.accepted_any |= chunk.state in IMPORTED
            if chunk.state is ChunkState.PENDING:
                heapq.heappush(self._pending, (chunk.number not in self.isolating, chunk.number))
            if self._observer is not None:
                self._observer(chunk)

    def keep_unqueued(self, chunk: ChunkEntry) -> None:
        """Store a pending chunk that is sent at once, so that it does not enter the queue."""
        self._chunks[chunk.number] = chunk

    def keep_undecided(self, chunks: Iterable[ChunkEntry]) -> None:
        """Remember which of the chunks need a manual decision: this run does not settle them again."""
        self.undecided |= {chunk.number for chunk in chunks if chunk.undecided}

    @property
    def pending(self) -> list[int]:
        """The numbers of the queued chunks, in no particular order."""
        return [number for _, number in self._pending]

    @property
    def next_isolates(self) -> bool:
        """Whether the next chunk in the queue is a part that isolates refused records."""
        return not self._pending[0][0]

    def pop(self) -> ChunkEntry:
        """Remove the next chunk from the queue and return it."""
        _, number = heapq.heappop(self._pending)
        return self._chunks[number]
