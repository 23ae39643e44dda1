"""Divide a file into ranges of bytes that begin with records, and read nothing but the bytes around their borders.

`docs/explanation/blocks.md` proves when the bytes around a line start show that a record begins there. Everywhere else
a range begins at the best guess: a reader that joins ranges compares the end of each with the start of the next.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Protocol, TypeVar

import numpy as np

from bulkops.reading.records.json_quotes import LONGEST_JSON
from bulkops.reading.records.quoting import cells, read_strictly
from bulkops.reading.records.structural_index import index_structure, offset_after_nth, positions


@dataclass(frozen=True)
class Span:
    """The bytes of a range: it begins with the record at `start`, and ends with the first record end at `end` or after.

    Both are offsets in the file.
    """

    start: int
    end: int


ReadAt = Callable[[int, int], bytes]
"""Returns bytes of a file: their number and their offset are given, as for `os.pread`."""

T = TypeVar("T")
R = TypeVar("R", bound="RangeResult")

_AFTER = 1 << 16
"""Bytes after a border that are searched for a record start."""
_TRIED = 8
"""Line starts after a border that are tried for a proof."""
_COMPARED = 64
"""Records after a possible start that are compared with the width of the header."""
_LINE_START = re.compile(rb"\n(?=.)", re.DOTALL)
_NO_TEXT = re.compile(rb"[ \t\n\r\f\v]*.?", re.DOTALL)
_JSON_BEGINS = re.compile(rb'"[ \t\n\r\f\v]*[{\[]')


def range_starts(read: ReadAt, *, first: int, size: int, ranges: int, separator: int, width: int) -> list[int]:
    """Return the ascending offsets at which at most `ranges` ranges of a file begin; each is `first` or a line start.

    `first` is the offset of the first record, `size` the size of the file. The records have `width` cells.
    """
    starts = [first]
    for number in range(1, ranges):
        border = first + (size - first) * number // ranges
        if border <= starts[-1]:
            continue
        low = max(first, border - LONGEST_JSON - 1)
        near = read(border + _AFTER - low, low)
        found = _best_start(near, border - low, separator, width)
        if found is not None and low + found > starts[-1]:
            starts.append(low + found)
    return starts


def record_end_before(read: ReadAt, border: int, *, separator: int, width: int) -> int | None:
    """Return the most likely end of the last record at or before a border; None if no line starts near it.

    The records have `width` cells.
    """
    low = max(0, border - _AFTER - LONGEST_JSON - 1)
    near = read(border - low, low)
    start = _best_start(near, max(0, len(near) - _AFTER), separator, width)
    if start is None:
        return None
    ends = positions(index_structure(np.frombuffer(near, np.uint8, offset=start), separator).ends)
    return low + start + (int(ends[-1]) + 1 if len(ends) else 0)


def spans_of(starts: Sequence[int], size: int) -> list[Span]:
    """Return the ranges that begin at these offsets of a file with `size` bytes."""
    return [Span(start, end) for start, end in pairwise([*starts, size])]


class RangeResult(Protocol):
    """The result of work on a range; `end` is the offset after its last record."""

    @property
    def end(self) -> int:
        """The offset in the file."""


def joined_ranges(
    spans: Sequence[Span],
    *,
    ahead: int,
    submit: Callable[[Span], T],
    submit_first: Callable[[Span], T],
    result: Callable[[T], R],
    drop: Callable[[T], None],
) -> Iterator[R]:
    """Yield the results of ranges in file order; each range begins where the one before it ends.

    `submit` starts the work on a range, at most `ahead` of them before the first result is needed. A range that begins
    elsewhere than the one before it ends is given up by `drop`; `submit_first` starts it again, before all that waits.
    """
    waiting, submitted = deque(spans), deque[tuple[Span, T]]()
    position = spans[0].start
    while waiting or submitted:
        while waiting and len(submitted) < ahead:
            submitted.append((waiting[0], submit(waiting.popleft())))
        span, work = submitted.popleft()
        if position != span.start:
            drop(work)
            if position >= span.end:
                continue
            work = submit_first(Span(position, span.end))
        found = result(work)
        position = found.end
        yield found


def _best_start(near: bytes, border: int, separator: int, width: int) -> int | None:
    """Return the line start at or after `border` that is most likely a record start; None if no line starts there."""
    # A line start at the border itself follows the line feed before it.
    lines = (found.end() for found in islice(_LINE_START.finditer(near, max(0, border - 1)), _TRIED))
    certain = next((start for start in lines if is_record_start(near, start, separator)), None)
    if certain is not None:
        return certain
    possible = list(_possible_starts(near, border, separator))
    return max(possible, key=lambda start: _likelihood(near, start, separator, width), default=None)


def is_record_start(near: bytes, start: int, separator: int) -> bool:
    """Return whether the bytes around a line start prove that a record begins there.

    `near` must contain the `LONGEST_JSON` bytes before it, or begin with a record.
    """
    quote = near.find(b'"', start)
    if quote < 0 or near[quote + 1 : quote + 2] in (b"", b'"', b"\r", b"\n", bytes((separator,))):
        return False
    text = _NO_TEXT.match(near, start)
    end = text.end() if text else start
    json = _JSON_BEGINS.finditer(near, max(0, start - LONGEST_JSON), end)
    return not any(found.start() < start for found in json)


def _possible_starts(near: bytes, border: int, separator: int) -> Iterator[int]:
    """Yield the first record start after the border if no cell is open there, and if a quoted cell is open there."""
    at_line = border == 0 or near[border - 1 : border] == b"\n"
    for opened in (b"", b'"'):
        if at_line and not opened:
            yield border
            continue
        data = opened + near[border:]
        ends = index_structure(np.frombuffer(data, np.uint8), separator).ends
        end = offset_after_nth(ends, 1) - len(opened)
        if border + end < len(near):
            yield border + end


def _likelihood(near: bytes, start: int, separator: int, width: int) -> float:
    """Return the share of the records after a possible start that are well quoted and have `width` cells."""
    sound = total = 0
    while total < _COMPARED and start < len(near):
        record = read_strictly(near, start, separator)
        if record.at_end or (not total and record.end >= len(near) and not near.endswith(b"\n")):
            break
        total += 1
        sound += not record.code and sum(1 for _ in cells(near, start, separator)) == width
        start = record.end if not record.code else (near.find(b"\n", start) + 1 or len(near))
    return sound / total if total else 0.0
