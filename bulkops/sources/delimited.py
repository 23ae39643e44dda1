"""Read CSV of any dialect and encoding: find separator and header, and check the structure of every record.

Well-formed blocks are read by polars; blocks that may contain an odd record are laid out on their bytes first. A
malformed record ends the reading with its line, because a guess could move values into other columns.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
import polars as pl

from bulkops.errors import DataError, LimitExceeded
from bulkops.fixing.transcoding import encoding_named, transcoded
from bulkops.limits import MAX_HEADER_BYTES, TooLarge
from bulkops.reading.blocks import ContentForm, ContentReader, blocks
from bulkops.reading.byte_order import ended, keep_byte_order_mark
from bulkops.reading.records.layout import Block, lay_out
from bulkops.reading.records.malformed import QUOTE_DEFECTS
from bulkops.reading.records.quoting import cells, read_strictly
from bulkops.reading.records.structural_index import count
from bulkops.reading.sources import Source
from bulkops.recipe_source import SourceSpec
from bulkops.sources.heading import SEARCHED, distinct_names, header_row
from bulkops.sources.table import batches, blank_as_null, with_origin
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.checks.likely_encodings import describe_readings
from bulkops.validation.diagnosis import content_kind
from bulkops.validation.header import SEPARATOR_NAMES, SEPARATORS
from bulkops.validation.preamble import mark_length, wide_encoding

BLOCK_BYTES = 16 * 1024 * 1024
_SEP_LINE = re.compile(rb'(?i)"?sep=.?"?\r?\n')


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The form of a CSV file. `first_line` is the physical line of the first record, `skipped` its offset.

    The offset counts from the end of the byte order mark, and `mark` is the length of that mark.
    """

    names: tuple[str, ...]
    separator: int
    form: ContentForm
    skipped: int
    first_line: int
    mark: int = 0
    quote: str = '"'
    escape: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def usual(self) -> bool:
        """Whether quotes are as in RFC 4180, so that the fast reader can be used."""
        return self.quote == '"' and self.escape is None


def decoded_source(source: Source, spec: SourceSpec) -> Source:
    """Return the source as UTF-8 if the recipe names its encoding; UsageError for an unknown encoding."""
    return source if spec.encoding is None else transcoded(source, encoding_named(spec.encoding))


def read_dialect(source: Source, spec: SourceSpec) -> Dialect:
    """Return the dialect of a file; DataError if it is empty, no CSV, or not UTF-8 and no encoding is given."""
    with source.open() as stream:
        raw = _first(stream)
    if not raw:
        raise DataError(f"{source.path} is empty.")
    wide = wide_encoding(raw)
    mark = mark_length(raw)
    form = ContentForm(wide, _returns_only(raw), mark=mark if wide else 0)
    reader = ContentReader(io.BytesIO(raw[mark:]), form)
    data = reader.recode(raw[mark:])
    if (kind := content_kind(data)) is not None:
        raise DataError(f"{source.path} is {kind}, not CSV.", hint="Name its format, for example `format: jsonl`.")
    _refuse_other_encoding(source.path, data)
    start = found.end() if (found := _SEP_LINE.match(data)) else 0
    separator = _separator(data[start:], spec)
    dialect = _headed(source.path, data, start, separator, spec)
    notes = [] if separator == ord(",") else [f"separated by {_separator_name(separator)}"]
    notes += [f"encoded in {(spec.encoding or wide or '').upper()}"] if spec.encoding or wide else []
    return replace(dialect, form=form, mark=mark, notes=(*notes, *dialect.notes))


def _first(stream: BinaryIO) -> bytes:
    """Return the first bytes of a stream, whole lines if possible."""
    data = b""
    while len(data) < MAX_HEADER_BYTES and (more := stream.read(MAX_HEADER_BYTES - len(data))):
        data += more
    return data


def _returns_only(raw: bytes) -> bool:
    return b"\r" in raw and b"\n" not in raw


def _refuse_other_encoding(path: str, data: bytes, first_line: int = 1) -> None:
    """Raise DataError at the first line that is not UTF-8; a cut-off last line is not judged."""
    if is_utf8(data):
        return
    for number, line in enumerate(data.split(b"\n")[:-1], start=first_line):
        if not is_utf8(line):
            raise DataError(
                f"{path}: line {number} is not UTF-8{describe_readings(line[:60])}.",
                hint="Add the encoding to the source, for example `encoding: cp1252`.",
            )


def _separator_name(separator: int) -> str:
    return SEPARATOR_NAMES.get(bytes((separator,)), repr(chr(separator)))


_OTHER_SEPARATORS = b"^~\x01\x02\x1c\x1d\x1e\x1f:#!$%&*\\"
"""Separators of files that none of the usual ones divides into equally many fields."""


