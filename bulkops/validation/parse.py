"""Parse one block into a frame of text columns, and find every defect of its structure.

Clean blocks are recognised by counting: one row per line feed, no misplaced carriage return, and as many separators as
the rows need wherever a short record could look like one with a blank last cell. Only other blocks need a layout.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from bulkops.reading.byte_order import MARK, ended, keep_byte_order_mark
from bulkops.reading.records.layout import Block, Layout, lay_out
from bulkops.reading.records.malformed import QUOTE_DEFECTS, MalformedRecord
from bulkops.reading.records.quote_repair import RewrittenRecords, rewrite_quotes, rewritten_cells
from bulkops.reading.records.quoting import cells
from bulkops.reading.records.structural_index import NEWLINE, RETURN, Flags, Offsets, count, count_below, join_adjacent
from bulkops.reading.records.wrapped import wrapped_records
from bulkops.validation.checks.encoding import decoded, encoding_matches, is_utf8, readable
from bulkops.validation.checks.odd_lines import line_matches, odd_lines
from bulkops.validation.checks.swallowed_records import swallowed_matches
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches, merge

SMALL_BYTES = 16 << 10
"""Maximum bytes that are read without polars."""


@dataclass(frozen=True)
class ParsedBlock:
    """The well-formed records of a block. `numbers` has the record number of each row; None: they are equal."""

    frame: pl.DataFrame
    records: int
    numbers: Offsets | None = None
    matches: tuple[RuleMatches, ...] = ()
    layout: Layout | None = None
    blank_tail: int = 0


def parse(block: Block, context: Context, budget: ExampleBudget) -> ParsedBlock:
    """Return the records of a block as text, and the defects of its structure."""
    frame = read_frame(block.data, len(context.columns), block.separator) if _unsuspicious(block, context) else None
    if frame is not None and _balanced(frame, block):
        return ParsedBlock(frame, frame.height)
    return _parse_exactly(block, context, budget, frame)


def _unsuspicious(block: Block, context: Context) -> bool:
    array = block.array
    if block.malformed or not len(array) or array[0] in {NEWLINE, RETURN} or not is_utf8(block.data):
        return False
    feeds = block.feeds
    low = count_below(array, 32)
    if not context.crlf:
        return low == feeds or low == feeds + int(np.count_nonzero(array == 9))
    returns = int(np.count_nonzero((array[:-1] == RETURN) & (array[1:] == NEWLINE)))
    return returns == feeds and low == feeds + returns + int(np.count_nonzero(array == 9))


def _balanced(frame: pl.DataFrame, block: Block) -> bool:
    """Return whether the block has no blank line, no short record and no line end inside a cell."""
    feeds = block.feeds + (not block.data.endswith(b"\n"))
    if frame.height != feeds:
        return False
    if frame.to_series(frame.width - 1).null_count() == 0:
        return True
    return frame.width > 1 and count(block.structure.limits) == frame.height * (frame.width - 1)


def read_frame(data: bytes, width: int, separator: int, *, ragged: bool = False) -> pl.DataFrame | None:
    """Return the frame of well-formed records of `width` cells; None if polars rejects them.

    With `ragged`, further cells of a record are ignored.
    """
    schema = {str(index): pl.String for index in range(width)}
    if not data:
        return pl.DataFrame(schema=schema)
    if len(data) <= SMALL_BYTES and (small := _read_small(data, width, separator)) is not None:
        return small
    try:
        return pl.read_csv(
            keep_byte_order_mark(ended(data, separator)),
            has_header=False,
            schema=schema,
            separator=chr(separator),
            quote_char='"',
            truncate_ragged_lines=ragged,
        )
    except pl.exceptions.PolarsError:
        return None


def _read_small(data: bytes, width: int, separator: int) -> pl.DataFrame | None:
    """Return the frame of a few plain lines; None for data with quotes, blank lines or another number of cells.

    For a few records, polars takes ten times as long to start reading as this takes in all.
    """
    if b'"' in data or b"\r" in data or data.startswith(MARK):
        return None
    try:
        lines = data.removesuffix(b"\n").decode().split("\n")
    except UnicodeDecodeError:
        return None
    rows = [line.split(chr(separator)) for line in lines]
    if "" in lines or any(len(row) != width for row in rows):
        return None
    columns = enumerate(zip(*rows, strict=True))
    return pl.DataFrame(
        [pl.Series(str(place), [cell or None for cell in cells], dtype=pl.String) for place, cells in columns]
    )


def _read_slowly(data: bytes, context: Context) -> pl.DataFrame:
    """Return the frame with Python's CSV reader, for the rare block that polars rejects or splits differently."""
    csv.field_size_limit(1 << 30)
    text = io.StringIO(data.decode("utf-8", "replace"), newline="")
    rows = [row for row in csv.reader(text, delimiter=chr(context.separator), strict=False) if row]
    names = [str(index) for index in range(len(context.columns))]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _parse_exactly(block: Block, context: Context, budget: ExampleBudget, whole: pl.DataFrame | None) -> ParsedBlock:
    """Return the records and the defects of a block, from its layout. `whole` is the frame of all its bytes, if any."""
    width = len(context.columns)
    block, laid = lay_out(block, width)
    whitespace, wrapped = _whitespace(block, laid, width), wrapped_records(block, laid, width)
    good = (laid.numbers >= 0) & ~laid.malformed & (laid.fields == width)
    odd = _odd_lines(block, laid, width, context, np.concatenate((whitespace, wrapped)))
    apart = np.concatenate((whitespace, wrapped, *odd.values()))
    matches = [
        *_malformed_matches(block, laid, context, budget),
        *_count_matches(block, laid, context, budget, besides=apart),
        *_odd_matches(block, laid, odd, context, budget),
        _wrapped_matches(block, laid, wrapped, context, budget),
        *_line_end_matches(block, laid, context, budget),
        *swallowed_matches(block, laid, context, budget),
    ]
    encoded, spoilt = encoding_matches(block, laid, context, budget)
    surplus = surplus_blanks(block, laid, width)
    surplus[apart] = 0
    good = (good | (surplus > 0)) & ~spoilt
    rewritten = rewrite_quotes(block.data, block.malformed, context.separator, context.texts)
    which, data = checkable_bytes(good, block, laid, surplus, rewritten)
    data = readable(data)
    frame = whole if data is block.data and whole is not None else read_frame(data, width, block.separator)
    if frame is None or frame.height != int(which.sum()):
        frame = _read_slowly(data, context)
    tail = _blank_tail(laid)
    matches += [*encoded, *_blank_matches(laid, tail, budget), _whitespace_matches(laid, whitespace, budget)]
    found = tuple(merge(match for match in matches if match.total))
    return ParsedBlock(frame, laid.records, laid.numbers[which], found, laid, tail)


