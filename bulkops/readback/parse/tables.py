"""Convert the bytes of a CSV to frames of text columns: fast if the structure is valid, leniently if it is not.

polars first reads each batch with a guard column, which proves that every record has the header's field count. If
that fails, `lenient` splits the batch: no record is dropped, and the notes count the malformed ones.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import polars as pl

from bulkops.limits import TooLarge
from bulkops.readback.parse.lenient import (
    BOM,
    LONGEST_RECORD,
    is_left_open,
    is_oddly_quoted,
    split_cells,
    split_header,
    split_records,
)
from bulkops.readback.parse.record_ends import complete_length, well_quoted_marks
from bulkops.readback.parse.warnings import FIELDS, NOT_UTF8, QUOTES, UNCLOSED, Notes
from bulkops.reading.byte_order import keep_byte_order_mark

BATCH_BYTES = 16 * 1024 * 1024
UNDOUBLED = r'^\{\s*[^\s"}]'  # polars silently reads `"{"a": 1}"` as {a: 1}
GUARD = "\x1f"
GUARD_COLUMN = "_guard"
RECORD, LINE = "_record", "_line"


def read_frames(
    blocks: Iterable[bytes], *, name: str, notes: Notes | None = None, batch_bytes: int | None = None
) -> Iterator[pl.DataFrame]:
    """Yield the records in batches: every column as unchanged text, plus `_record` and `_line` (both 1-based).

    `_line` is the physical line on which a record starts; the header is line 1. At least one frame is yielded; without
    records it is empty and has the columns. DataError if the header is missing; `name` is for its message.
    """
    batches = record_batches(blocks, batch_bytes or BATCH_BYTES)
    yield from batch_frames(batches, FrameCounts(), name=name, notes=Notes() if notes is None else notes)


@dataclass
class FrameCounts:
    """The number of records and of physical lines in the frames so far; the lines include those of the header."""

    records: int = 0
    lines: int = 0


def batch_frames(
    batches: Iterable[bytes], counts: FrameCounts, *, name: str, notes: Notes, header: list[str] | None = None
) -> Iterator[pl.DataFrame]:
    """Yield a frame for each batch of complete records, and keep `counts` up to date.

    Without `header`, the first batch begins with the header. With it, the batches are a later part of the file, and the
    numbers of records and lines begin at 1 in it.
    """
    rest, lines = iter(batches), 0
    if header is None:
        header, lines, body = split_header(next(rest, b"").removeprefix(BOM), name)
        rest = chain([body], rest)
    reader = _Reader(header, notes, line=lines + 1)
    for batch in rest:
        frame = reader.frame(batch)
        counts.records, counts.lines = reader.record - 1, reader.line - 1
        yield frame


def read_raw(
    blocks: Iterable[bytes], *, name: str, notes: Notes | None = None
) -> Iterator[tuple[pl.DataFrame, bytes, list[bytes]]]:
    """Yield the frames of `read_frames`, each with its bytes: the header, and each record with a line end."""
    batches = record_batches(blocks, BATCH_BYTES)
    first = next(batches, b"").removeprefix(BOM)
    header, lines, body = split_header(first, name)
    head = _with_end(first[: len(first) - len(body)].lstrip(b"\r\n"), b"\n")
    usual = b"\r\n" if head.endswith(b"\r\n") else b"\n"
    reader = _Reader(header, notes or Notes(), line=lines + 1)
    for batch in chain([body], batches):
        line = reader.line
        frame = reader.frame(batch)
        yield frame, head, _slices(batch, (frame.get_column(LINE) - line).to_list(), usual)


def _slices(data: bytes, starts: list[int], usual: bytes) -> list[bytes]:
    """Return the bytes of each record with its own line end, without the blank lines between records.

    `starts` are the 0-based lines on which the records start.
    """
    lines = data.split(b"\n")
    bounds = pairwise([*starts, len(lines)])
    return [_with_end(b"\n".join(lines[a:b]) + (b"\n" if b < len(lines) else b""), usual) for a, b in bounds]


def _with_end(record: bytes, usual: bytes) -> bytes:
    """Return a record with one line end: its own, or `usual` if it has none."""
    text = record.rstrip(b"\r\n")
    if text == record:
        return record + usual
    return text + (b"\r\n" if record[len(text) :].startswith(b"\r\n") else b"\n")


def record_batches(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the stream in pieces of about `size` bytes, split at record ends; TooLarge if a line is too long."""
    held: list[bytes] = []
    length = 0
    for block in blocks:
        held.append(block)
        length += len(block)
        if length >= size:
            data = b"".join(held)
            end = complete_length(data, well_quoted_marks(data)) or (
                data.rfind(b"\n") + 1 if length > LONGEST_RECORD else 0
            )
            if end:
                yield data[:end]
            elif length > LONGEST_RECORD:
                raise TooLarge(
                    f"a line in it has more than {LONGEST_RECORD:,} bytes", hint="A line end may be missing."
                )
            held, length = [data[end:]], len(data) - end
    if rest := b"".join(held):
        yield rest