def _separator(data: bytes, spec: SourceSpec) -> int:
    """Return the separator: the given one, or the one that splits most of the first lines into equally many fields."""
    if spec.separator is not None:
        given = {"\\t": "\t", "tab": "\t"}.get(spec.separator, spec.separator)
        if len(given) != 1 or not given.isascii() or given in '"\r\n':
            raise DataError(f"The separator {spec.separator!r} is not one ASCII character.")
        return ord(given)
    lines = [line for line in data.split(b"\n", SEARCHED + 1)[:SEARCHED] if line.strip()]

    def fit(separator: int) -> tuple[int, int]:
        widths = Counter(_width(line, separator) for line in lines)
        width, times = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
        return (times if width > 1 else 0, width)

    best = max(SEPARATORS, key=fit)
    if fit(best)[0] == len(lines) or spec.header == 0:
        return best
    # These signs also occur in values, so one must divide the header and all other lines into equally many fields.
    return max((sign for sign in _OTHER_SEPARATORS if fit(sign)[0] == len(lines)), key=fit, default=best)


def _width(line: bytes, separator: int) -> int:
    if read_strictly(line, 0, separator).code:
        return line.count(bytes((separator,))) + 1
    return len([*cells(line, 0, separator)])


def _headed(path: str, data: bytes, start: int, separator: int, spec: SourceSpec) -> Dialect:
    """Return the dialect with the names of the columns and the place of the first record."""
    options = {"delimiter": chr(separator), "quotechar": spec.quote or '"', "escapechar": spec.escape}
    written = data[start:].decode("utf-8", "replace")
    text = io.StringIO(written, newline="")
    reader = _csv_reader(text, strict=False, doublequote=spec.escape is None, **options)
    rows, ends = [], []
    for row in reader:
        rows.append(row)
        # Bytes, because the lines of the reader may end with a carriage return alone, as inside a quoted name.
        ends.append(min(start + len(written[: text.tell()].encode()), len(data)))
        if len(rows) > SEARCHED:
            break
    dialect = Dialect(
        names=spec.names, separator=separator, form=ContentForm(), skipped=start,
        first_line=data.count(b"\n", 0, start) + 1, quote=spec.quote or '"', escape=spec.escape,
    )  # fmt: skip
    if spec.header == 0:
        return replace(dialect, names=distinct_names(spec.names))
    lines = [data.count(b"\n", 0, end - 1) + 1 for end in ends]
    index = header_row(rows) if spec.header is None else _given_row(path, lines, spec.header)
    names = distinct_names(spec.names or rows[index])
    notes = (f"the header is on line {lines[index]}",) if index else ()
    first = data.count(b"\n", 0, ends[index]) + 1
    return replace(dialect, names=names, skipped=ends[index], first_line=first, notes=notes)


def _csv_reader(text: Iterable[str], **options: Any) -> Any:
    """Return a reader for cells of any length."""
    csv.field_size_limit(1 << 30)  # for the whole process; the default refuses cells of more than 128 KiB
    return csv.reader(text, **options)


def _given_row(path: str, lines: list[int], line: int) -> int:
    """Return the index of the row on a line; `lines` are the lines on which the rows end."""
    for index, end in enumerate(lines):
        if end >= line:
            return index
    raise DataError(f"{path} has no line {line} for the header.")


def frames_of(source: Source, dialect: Dialect, part: int) -> Iterator[pl.DataFrame]:
    """Yield the records as frames with their origin; DataError names the line of a malformed record."""
    with source.open() as stream:
        stream.read(dialect.mark)
        reader = ContentReader(stream, dialect.form, hashed=False)
        _skip(reader, dialect.skipped)
        try:
            yield from _frames(reader, source.path, dialect, part)
        except TooLarge as error:
            raise LimitExceeded(f"{source.path}: {error}.", hint=error.hint) from None


def _skip(reader: ContentReader, size: int) -> None:
    while size and (data := reader.read(size)):
        size -= len(data)


def _frames(reader: ContentReader, path: str, dialect: Dialect, part: int) -> Iterator[pl.DataFrame]:
    if not dialect.usual:
        yield from batches(_rows_of_dialect(reader, path, dialect), dialect.names, part)
        return
    line, width = dialect.first_line, len(dialect.names)
    for block in blocks(reader, separator=dialect.separator, width=width, size=BLOCK_BYTES):
        yield block_frame(block, path, dialect, line, part)
        line += block.feeds


def block_frame(block: Block, path: str, dialect: Dialect, line: int, part: int) -> pl.DataFrame:
    """Return the records of a block that begins on a line, with their origin; DataError for a malformed record."""
    frame, starts = _read(block, path, dialect, line)
    numbers = pl.int_range(line, line + frame.height, dtype=pl.Int64) if starts is None else pl.Series(starts + line)
    return with_origin(blank_as_null(frame), numbers, part)