def _whitespace(block: Block, laid: Layout, width: int) -> Offsets:
    """Return the indices of records that are a line of blanks only; empty for one-column files."""
    short = np.flatnonzero((laid.numbers >= 0) & (laid.fields == 1)) if width > 1 else np.zeros(0, np.int64)
    blank = [not block.data[laid.starts[i] : laid.ends[i]].strip() for i in short.tolist()]
    return short[np.array(blank, np.bool_)]


def _whitespace_matches(laid: Layout, indices: Offsets, budget: ExampleBudget) -> RuleMatches:
    numbers = laid.numbers[indices[: budget.left("STR103")]].tolist()
    return RuleMatches(
        "STR103", len(indices), tuple(Example(message="a line of nothing but blanks", number=n) for n in numbers)
    )


def _odd_lines(block: Block, laid: Layout, width: int, context: Context, besides: Offsets) -> dict[str, Offsets]:
    """Return, by rule, the indices of records with a wrong number of fields that are not records at all."""
    wrong = (laid.numbers >= 0) & ~laid.malformed & (laid.fields != width)
    wrong[besides] = False
    found = odd_lines(block, laid, np.flatnonzero(wrong))
    return {code: indices for code, indices in found.items() if code in context.codes}


def _odd_matches(
    block: Block, laid: Layout, odd: Mapping[str, Offsets], context: Context, budget: ExampleBudget
) -> Iterator[RuleMatches]:
    for code, indices in odd.items():
        texts = [_text_of(block, laid, index) for index in indices[: budget.left(code)].tolist()]
        yield line_matches(code, laid.numbers[indices].tolist(), texts, budget, context)


