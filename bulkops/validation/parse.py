"""One block into a frame of text columns, with every defect of its structure.

Clean blocks are recognised by counting: as many rows as line feeds, no carriage return out of place, and, where a
short record could hide behind a blank last cell, as many separators as the rows need. Only other blocks are laid out.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from bulkops.reading.byte_order import shielded
from bulkops.reading.records.layout import Block, Layout, lay_out
from bulkops.reading.records.malformed import BROKEN_SAYS, Broken
from bulkops.reading.records.quote_repair import mend, mended_cells
from bulkops.reading.records.quoting import cells
from bulkops.reading.records.structural_index import NEWLINE, RETURN, Offsets, count, count_below
from bulkops.reading.records.wrapped import wrapped_records
from bulkops.validation.checks.encoding import decoded, encoding_hits, is_utf8, readable
from bulkops.validation.checks.swallowed_records import swallowed_hits
from bulkops.validation.choosing import chosen_bytes, surplus_blanks
from bulkops.validation.context import Context, shown
from bulkops.validation.odd_lines import line_hits, odd_lines
from bulkops.validation.rule_matches import Hits, Room, Spot, merge


@dataclass(frozen=True)
class Parsed:
    """The well-formed records of a block. `numbers` gives each row's record in the block; None: the same number."""

    frame: pl.DataFrame
    records: int
    numbers: Offsets | None = None
    hits: tuple[Hits, ...] = ()
    layout: Layout | None = None
    blank_tail: int = 0


def parse(block: Block, context: Context, room: Room) -> Parsed:
    """Return the records of a block as text, and the defects of its structure."""
    if _unsuspicious(block, context):
        frame = _read(block.data, context)
        if frame is not None and _balanced(frame, block):
            return Parsed(frame, frame.height)
    return _parse_exactly(block, context, room)


def _unsuspicious(block: Block, context: Context) -> bool:
    array = block.array
    if block.broken or not len(array) or array[0] in {NEWLINE, RETURN} or not is_utf8(block.data):
        return False
    feeds = block.feeds
    low = count_below(array, 32)
    if not context.crlf:
        return low == feeds or low == feeds + int(np.count_nonzero(array == 9))
    returns = int(np.count_nonzero((array[:-1] == RETURN) & (array[1:] == NEWLINE)))
    return returns == feeds and low == feeds + returns + int(np.count_nonzero(array == 9))


def _balanced(frame: pl.DataFrame, block: Block) -> bool:
    """Tell whether no line was blank, no record short and no line end inside a cell."""
    feeds = block.feeds + (not block.data.endswith(b"\n"))
    if frame.height != feeds:
        return False
    if frame.to_series(frame.width - 1).null_count() == 0:
        return True
    return frame.width > 1 and count(block.marks.limits) == frame.height * (frame.width - 1)


def _read(data: bytes, context: Context) -> pl.DataFrame | None:
    """Return the frame of well-formed bytes; None if the reader refuses them."""
    schema = {str(index): pl.String for index in range(len(context.columns))}
    if not data:
        return pl.DataFrame(schema=schema)
    try:
        return pl.read_csv(
            shielded(data), has_header=False, schema=schema, separator=chr(context.separator), quote_char='"'
        )
    except pl.exceptions.PolarsError:
        return None


