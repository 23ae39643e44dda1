"""What is odd about the records of a CSV, told from its bytes alone, fast enough to be told while they come.

Most pieces are judged 64 bytes at a time; only records that do not have the header's number of separators are looked
at one by one, as `lenient` reads them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bulkops.readback.parse.cutting import sound_marks, whole_length
from bulkops.readback.parse.lenient import (
    BOM,
    LONGEST_RECORD,
    is_oddly_quoted,
    split_cells,
    split_header,
    split_records,
)
from bulkops.readback.parse.warnings import FIELDS, QUOTES, Notes
from bulkops.reading.records.structural_index import Offsets, StructuralIndex, count, counts_before, positions

PIECE = 4 << 20
UTF8 = "not valid UTF-8"
NUL = "a NUL byte"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """How many quotes an answer has, and how many records behind its header."""

    quotes: int
    records: int


def note_oddities(blocks: Iterable[bytes], notes: Notes) -> Seen:
    """Note the records with another number of fields than the header, with bytes that are not UTF-8, or with NULs.

    Where there is no header nothing is noted.
    """
    width, record, quotes = 0, 1, 0
    for data, marks in _pieces(blocks):
        quotes += count(marks.quotes) if marks else data.count(b'"')
        if not width:
            if not data.strip():
                continue
            header, _, body = split_header(data.removeprefix(BOM), "The answer")
            width = len(header)
            data, marks = body, sound_marks(body)  # noqa: PLW2901 - the first piece has the header
        if data:
            record += _judge(data, marks, width, record, notes)
    return Seen(quotes=quotes, records=record - 1)


def _pieces(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, StructuralIndex | None]]:
    """Yield whole records with their marks; None where the quotes are not those of CSV."""
    held: list[bytes] = []
    length, enough = 0, PIECE
    for block in blocks:
        length += len(block)
        if length < enough:
            held.append(block)
            continue
        lines = block.rfind(b"\n") + 1  # what ends with a line mostly is whole records, and needs no second copy
        data = b"".join([*held, memoryview(block)[:lines]])
        marks = sound_marks(data)
        end = whole_length(data, marks)
        if not end and length > LONGEST_RECORD:
            marks, end = None, data.rfind(b"\n") + 1  # a quote that nobody closed
        if end:
            yield (data, marks) if end == len(data) else (data[:end], marks and marks.up_to(end))
        held = [data[end:], block[lines:]]
        length = len(held[0]) + len(held[1])
        enough = max(PIECE, 2 * length)
    if rest := b"".join(held):
        yield rest, sound_marks(rest)


def _judge(data: bytes, marks: StructuralIndex | None, width: int, first: int, notes: Notes) -> int:
    """Note what is odd about whole records; return how many there are."""
    if marks is None or marks.open_at_end:
        return _judge_loosely(data, width, first, notes)
    ends = positions(marks.ends)
    if not len(ends) or ends[-1] + 1 < len(data):
        ends = np.append(ends, len(data))
    return _judge_strictly(data, marks, ends, width, first, notes)


def _judge_strictly(data: bytes, marks: StructuralIndex, ends: Offsets, width: int, first: int, notes: Notes) -> int:
    limits, odd = counts_before(marks.limits, ends), list(_odd_bytes(data))
    others = width - 1
    if others and not odd and np.array_equal(limits, np.arange(others, others * len(ends) + 1, others)):
        return len(ends)  # records of a width, none of them blank
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))
    blank = ends - starts <= 1
    if blank.any():
        short = np.flatnonzero(blank)
        blank[short] = [not data[starts[n] : ends[n]].strip() for n in short]
    numbers = first + np.arange(len(ends)) - np.cumsum(blank)
    cells = np.diff(limits, prepend=0) + 1
    for place in np.flatnonzero((cells != width) & ~blank):
        text = data[starts[place] : ends[place]].decode("utf-8", "replace").rstrip("\r")
        if len(split_cells(text, width)) != width:
            notes.add(FIELDS, int(numbers[place]))
    for what, _, offset in odd:
        notes.add(what, int(numbers[np.searchsorted(ends, offset)]))
    return len(ends) - int(np.count_nonzero(blank))


def _judge_loosely(data: bytes, width: int, first: int, notes: Notes) -> int:
    """Judge records whose quotes are not those of CSV, one by one."""
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
    """Yield what is odd about which line, and where it begins."""
    try:
        sound = data.isascii() or bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        sound = False
    if sound and b"\0" not in data:
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
