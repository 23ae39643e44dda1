"""Read the rows of saved exports, with the same completeness checks as a response of the server.

A file cannot be requested a second time, so a file is rejected if only a second equal response could prove it complete.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import polars as pl

from bulkops.errors import DataError, InputUnreadable, LimitExceeded
from bulkops.limits import TooLarge
from bulkops.readback.fetch.completeness import TAIL, text_incompleteness
from bulkops.readback.parse.tables import read_frames
from bulkops.readback.parse.warnings import UNCLOSED, Notes
from bulkops.reading.sources import DAMAGED, Source

BLOCK = 1 << 20
NEXT = "Save it again with `bulkops export`, or compare with the target itself. This file proves nothing."
NO_LINE_END = f"{NEXT} If every export of this deployment ends like this, add a line end to the file."


class Edges:
    """Keep the first line and the last bytes of a stream while it is read."""

    def __init__(self) -> None:
        self.head = b""
        self._last: deque[bytes] = deque()
        self._size = 0

    def watched(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the same blocks, and keep the first and the last bytes."""
        for block in blocks:
            if not self.head.endswith(b"\n") and len(self.head) < TAIL:
                self.head += block[: (block.find(b"\n") + 1) or TAIL]
            self._last.append(block)
            self._size += len(block)
            while self._size - len(self._last[0]) >= TAIL:
                self._size -= len(self._last.popleft())
            yield block

    @property
    def tail(self) -> bytes:
        """The last bytes, at most `TAIL`."""
        return b"".join(self._last)[-TAIL:]


def read_saved(source: Source, columns: frozenset[str], *, notes: Notes | None = None) -> Iterator[pl.DataFrame]:
    """Yield the records of a saved export as `read_frames` does.

    The header must contain one of the lower-case names in `columns`. DataError, after the last frame, if the export
    may be incomplete; InputUnreadable if it cannot be read to its end; LimitExceeded if a record is too long.
    """
    own, edges = Notes(), Edges()
    try:
        with source.open() as file:
            yield from read_frames(edges.watched(iter(lambda: file.read(BLOCK), b"")), name=source.path, notes=own)
    except DAMAGED as error:
        raise InputUnreadable(f"{source.path} is damaged: {error}.", hint=NEXT) from None
    except TooLarge as error:
        raise LimitExceeded(f"{source.path}: {error}.", hint=error.hint) from None
    if notes is not None:
        notes.merge(own)
    refuse_incomplete(source.path, edges.head, edges.tail, columns, open_quote=bool(own.counts[UNCLOSED]))


def refuse_incomplete(name: str, head: bytes, tail: bytes, columns: frozenset[str], *, open_quote: bool) -> None:
    """Raise DataError if the first line and the last bytes of a saved export show that it may be incomplete."""
    incomplete = text_incompleteness(head, tail, columns, framed=True, open_quote=open_quote, what="the file")
    if incomplete is not None:
        hint = NO_LINE_END if incomplete.by_repeating and not tail.endswith(b"\n") else NEXT
        raise DataError(f"{name} is not a complete export: {incomplete.reason}.", hint=hint)
