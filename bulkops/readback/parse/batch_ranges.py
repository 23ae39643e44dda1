"""Read a part of a CSV file in the batches in which one process reads the whole file.

One process reads blocks, and ends a batch with the last complete record of so many bytes. So a batch ends just before a
multiple of the batch size, and a reader that starts at the end of a batch finds the batches that follow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bulkops.readback.parse.tables import record_batches
from bulkops.reading.ranges import ReadAt, Span, record_end_before

COMMA = 44


@dataclass(frozen=True)
class BatchCut:
    """The bytes of a block and of a batch; a batch is a multiple of a block."""

    block: int
    batch: int


def batch_spans(read: ReadAt, *, size: int, cut: BatchCut, batches: int, width: int) -> list[Span]:
    """Return ranges of so many batches each, which begin at the most likely ends of batches.

    The end of a range is the number of bytes that one process has read when it has these batches.
    """
    length = batches * cut.batch
    spans, start = [], 0
    for border in range(length, size, length):
        found = record_end_before(read, border, separator=COMMA, width=width)
        if found is not None and start < found and border - found < cut.block:
            spans.append(Span(start, border))
            start = found
    return [*spans, Span(start, size)]


class RangeBatches:
    """Iterates over the batches of a range; a range of batches at the end of a file is `last`.

    `end` is then the offset after the last batch. `regular`: one process has the same bytes left at the end of the
    range, so the next range can begin there.
    """

    def __init__(self, stream: BinaryIO, span: Span, cut: BatchCut, *, last: bool) -> None:
        self._stream = stream
        self._span = span
        self._cut = cut
        self._last = last
        self._read = span.start
        self.end = span.start

    def __iter__(self) -> Iterator[bytes]:
        """Yield the batches."""
        self._stream.seek(self._span.start)
        for batch in record_batches(self._blocks(), self._cut.batch):
            self.end += len(batch)
            yield batch
            if self._read >= self._span.end and not self._last:
                break

    @property
    def regular(self) -> bool:
        """Whether the next range can begin at `end`; call this after the last batch."""
        return self._last or (self._read == self._span.end and self._read - self.end < self._cut.block)

    def _blocks(self) -> Iterator[bytes]:
        """Yield the blocks of one process; the first is the rest of a block before the range."""
        size = -self._read % self._cut.block or self._cut.block
        while data := self._stream.read(size):
            self._read += len(data)
            size = self._cut.block
            yield data