def _has_blank_line(data: bytes) -> bool:
    """Return whether there is a blank line, which in a file of one column looks like a blank cell."""
    return data[:1] in b"\r\n" or b"\n\n" in data or b"\n\r\n" in data


def _lines(data: bytes) -> int:
    """Return the number of line feeds; several times faster than `bytes.count` for many."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == 10))


class _Reader:
    """Read the batches of one file in order, and count records and lines."""

    def __init__(self, header: list[str], notes: Notes, *, line: int) -> None:
        self.header = header
        self.notes = notes
        self.record = 1
        self.line = line

    def frame(self, data: bytes) -> pl.DataFrame:
        found = self._strict(data) if data else pl.DataFrame(schema=dict.fromkeys(self.header, pl.String))
        if found is None:
            frame, starts = self._lenient(data)
        else:
            frame, starts = found, self._starts(found, data)
        count = frame.height
        frame = frame.with_columns(
            pl.int_range(self.record, self.record + count, dtype=pl.Int64).alias(RECORD),
            (starts + self.line).alias(LINE),
        )
        self.record += count
        self.line += _lines(data)
        return frame

    def _strict(self, data: bytes) -> pl.DataFrame | None:
        """Return the batch if every record has the header's number of fields, else None."""
        guard = GUARD.encode()
        if guard in data or (len(self.header) == 1 and _has_blank_line(data)):
            return None
        if not data.endswith(b"\n"):
            data += b"\n"
        crlf = data.count(b"\r\n") if b"\r" in data else 0
        if crlf and crlf != _lines(data):
            return None
        lines = _lines(data)
        end = b"\r\n" if crlf else b"\n"
        data = data.replace(end, b"," + guard + b"\n")
        try:
            frame = pl.read_csv(
                io.BytesIO(keep_byte_order_mark(data)),
                has_header=False,
                schema=dict.fromkeys([*self.header, GUARD_COLUMN], pl.String),
                empty_string_is_null=False,
                encoding="utf8",
            )
        except pl.exceptions.PolarsError:
            return None
        if not (frame.get_column(GUARD_COLUMN) == GUARD).all() or self._undoubled(frame):
            return None
        frame = frame.drop(GUARD_COLUMN)
        if frame.height == lines:
            return frame
        inside = f",{GUARD}\n"
        return frame.with_columns(pl.col(self.header).str.replace_all(inside, end.decode(), literal=True))

    def _undoubled(self, frame: pl.DataFrame) -> bool:
        objects = [c for c in frame.iter_columns() if c.str.starts_with("{").any()]
        return any(column.str.contains(UNDOUBLED).any() for column in objects)

    def _starts(self, frame: pl.DataFrame, data: bytes) -> pl.Series:
        """Return the 0-based physical line on which each record starts."""
        if frame.height == _lines(data) + (not data.endswith(b"\n")):
            return pl.int_range(frame.height, dtype=pl.Int64, eager=True)
        taken = 1 + pl.sum_horizontal(pl.col(self.header).str.count_matches("\n", literal=True)).cast(pl.Int64)
        return frame.select(taken.cum_sum() - taken).to_series()

    def _lenient(self, data: bytes) -> tuple[pl.DataFrame, pl.Series]:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            self.notes.add(NOT_UTF8, self.record)
            text = data.decode("utf-8", "replace")
        width = len(self.header)
        rows: list[list[str]] = []
        starts: list[int] = []
        for record, line in split_records(text):
            cells = split_cells(record, width)
            if is_oddly_quoted(record):
                self.notes.add(UNCLOSED if is_left_open(record) else QUOTES, self.record + len(rows))
            if len(cells) != width:
                self.notes.add(FIELDS, self.record + len(rows))
                cells = (cells + [""] * width)[:width]
            rows.append(cells)
            starts.append(line)
        frame = pl.DataFrame(rows, schema=dict.fromkeys(self.header, pl.String), orient="row")
        return frame, pl.Series(starts, dtype=pl.Int64)
