"""Where each record of a block begins and ends, on which physical line, with how many fields."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bulkops.reading.quoting import NEWLINE, QUOTE, RETURN, Broken, Offsets, swallowed

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Block:
    """A stretch of whole records with those whose quotes are broken.

    Offsets of `broken` count from the start of `data`.
    """

    data: bytes
    separator: int
    broken: tuple[Broken, ...] = ()

    @cached_property
    def array(self) -> npt.NDArray[np.uint8]:
        """The bytes as numbers."""
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def feeds(self) -> int:
        """How many line feeds there are."""
        return int(np.count_nonzero(self.array == NEWLINE))

    @cached_property
    def newlines(self) -> Offsets:
        """Where the line feeds are, inside cells or not."""
        return np.flatnonzero(self.array == NEWLINE)


@dataclass(frozen=True)
class Layout:
    """The records of a block as arrays, in order; blank lines are among them with the number -1.

    `starts` and `ends` are offsets in the block, line ends included; `numbers` count from 0; `fields` is 0 for
    a broken record; `crlf` tells how the record ends.
    """

    starts: Offsets
    ends: Offsets
    numbers: Offsets
    fields: Offsets
    crlf: Flags
    broken: Flags

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
    inside = np.searchsorted(block.newlines, laid.ends - 1) - np.searchsorted(block.newlines, laid.starts)
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
    pieces = sorted((*block.broken, *found), key=lambda piece: piece.start)
    split = Block(block.data, block.separator, tuple(pieces))
    return split, layout(split)


def layout(block: Block) -> Layout:
    """Return where the records of a block are, as its quotes say; reads every byte once."""
    ends, quotes = _record_ends(block)
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1])) if len(ends) else ends
    fields = _field_counts(block, quotes, ends)
    broken = np.zeros(len(ends), np.bool_)
    if block.broken:
        broken[np.searchsorted(starts, [piece.start for piece in block.broken])] = True
        fields[broken] = 0
    last = block.array.take(ends - 1) if len(ends) else ends
    terminated = last == NEWLINE
    crlf = terminated & (ends - starts >= 2)
    crlf[crlf] = block.array.take(ends[crlf] - 2) == RETURN
    blank = ends - starts == terminated.astype(np.int64) + crlf
    return Layout(starts, ends, np.where(blank, -1, np.cumsum(~blank) - 1), fields, crlf, broken)


def _record_ends(block: Block) -> tuple[Offsets, Offsets]:
    """Return the offset behind each record, and the quotes that count: those of broken records do not."""
    quotes = np.flatnonzero(block.array == QUOTE)
    if block.broken:
        spans = np.array([(piece.start, piece.end) for piece in block.broken], np.int64)
        span = np.searchsorted(spans[:, 0], quotes, side="right") - 1
        quotes = quotes[(span < 0) | (quotes >= spans[:, 1].take(np.maximum(span, 0)))]
    ends = block.newlines + 1
    if len(quotes):
        ends = ends[np.searchsorted(quotes, block.newlines) % 2 == 0]
    if len(block.data) and (not len(ends) or ends[-1] != len(block.data)):
        ends = np.append(ends, len(block.data))
    return ends, quotes


def _field_counts(block: Block, quotes: Offsets, ends: Offsets) -> Offsets:
    separators = np.flatnonzero(block.array == block.separator)
    if len(quotes):
        separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
    return np.diff(np.searchsorted(separators, ends), prepend=0) + 1
