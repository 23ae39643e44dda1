"""Find malformed records of a CSV in its bytes, fast enough to run while the response arrives.

Most pieces are checked 64 bytes at a time. Only records with another number of separators than the header are parsed
one by one, with `lenient`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bulkops.readback.parse.lenient import (
    BOM,
    LONGEST_RECORD,
    is_oddly_quoted,
    split_cells,
    split_header,
    split_records,
)
from bulkops.readback.parse.record_ends import complete_length, well_quoted_marks
from bulkops.readback.parse.warnings import FIELDS, QUOTES, Notes
from bulkops.reading.records.structural_index import Marks, Offsets, count, counts_before, positions

PIECE = 4 << 20
UTF8 = "not valid UTF-8"
NUL = "a NUL byte"


@dataclass(frozen=True, kw_only=True)
class ScanCounts:
    """The number of quotes of a response, and the number of its records without the header."""

    quotes: int
    records: int


def note_malformed_records(blocks: Iterable[bytes], notes: Notes) -> ScanCounts:
    """Note malformed records: another number of fields than the header, invalid UTF-8, NUL bytes, invalid quotes.

    Return the number of quotes and records. Without a header nothing is noted.
    """
    width, record, quotes = 0, 1, 0
    for data, marks in _pieces(blocks):
        quotes += count(marks.quotes) if marks else data.count(b'"')
        if not width:
            if not data.strip():
                continue
            header, _, body = split_header(data.removeprefix(BOM), "The response")
            width = len(header)
            data, marks = body, well_quoted_marks(body)  # noqa: PLW2901 - the first piece has the header
        if data:
            record += _check(data, marks, width, record, notes)
    return ScanCounts(quotes=quotes, records=record - 1)


def _pieces(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, Marks | None]]:
    """Yield complete records with their structural index, which is None if the quotes are not valid CSV."""
    held: list[bytes] = []
    length, enough = 0, PIECE
    for block in blocks:
        length += len(block)
        if length < enough:
            held.append(block)
            continue
        lines = block.rfind(b"\n") + 1  # complete lines are mostly complete records, which need no second copy
        data = b"".join([*held, memoryview(block)[:lines]])
        marks = well_quoted_marks(data)
        end = complete_length(data, marks)
        if not end and length > LONGEST_RECORD:
            marks, end = None, data.rfind(b"\n") + 1  # a quote was never closed
        if end:
            yield (data, marks) if end == len(data) else (data[:end], marks and marks.up_to(end))
        held = [data[end:], block[lines:]]
        length = len(held[0]) + len(held[1])
        enough = max(PIECE, 2 * length)
    if rest := b"".join(held):
        yield rest, well_quoted_marks(rest)


def _check(data: bytes, marks: Marks | None, width: int, first: int, notes: Notes) -> int:
    """Note the malformed ones of complete records, and return the number of records."""
    if marks is None or marks.open_at_end:
        return _check_one_by_one(data, width, first, notes)
    ends = positions(marks.ends)
    if not len(ends) or ends[-1] + 1 < len(data):
        ends = np.append(ends, len(data))
    return _check_by_index(data, marks, ends, width, first, notes)


def _check_by_index(data: bytes, marks: Marks, ends: Offsets, width: int, first: int, notes: Notes) -> int:
    """Check records with valid quotes by their structural index."""
    limits, odd = counts_before(marks.limits, ends), list(_odd_bytes(data))
    others = width - 1
    if others and not odd and np.array_equal(limits, np.arange(others, others * len(ends) + 1, others)):
        return len(ends)  # every record has the right width, and none is blank
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))
    blank = ends - starts <= 1
    if blank.any():
        short = np.flatnonzero(blank)
        blank[short] = [not data[starts[n] : ends[n]].strip() for n in short]
    numbers = first + np.arange(len(ends)) - np.cumsum(blank)
    cells = np.diff(limits, prepend=0) + 1
    for index in np.flatnonzero((cells != width) & ~blank):
        text = data[starts[index] : ends[index]].decode("utf-8", "replace").rstrip("\r")
        if len(split_cells(text, width)) != width:
            notes.add(FIELDS, int(numbers[index]))
    for what, _, offset in odd:
        notes.add(what, int(numbers[np.searchsorted(ends, offset)]))
    return len(ends) - int(np.count_nonzero(blank))


def _check_one_by_one(data: bytes, width: int, first: int, notes: Notes) -> int:
    """Check records with invalid quotes one by one."""
    lines = []
    for number, (text, line) in enumerate(split_records(data.decode("utf-8", "replace")), start=first):
        lines.append(line)
        if is_oddly_quoted(text):
            notes.add(QUOTES, number)
        if text.count(",") != width - 1 and len(split_cells(text, width)) != width:
            notes.add(FIELDS, number)
    for what, line, _ in _odd_bytes(data):
        notes.add(what, first + max(0, bisect_right(lines, line) - 1))
    return len(lines)


def _odd_bytes(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield each line with invalid bytes: the problem, the 0-based line number, and the offset of the line."""
    try:
        valid = data.isascii() or bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        valid = False
    if valid and b"\0" not in data:
        return
    offset = 0
    for number, line in enumerate(data.split(b"\n")):
        if b"\0" in line:
            yield NUL, number, offset
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            yield UTF8, number, offset
        offset += len(line) + 1
