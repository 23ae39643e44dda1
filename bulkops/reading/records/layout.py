"""Find the start, the end, the line and the number of fields of each record of a block."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from bulkops.reading.records.malformed import MalformedRecords
from bulkops.reading.records.quoting import records_inside
from bulkops.reading.records.structural_index import (
    NEWLINE,
    RETURN,
    Bytes,
    Flags,
    Offsets,
    StructuralIndex,
    count,
    counts_before,
    index_structure,
    join_adjacent,
    part_ends,
)


@dataclass(frozen=True)
class Block:
    """A piece of whole records, including malformed ones.

    Offsets in `malformed` count from the start of `data`; `known_structure` is the structural index with all quotes.
    """

    data: bytes
    separator: int
    malformed: MalformedRecords = field(default_factory=MalformedRecords)
    known_structure: StructuralIndex | None = None

    @cached_property
    def array(self) -> Bytes:
        """The bytes as an array."""
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def structure(self) -> StructuralIndex:
        """The structural index of the block, without the quotes of malformed records."""
        known = self.known_structure or index_structure(self.array, self.separator)
        if not self.malformed:
            return known
        spans = self.malformed.spans
        several = counts_before(known.feeds, spans[:, 0]) < counts_before(known.feeds, spans[:, 1] - 1)
        return known.without(spans).joined(spans[several])

    @cached_property
    def feeds(self) -> int:
        """The number of line feeds, inside cells or not."""
        return count(self.structure.feeds)

    def lines_before(self, offsets: Offsets) -> Offsets:
        """Return how many line feeds precede each offset."""
        return counts_before(self.structure.feeds, offsets)


@dataclass(frozen=True)
class Layout:
    """The records of a block as arrays, in order; blank lines are included, with the number -1.

    `starts` and `ends` are offsets in the block, line ends included. `numbers` count from 0. `fields` is 0 for a
    malformed record. `crlf`: the record ends with CRLF. `pieces` are the malformed records themselves.
    """

    starts: Offsets
    ends: Offsets
    numbers: Offsets
    fields: Offsets
    crlf: Flags
    malformed: Flags
    pieces: MalformedRecords = field(default_factory=MalformedRecords)

    @property
    def records(self) -> int:
        """The number of records without blank lines."""
        return int((self.numbers >= 0).sum())


def lay_out(block: Block, width: int) -> tuple[Block, Layout]:
    """Return the block and the layout of its records of `width` cells; reads every byte once.

    The returned block has more malformed records if an unclosed quote had joined several lines into one record.
    """
    laid = layout(block)
    # Line feeds in front of the last byte of a record: at least one if the record spans lines.
    inside = block.lines_before(laid.ends - 1) - block.lines_before(laid.starts)
    doubtful = np.flatnonzero((inside > 0) & (laid.fields != width) & ~laid.malformed)
    found = [
        piece
        for index in doubtful.tolist()
        for piece in records_inside(
            block.data, int(laid.starts[index]), int(laid.ends[index]), separator=block.separator, width=width
        )
    ]
    if not found:
        return block, laid
    split = Block(block.data, block.separator, block.malformed.with_pieces(found), block.known_structure)
    return split, layout(split)


def layout(block: Block) -> Layout:
    """Return the layout of the records, trusting the quotes of the block; reads every byte once."""
    ends = part_ends(block.structure.ends, len(block.data))
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1])) if len(ends) else ends
    fields = np.diff(counts_before(block.structure.limits, ends), prepend=0) + 1
    malformed = np.zeros(len(ends), np.bool_)
    if block.malformed:
        malformed[np.searchsorted(starts, block.malformed.starts)] = True
        fields[malformed] = 0
    terminated = (block.array.take(ends - 1) if len(ends) else ends) == NEWLINE
    crlf = terminated & (ends - starts >= 2)
    crlf[crlf] = block.array.take(ends[crlf] - 2) == RETURN
    blank = ends - starts == terminated.astype(np.int64) + crlf
    return Layout(starts, ends, np.where(blank, -1, np.cumsum(~blank) - 1), fields, crlf, malformed, block.malformed)


def bytes_of(flags: Flags, block: Block, laid: Layout) -> bytes:
    """Return the bytes of some records of a block."""
    if flags.all():
        return block.data
    # Slices of a memoryview copy nothing.
    view = memoryview(block.data)
    starts, ends = join_adjacent(laid.starts[flags], laid.ends[flags])
    return b"".join([view[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)])
