"""Which records a refusal points at. How `source.line` counts is not documented, so it is learnt from what is certain.

A record that was refused alone shows by its line how lines are counted; a record that was pointed at and accepted alone
shows how they are not. Until only one way is left, what each of them points at is sent alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from bulkops.ledger.events import EventKind
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.upload.chunk_records import ChunkRecords
from bulkops.upload.context import JobContext

MAX_LINES = 8

LineScheme = Callable[[ChunkRecords, int], int | None]


def _by_line(records: ChunkRecords, line: int) -> int | None:
    return records.place_of_line(line)


def _by_line_of_body(records: ChunkRecords, line: int) -> int | None:
    return records.place_of_line(line + records.header_lines)


def _by_record(records: ChunkRecords, line: int) -> int | None:
    return line - 2 if 0 <= line - 2 < len(records) else None


def _by_record_of_body(records: ChunkRecords, line: int) -> int | None:
    return line - 1 if 0 <= line - 1 < len(records) else None


# The first is what the documentation says: the line number in the uploaded file.
SCHEMES: tuple[LineScheme, ...] = (_by_line, _by_line_of_body, _by_record, _by_record_of_body)


class ErrorLines:
    """What is left of the ways to count lines after all that a job's ledger tells."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        chunks = {chunk.number: chunk for chunk in context.ledger.chunks(context.job.id)}
        wrong: set[LineScheme] = set()
        if any(chunk.lines for chunk in chunks.values()):
            wrong = set(self._contradicted(chunks))
        self._ways = [way for way in SCHEMES if way not in wrong]

    def suspects(self, records: ChunkRecords, lines: Sequence[int]) -> list[int]:
        """Return the places of the records that a refusal may point at; none if it is no help."""
        if not 0 < len(lines) <= MAX_LINES:
            return []
        places = {way(records, line) for way in self._ways for line in lines}
        return sorted(place for place in places if place is not None)

    def place(self, records: ChunkRecords, line: int) -> int | None:
        """Return the place of the record that a line most likely means; None if it means none."""
        return self._ways[0](records, line) if self._ways else None

    def _contradicted(self, chunks: Mapping[int, ChunkEntry]) -> Iterator[LineScheme]:
        """Yield the ways by which the server would have pointed at a record that was not at fault, or at none."""
        for chunk in chunks.values():
            alone = chunk.records == 1 and chunk.state in (ChunkState.REFUSED, ChunkState.REJECTED)
            if alone and len(chunk.lines) == 1:
                records = self._context.records(chunk)
                yield from (way for way in SCHEMES if way(records, chunk.lines[0]) != 0)
        ledger, job = self._context.ledger, self._context.job.id
        accepted = {event.chunk for event in ledger.events(job, kind=EventKind.ACCEPTED)}
        for event in ledger.events(job, kind=EventKind.ISOLATING):
            whole = chunks[event.chunk or 0]
            fine = [chunks[n] for n in event.into if chunks[n].records == 1 and n in accepted]
            if whole.lines and fine:
                records = self._context.records(whole)
                places = {p for p in range(len(records)) if records.start_of(p) in {c.pieces[0][0] for c in fine}}
                yield from (way for way in SCHEMES if places & {way(records, line) for line in whole.lines})
