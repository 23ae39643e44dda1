"""Find the records that a refusal points at, and learn from certain cases how the server counts lines.

The documentation does not say how `source.line` counts. A record that was refused alone shows by its line how lines are
counted. A record that was pointed at and then accepted alone excludes a way of counting. Until one way is left, the
records that any of them points at are sent alone.
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


# The first scheme is that of the documentation: the line number in the uploaded file.
SCHEMES: tuple[LineScheme, ...] = (_by_line, _by_line_of_body, _by_record, _by_record_of_body)


class ErrorLines:
    """The ways of counting lines that the events of a job do not contradict."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        chunks = {chunk.number: chunk for chunk in context.ledger.chunks(context.job.id)}
        wrong: set[LineScheme] = set()
        if any(chunk.lines for chunk in chunks.values()):
            wrong = set(self._contradicted(chunks))
        self._schemes = [scheme for scheme in SCHEMES if scheme not in wrong]

    def suspects(self, records: ChunkRecords, lines: Sequence[int]) -> list[int]:
        """Return the positions of the records that a refusal may point at; empty if its lines do not help."""
        if not 0 < len(lines) <= MAX_LINES:
            return []
        places = {scheme(records, line) for scheme in self._schemes for line in lines}
        return sorted(place for place in places if place is not None)

    def place(self, records: ChunkRecords, line: int) -> int | None:
        """Return the position of the record that a line most likely means; None if it means no record."""
        return self._schemes[0](records, line) if self._schemes else None

    def _contradicted(self, chunks: Mapping[int, ChunkEntry]) -> Iterator[LineScheme]:
        """Yield the schemes that contradict a refusal or an acceptance of the server."""
        for chunk in chunks.values():
            if chunk.records == 1 and len(chunk.lines) == 1:
                yield from self._contradicted_by_refused_record(chunk)
        ledger, job = self._context.ledger, self._context.job.id
        accepted = {event.chunk for event in ledger.events(job, kind=EventKind.ACCEPTED)}
        for event in ledger.events(job, kind=EventKind.ISOLATING):
            whole = chunks[event.chunk or 0]
            valid = [chunks[n] for n in event.into if chunks[n].records == 1 and n in accepted]
            if whole.lines and valid:
                yield from self._contradicted_by_accepted_records(whole, valid)

    def _contradicted_by_refused_record(self, chunk: ChunkEntry) -> Iterator[LineScheme]:
        """Yield the schemes by which the line of a record refused alone means another record, or none."""
        if chunk.state in (ChunkState.REFUSED, ChunkState.REJECTED):
            records = self._context.records(chunk)
            yield from (scheme for scheme in SCHEMES if scheme(records, chunk.lines[0]) != 0)

    def _contradicted_by_accepted_records(self, whole: ChunkEntry, valid: Sequence[ChunkEntry]) -> Iterator[LineScheme]:
        """Yield the schemes by which a refused chunk's lines point at records that were accepted alone."""
        records, starts = self._context.records(whole), {chunk.pieces[0][0] for chunk in valid}
        places = {p for p in range(len(records)) if records.start_of(p) in starts}
        yield from (scheme for scheme in SCHEMES if places & {scheme(records, line) for line in whole.lines})