def _read_slowly(data: bytes, context: Context) -> pl.DataFrame:
    """Return the frame by Python's reader: for the odd block that polars refuses or splits otherwise."""
    csv.field_size_limit(1 << 30)
    text = io.StringIO(data.decode("utf-8", "replace"), newline="")
    rows = [row for row in csv.reader(text, delimiter=chr(context.separator), strict=False) if row]
    names = [str(index) for index in range(len(context.columns))]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _parse_exactly(block: Block, context: Context, room: Room) -> Parsed:
    width = len(context.columns)
    block, laid = lay_out(block, width)
    whitespace, wrapped = _whitespace(block, laid, width), wrapped_records(block, laid, width)
    good = (laid.numbers >= 0) & ~laid.broken & (laid.fields == width)
    odd = _odd_lines(block, laid, width, context, np.concatenate((whitespace, wrapped)))
    apart = np.concatenate((whitespace, wrapped, *odd.values()))
    hits = [
        *_broken_hits(block, laid, context, room),
        *_count_hits(block, laid, context, room, besides=apart),
        *_odd_hits(block, laid, odd, context, room),
        _wrapped_hits(block, laid, wrapped, context, room),
        *_line_end_hits(block, laid, context, room),
        *swallowed_hits(block, laid, context, room),
    ]
    encoded, spoilt = encoding_hits(block, laid, context, room)
    surplus = surplus_blanks(block, laid, width)
    surplus[apart] = 0
    good = (good | (surplus > 0)) & ~spoilt
    mended = mend(block.data, block.broken, context.separator, context.texts)
    which, data = chosen_bytes(good, block, laid, surplus, mended)
    data = readable(data)
    frame = _read(data, context)
    if frame is None or frame.height != int(which.sum()):
        frame = _read_slowly(data, context)
    tail = _blank_tail(laid)
    hits += [*encoded, *_blank_hits(laid, tail, room), _whitespace_hits(laid, whitespace, room)]
    found = tuple(merge(hit for hit in hits if hit.total))
    return Parsed(frame, laid.records, laid.numbers[which], found, laid, tail)


def _whitespace(block: Block, laid: Layout, width: int) -> Offsets:
    """Return the indices of records that are a line of nothing but blanks, where a record has several fields."""
    short = np.flatnonzero((laid.numbers >= 0) & (laid.fields == 1)) if width > 1 else np.zeros(0, np.int64)
    blank = [not block.data[laid.starts[i] : laid.ends[i]].strip() for i in short.tolist()]
    return short[np.array(blank, np.bool_)]


def _whitespace_hits(laid: Layout, indices: Offsets, room: Room) -> Hits:
    numbers = laid.numbers[indices[: room.of("STR103")]].tolist()
    return Hits("STR103", len(indices), tuple(Spot(message="a line of nothing but blanks", number=n) for n in numbers))


def _odd_lines(block: Block, laid: Layout, width: int, context: Context, besides: Offsets) -> dict[str, Offsets]:
    """Return by rule the indices of records with a wrong number of fields that are lines of another kind."""
    wrong = (laid.numbers >= 0) & ~laid.broken & (laid.fields != width)
    wrong[besides] = False
    found = odd_lines(block, laid, np.flatnonzero(wrong))
    return {code: indices for code, indices in found.items() if code in context.codes}


def _odd_hits(block: Block, laid: Layout, odd: Mapping[str, Offsets], context: Context, room: Room) -> Iterator[Hits]:
    for code, indices in odd.items():
        texts = [_text_of(block, laid, index) for index in indices[: room.of(code)].tolist()]
        yield line_hits(code, laid.numbers[indices].tolist(), texts, room, context)


def _wrapped_hits(block: Block, laid: Layout, wrapped: Offsets, context: Context, room: Room) -> Hits:
    """Return the records that are quoted as a whole."""
    width = len(context.columns)
    spots = tuple(
        Spot(
            message=f"the only field contains {width} cells: the record is quoted as a whole",
            number=int(laid.numbers[i]),
            value=shown(_text_of(block, laid, i), context),
        )
        for i in wrapped[: room.of("STR116")].tolist()
    )
    return Hits("STR116", len(wrapped), spots)