def _wrapped_matches(
    block: Block, laid: Layout, wrapped: Offsets, context: Context, budget: ExampleBudget
) -> RuleMatches:
    """Return the matches of records that are quoted as a whole."""
    width = len(context.columns)
    examples = tuple(
        Example(
            message=f"the only field contains {width} cells: the record is quoted as a whole",
            number=int(laid.numbers[i]),
            value=shown(_text_of(block, laid, i), context),
        )
        for i in wrapped[: budget.left("STR116")].tolist()
    )
    return RuleMatches("STR116", len(wrapped), examples)


def _malformed_matches(block: Block, laid: Layout, context: Context, budget: ExampleBudget) -> list[RuleMatches]:
    indices, totals = np.flatnonzero(laid.malformed).tolist(), block.malformed.totals()
    found = {
        code: [(indices[i], piece) for i, piece in block.malformed.first(code, budget.left(code))] for code in totals
    }
    shown_ones = [index for pieces in found.values() for index, _ in pieces]
    rewritten = rewritten_cells(block.data, laid, shown_ones, context.separator, context.texts)

    def example(index: int, piece: MalformedRecord) -> Example:
        starts = [start for start, _ in rewritten.get(index, ())]
        return _malformed_example(block, int(laid.numbers[index]), piece, starts, context)

    return [RuleMatches(code, totals[code], tuple(example(*one) for one in pieces)) for code, pieces in found.items()]


