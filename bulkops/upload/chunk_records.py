"""The records of a chunk by their place in it: cutting a chunk into parts, and reading it as a frame."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import polars as pl

from bulkops.errors import FileChanged
from bulkops.ledger.models import ChunkEntry, Piece
from bulkops.readback.parse.tables import read_frames
from bulkops.reading.records.boundaries import count_records, record_ends
from bulkops.upload.body import PUT_BACK, read_pieces


class ChunkRecords:
    """A chunk's records in memory. Places count from 0 within the chunk.

    `header` was sent with it instead of the file's own, where a job sends another one. FileChanged if the file does not
    have the chunk's bytes any more: other records prove nothing about this chunk.
    """

    def __init__(self, path: Path, header_end: int, chunk: ChunkEntry, *, header: bytes | None = None) -> None:
        self.chunk = chunk
        self.header = b"".join(read_pieces(path, [(0, header_end)])) if header is None else header
        self._path = path
        self._spans: list[Piece] = []
        self._data: list[bytes] = []
        self._numbers: list[int] = []
        digest = hashlib.sha256(self.header)
        for start, end in chunk.pieces:
            number = self._number_at(start)
            data = b"".join(read_pieces(path, [(start, end)]))
            digest.update(data)
            ends = [e for e in record_ends(data) if e < len(data)]
            bounds = [0, *ends, len(data)]
            self._spans += [(start + a, start + b) for a, b in pairwise(bounds)]
            self._data.append(data)
            self._numbers += range(number, number + len(bounds) - 1)
        if digest.hexdigest() != chunk.sha256:
            raise FileChanged(
                f"{path} is not the file that was planned: the bytes of chunk {chunk.number} have changed.",
                hint=PUT_BACK,
            )
        if len(self._spans) > chunk.records:  # blank lines behind the last record belong to it
            self._spans[chunk.records - 1 :] = [(self._spans[chunk.records - 1][0], self._spans[-1][1])]

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self._spans)

    def _number_at(self, start: int) -> int:
        """Return the number in the file of the record at `start`: records of other chunks may lie in between."""
        if not self._spans:
            return self.chunk.first_record
        between = b"".join(read_pieces(self._path, [(self._spans[-1][1], start)]))
        return self._numbers[-1] + 1 + count_records(between)

    def frame(self) -> pl.DataFrame:
        """Return the records as text columns, in order."""
        frames = list(read_frames([self.header, *self._data], name=str(self._path)))
        return pl.concat(frames, how="vertical")

    @property
    def header_lines(self) -> int:
        """How many physical lines the header has."""
        return max(1, self.header.count(b"\n"))

    def place_of_line(self, line: int) -> int | None:
        """Return the place of the record that holds a physical line of the sent part (the header has line 1)."""
        left = line - 1 - self.header_lines
        if left < 0:
            return None
        place = 0
        for data in self._data:
            for start, end in _local(record_ends(data), len(data)):
                lines = data.count(b"\n", start, end) or 1
                if left < lines:
                    return min(place, len(self) - 1)
                left -= lines
                place += 1
        return None

    def start_of(self, place: int) -> int:
        """Return the byte of the file at which the record at a place starts."""
        return self._spans[place][0]

    def span_of(self, place: int) -> Piece:
        """Return the byte range in the file of the record at a place."""
        return self._spans[place]

    def _bytes(self, start: int, end: int) -> bytes:
        """Return bytes of the chunk by their place in the file, as they were read and checked."""
        whole = zip(self.chunk.pieces, self._data, strict=True)
        return b"".join(data[max(0, start - a) : max(0, end - a)] for (a, _), data in whole)

    def part(self, places: Sequence[int]) -> ChunkEntry:
        """Return a pending chunk of some of the records, in order; the ledger numbers it.

        Its records first left when the whole chunk did.
        """
        pieces = tuple(_merged(self._spans[place] for place in places))
        digest = hashlib.sha256(self.header)
        for start, end in pieces:
            digest.update(self._bytes(start, end))
        return ChunkEntry(
            number=0,
            first_record=self._numbers[places[0]],
            records=len(places),
            pieces=pieces,
            bytes=len(self.header) + sum(end - start for start, end in pieces),
            sha256=digest.hexdigest(),
            parent=self.chunk.number,
            first_sent=self.chunk.first_sent,
            clock_offset=self.chunk.clock_offset,
            runs=_runs([self._numbers[place] for place in places]),
        )


def _runs(numbers: Sequence[int]) -> tuple[Piece, ...]:
    """Return ascending numbers as runs, each its first number and its length; nothing if there is only one run."""
    breaks = [place for place in range(1, len(numbers)) if numbers[place] != numbers[place - 1] + 1]
    bounds = pairwise([0, *breaks, len(numbers)])
    return tuple((numbers[start], end - start) for start, end in bounds) if breaks else ()


def _local(ends: list[int], length: int) -> Iterable[Piece]:
    bounds = [0, *ends] if ends and ends[-1] == length else [0, *ends, length]
    return pairwise(bounds)


def _merged(spans: Iterable[Piece]) -> Iterable[Piece]:
    """Join spans that touch."""
    held: Piece | None = None
    for start, end in spans:
        if held is not None and held[1] == start:
            held = (held[0], end)
            continue
        if held is not None:
            yield held
        held = (start, end)
    if held is not None:
        yield held