def _read(block: Block, path: str, dialect: Dialect, line: int) -> tuple[pl.DataFrame, np.ndarray | None]:
    """Return the records of a block, and the 0-based line of each; None if every line is a record."""
    if not is_utf8(block.data):
        _refuse_other_encoding(path, block.data + b"\n", line)
    width = len(dialect.names)
    if not block.malformed and block.data[:1] not in (b"\n", b"\r", b""):
        frame = _fast(block.data, dialect)
        if frame is not None and _has_all_lines(frame, block):
            return frame, None
    block, laid = lay_out(block, width)
    if block.malformed:
        (code, *_) = block.malformed.totals()
        (index, _piece), *_ = block.malformed.first(code, 1)
        at = int(np.flatnonzero(laid.malformed)[index])
        raise _malformed(path, line + _line_of(block, laid.starts[at]), QUOTE_DEFECTS[code])
    wrong = np.flatnonzero(
        (laid.numbers >= 0) & (laid.fields != width) & ~_blank(block, laid.starts, laid.ends, laid.fields)
    )
    if len(wrong):
        at = int(wrong[0])
        fields = f"{laid.fields[at]} field{'' if laid.fields[at] == 1 else 's'}, but the header has {width}"
        raise _malformed(path, line + _line_of(block, laid.starts[at]), f"the record has {fields}")
    kept = np.flatnonzero((laid.numbers >= 0) & (laid.fields == width))
    data = b"".join(block.data[a:b] for a, b in zip(laid.starts[kept].tolist(), laid.ends[kept].tolist(), strict=True))
    frame = _fast(data, dialect) if data else pl.DataFrame(schema=dict.fromkeys(dialect.names, pl.String))
    if frame is None or frame.height != len(kept):
        rows = list(_csv_reader(io.StringIO(data.decode(), newline=""), delimiter=chr(dialect.separator)))
        frame = pl.DataFrame(rows, schema=dict.fromkeys(dialect.names, pl.String), orient="row")
    return frame, block.lines_before(laid.starts[kept])


def _has_all_lines(frame: pl.DataFrame, block: Block) -> bool:
    """Return whether each line of a block is a record of a frame, and no line is blank."""
    if frame.width == 1 and frame.to_series().has_nulls():  # a blank line, or a quoted blank
        return False
    feeds = block.feeds + (not block.data.endswith(b"\n"))
    return frame.height == feeds and count(block.structure.limits) == feeds * (frame.width - 1)


def _blank(block: Block, starts: np.ndarray, ends: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Return flags of records that are a line of blanks only."""
    flags = np.zeros(len(starts), np.bool_)
    for index in np.flatnonzero(fields == 1).tolist():
        flags[index] = not block.data[starts[index] : ends[index]].strip()
    return flags


def _line_of(block: Block, offset: int) -> int:
    return int(block.lines_before(np.array([offset]))[0])


def _malformed(path: str, line: int, what: str) -> DataError:
    return DataError(
        f"{path}: line {line}: {what}.",
        hint="Fix the line in a copy, or name the dialect in the source (separator, quote, escape, header).",
    )


def _fast(data: bytes, dialect: Dialect) -> pl.DataFrame | None:
    try:
        return pl.read_csv(
            keep_byte_order_mark(ended(data, dialect.separator)),
            has_header=False,
            schema=dict.fromkeys(dialect.names, pl.String),
            separator=chr(dialect.separator),
            quote_char='"',
        )
    except pl.exceptions.PolarsError:
        return None


def _rows_of_dialect(reader: ContentReader, path: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a file with another quote or an escape character, with the line of each."""
    stream = io.TextIOWrapper(io.BufferedReader(_Stream(reader)), encoding="utf-8", newline="")
    found = _csv_reader(
        stream, delimiter=chr(dialect.separator), quotechar=dialect.quote, escapechar=dialect.escape,
        doublequote=dialect.escape is None, strict=True,
    )  # fmt: skip
    width, line = len(dialect.names), dialect.first_line
    try:
        for row in found:
            if row and len(row) != width:
                raise _malformed(path, line, f"the record has {len(row)} fields, but the header has {width}")
            if row:
                yield line, row
            line = dialect.first_line + found.line_num
    except (csv.Error, UnicodeDecodeError) as error:
        raise _malformed(path, line, str(error)) from None


class _Stream(io.RawIOBase):
    """The rest of the content as a stream."""

    def __init__(self, reader: ContentReader) -> None:
        self._reader = reader

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # io's own stubs are wider
        """Fill a buffer with the next bytes."""
        data = self._reader.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