def _malformed_example(
    block: Block, number: int, piece: MalformedRecord, starts: Sequence[int], context: Context
) -> Example:
    """Return the example of a malformed record, with the column of the defect.

    `starts` are the offsets of its cells, if they are certain. If not, the example shows the rest of the record.
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
    return Example(
        message=f"{QUOTE_DEFECTS[piece.code]}{escaped}: {shown(text, context)}",
        number=number,
        at=piece.at,
        column=column,
        value=shown(text, context),
        by_record=True,
    )


def _count_matches(
    block: Block, laid: Layout, context: Context, budget: ExampleBudget, *, besides: Offsets
) -> list[RuleMatches]:
    matches, width = [], len(context.columns)
    # An unquoted separator can only have split a cell of this column.
    column = context.columns[0] if width == 1 else None
    record = (laid.numbers >= 0) & ~laid.malformed
    record[besides] = False
    for code, wrong in (("STR101", record & (laid.fields < width)), ("STR102", record & (laid.fields > width))):
        places = np.flatnonzero(wrong)
        examples = tuple(
            Example(
                message=f"{_fields(int(laid.fields[i]))}; the header has {width}",
                number=int(laid.numbers[i]),
                column=column,
                value=shown(_text_of(block, laid, i), context),
            )
            for i in places[: budget.left(code)].tolist()
        )
        matches.append(RuleMatches(code, len(places), examples))
    return matches


def _text_of(block: Block, laid: Layout, index: int) -> str:
    """Return the text of a record, without its line end."""
    return decoded(block.data[int(laid.starts[index]) : int(laid.ends[index])].rstrip(b"\r\n"))


def _fields(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"


def _blank_tail(laid: Layout) -> int:
    """Return the number of blank lines at the end of the block."""
    records = np.flatnonzero(laid.numbers >= 0)
    return len(laid.numbers) - (int(records[-1]) + 1 if len(records) else 0)


def _blank_matches(laid: Layout, tail: int, budget: ExampleBudget) -> list[RuleMatches]:
    inner = np.flatnonzero(laid.numbers[: len(laid.numbers) - tail] < 0)
    examples = tuple(Example(message="a blank line", at=int(laid.starts[i])) for i in inner[: budget.left("STR103")])
    return [RuleMatches("STR103", len(inner), examples)]


def _line_end_matches(block: Block, laid: Layout, context: Context, budget: ExampleBudget) -> list[RuleMatches]:
    ended = laid.numbers >= 0
    if len(ended):
        # The last record of a file may have no line end.
        ended[-1] = ended[-1] and block.data.endswith(b"\n")
    other = np.flatnonzero(ended & (laid.crlf != context.crlf))
    names, length = (("CRLF", "LF"), 1) if context.crlf else (("LF", "CRLF"), 2)
    message = f"the record ends with {names[1]}, the header with {names[0]}"
    examples = tuple(
        Example(message=message, number=int(laid.numbers[i]), at=int(laid.ends[i]) - length)
        for i in other[: budget.left("FIL109")]
    )
    return [RuleMatches("FIL109", len(other), examples)]


def surplus_blanks(block: Block, laid: Layout, width: int) -> Offsets:
    """Return for each record the number of surplus blank fields at its end; 0 if it has any other defect."""
    surplus = np.zeros(len(laid.starts), np.int64)
    many = np.flatnonzero((laid.numbers >= 0) & ~laid.malformed & (laid.fields > width))
    counts, ends = laid.fields[many] - width, _content_ends(block, laid)[many]
    # A record of a one-column file that contains only separators would have no cell left.
    blank = ends - counts > laid.starts[many]
    for place in range(int(counts.max(initial=0))):
        beyond = place >= counts
        blank &= beyond | (block.array.take(ends - 1 - place, mode="clip") == block.separator)
        if not (blank & ~beyond).any():
            break
    surplus[many[blank]] = counts[blank]
    return surplus


def _content_ends(block: Block, laid: Layout) -> Offsets:
    """Return the ends of the records without their line ends."""
    fed = block.array.take(laid.ends - 1, mode="clip") == NEWLINE
    ends: Offsets = laid.ends - fed - (fed & laid.crlf)
    return ends


def checkable_bytes(
    good: Flags, block: Block, laid: Layout, surplus: Offsets, rewritten: RewrittenRecords
) -> tuple[Flags, bytes]:
    """Return flags for the records that can be checked, and their bytes: the `good` records and the repaired ones.

    Surplus blank fields are left out.
    """
    if good.all() and not surplus.any():
        return good, block.data
    data, starts, ends = without_surplus(good, block, laid, surplus)
    # Repaired records get offsets beyond a gap, so that `join_adjacent` never joins them with the others.
    which, beyond = good.copy(), len(data) + 1
    places = np.flatnonzero(laid.malformed)[rewritten.which]
    which[places] = True
    starts[places], ends[places] = rewritten.starts + beyond, rewritten.ends + beyond
    starts, ends = join_adjacent(starts[which], ends[which])
    runs = zip(starts.tolist(), ends.tolist(), strict=True)
    # Slices of a memoryview copy nothing.
    own, other = memoryview(data), memoryview(rewritten.data)
    return which, b"".join(
        [own[start:end] if start < beyond else other[start - beyond : end - beyond] for start, end in runs]
    )


def without_surplus(good: Flags, block: Block, laid: Layout, surplus: Offsets) -> tuple[bytes, Offsets, Offsets]:
    """Return bytes without the surplus blank fields of the good records, and the offsets of the records in them."""
    if not surplus.any():
        return block.data, laid.starts.copy(), laid.ends.copy()
    kept = np.repeat(good, laid.ends - laid.starts)
    too_many = np.flatnonzero(surplus)
    ends = _content_ends(block, laid)[too_many]
    for start, end in zip((ends - surplus[too_many]).tolist(), ends.tolist(), strict=True):
        kept[start:end] = False
    lengths = np.where(good, laid.ends - laid.starts - surplus, 0)
    edges = np.cumsum(lengths)
    return block.array[kept].tobytes(), edges - lengths, edges