def _broken_hits(block: Block, laid: Layout, context: Context, room: Room) -> list[Hits]:
    indices, totals = np.flatnonzero(laid.broken).tolist(), block.broken.totals()
    found = {code: [(indices[i], piece) for i, piece in block.broken.first(code, room.of(code))] for code in totals}
    shown_ones = [index for pieces in found.values() for index, _ in pieces]
    mended = mended_cells(block.data, laid, shown_ones, context.separator, context.texts)

    def spot(index: int, piece: Broken) -> Spot:
        starts = [start for start, _ in mended.get(index, ())]
        return _broken_spot(block, int(laid.numbers[index]), piece, starts, context)

    return [Hits(code, totals[code], tuple(spot(*one) for one in pieces)) for code, pieces in found.items()]


def _broken_spot(block: Block, number: int, piece: Broken, starts: Sequence[int], context: Context) -> Spot:
    """Return the spot of a broken record, with the column its quotes are in; `starts` of its cells, if they are plain.

    Where they are not, the rest of the record is shown.
    """
    first, end = piece.start, piece.end
    plain = starts or [start for start, _ in cells(block.data, piece.start, context.separator)]
    column = None
    for position, (name, start) in enumerate(zip(context.columns, plain, strict=False), start=1):
        if start > piece.at:
            break
        column, first = name, start
        end = starts[position] - 1 if position < len(starts) else piece.end
    text = block.data[first:end].decode("utf-8", "replace").rstrip("\r\n")
    escaped = " (quotes are escaped with backslashes, not doubled)" if '\\"' in text else ""
    return Spot(
        message=f"{BROKEN_SAYS[piece.code]}{escaped}: {shown(text, context)}",
        number=number,
        at=piece.at,
        column=column,
        value=shown(text, context),
        by_record=True,
    )


def _count_hits(block: Block, laid: Layout, context: Context, room: Room, *, besides: Offsets) -> list[Hits]:
    hits, width = [], len(context.columns)
    column = context.columns[0] if width == 1 else None  # whose cell it must be that an unquoted separator has cut
    record = (laid.numbers >= 0) & ~laid.broken
    record[besides] = False
    for code, wrong in (("STR101", record & (laid.fields < width)), ("STR102", record & (laid.fields > width))):
        places = np.flatnonzero(wrong)
        spots = tuple(
            Spot(
                message=f"{_fields(int(laid.fields[i]))}; the header has {width}",
                number=int(laid.numbers[i]),
                column=column,
                value=shown(_text_of(block, laid, i), context),
            )
            for i in places[: room.of(code)].tolist()
        )
        hits.append(Hits(code, len(places), spots))
    return hits


def _text_of(block: Block, laid: Layout, index: int) -> str:
    """Return a record as it stands in the file."""
    return decoded(block.data[int(laid.starts[index]) : int(laid.ends[index])].rstrip(b"\r\n"))


def _fields(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"


def _blank_tail(laid: Layout) -> int:
    """Return how many blank lines end the block."""
    records = np.flatnonzero(laid.numbers >= 0)
    return len(laid.numbers) - (int(records[-1]) + 1 if len(records) else 0)


def _blank_hits(laid: Layout, tail: int, room: Room) -> list[Hits]:
    inner = np.flatnonzero(laid.numbers[: len(laid.numbers) - tail] < 0)
    spots = tuple(Spot(message="a blank line", at=int(laid.starts[i])) for i in inner[: room.of("STR103")])
    return [Hits("STR103", len(inner), spots)]


def _line_end_hits(block: Block, laid: Layout, context: Context, room: Room) -> list[Hits]:
    ended = laid.numbers >= 0
    if len(ended):
        ended[-1] = ended[-1] and block.data.endswith(b"\n")  # the last record of a file may end without
    other = np.flatnonzero(ended & (laid.crlf != context.crlf))
    names, length = (("CRLF", "LF"), 1) if context.crlf else (("LF", "CRLF"), 2)
    message = f"the record ends with {names[1]}, the header with {names[0]}"
    spots = tuple(
        Spot(message=message, number=int(laid.numbers[i]), at=int(laid.ends[i]) - length)
        for i in other[: room.of("FIL109")]
    )
    return [Hits("FIL109", len(other), spots)]
