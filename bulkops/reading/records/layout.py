"""Where each record of a block begins and ends, on which physical line, with how many fields."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from bulkops.reading.records.malformed import BrokenRecords
from bulkops.reading.records.quoting import swallowed
from bulkops.reading.records.structural_index import (
    NEWLINE,
    RETURN,
    Bytes,
    Flags,
    Marks,
    Offsets,
    count,
    counts_before,
    marks_of,
    parted,
)


@dataclass(frozen=True)
class Block:
    """A stretch of whole records with those whose quotes are broken.

    Offsets of `broken` count from the start of `data`; `known_marks` are those of all quotes.
    """

    data: bytes
    separator: int
    broken: BrokenRecords = field(default_factory=BrokenRecords)
    known_marks: Marks | None = None

    @cached_property
    def array(self) -> Bytes:
        """The bytes as numbers."""
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def marks(self) -> Marks:
        """Where the quotes that count, the line feeds and the separators are; those of broken records do not count."""
        known = self.known_marks or marks_of(self.array, self.separator)
        if not self.broken:
            return known
        spans = self.broken.spans
        several = counts_before(known.feeds, spans[:, 0]) < counts_before(known.feeds, spans[:, 1] - 1)
        return known.without(spans).joined(spans[several])

    @cached_property
    def feeds(self) -> int:
        """How many line feeds there are, inside cells or not."""
        return count(self.marks.feeds)

    def lines_before(self, offsets: Offsets) -> Offsets:
        """Return how many line feeds stand in front of each offset."""
        return counts_before(self.marks.feeds, offsets)


@dataclass(frozen=True)
class Layout:
    """The records of a block as arrays, in order; blank lines are among them with the number -1.

    `starts` and `ends` are offsets in the block, line ends included; `numbers` count from 0; `fields` is 0 for
    a broken record; `crlf` tells how the record ends. `pieces` are the broken records themselves.
    """

    starts: Offsets
    ends: Offsets
    numbers: Offsets
    fields: Offsets
    crlf: Flags
    broken: Flags
    pieces: BrokenRecords = field(default_factory=BrokenRecords)

    @property
    def records(self) -> int:
        """How many records there are, blank lines left out."""
        return int((self.numbers >= 0).sum())


def lay_out(block: Block, width: int) -> tuple[Block, Layout]:
    """Return where the records of a block are, `width` cells each; reads every byte once.

    The block returned has more broken records where forgotten quotes were found to have swallowed lines.
    """
    laid = layout(block)
    # Line feeds in front of the record's last byte: at least one if it spans lines.
    inside = block.lines_before(laid.ends - 1) - block.lines_before(laid.starts)
    doubtful = np.flatnonzero((inside > 0) & (laid.fields != width) & ~laid.broken)
    found = [
        piece
        for index in doubtful.tolist()
        for piece in swallowed(
            block.data, int(laid.starts[index]), int(laid.ends[index]), separator=block.separator, width=width
        )
    ]
    if not found:
        return block, laid
    split = Block(block.data, block.separator, block.broken.with_pieces(found), block.known_marks)
    return split, layout(split)


def layout(block: Block) -> Layout:
    """Return where the records of a block are, as its quotes say; reads every byte once."""
    ends = parted(block.marks.ends, len(block.data))
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1])) if len(ends) else ends
    fields = np.diff(counts_before(block.marks.limits, ends), prepend=0) + 1
    broken = np.zeros(len(ends), np.bool_)
    if block.broken:
        broken[np.searchsorted(starts, block.broken.starts)] = True
        fields[broken] = 0
    terminated = (block.array.take(ends - 1) if len(ends) else ends) == NEWLINE
    crlf = terminated & (ends - starts >= 2)
    crlf[crlf] = block.array.take(ends[crlf] - 2) == RETURN
    blank = ends - starts == terminated.astype(np.int64) + crlf
    return Layout(starts, ends, np.where(blank, -1, np.cumsum(~blank) - 1), fields, crlf, broken, block.broken)
