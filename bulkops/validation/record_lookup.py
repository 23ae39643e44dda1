"""Read single records again by number, for findings that only the whole file shows."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bulkops.errors import InputUnreadable
from bulkops.reading.blocks import ContentForm, ContentReader
from bulkops.reading.records.layout import Block, lay_out
from bulkops.reading.records.quote_repair import rewritten_cells
from bulkops.reading.records.quoting import all_records, cells
from bulkops.reading.sources import Source
from bulkops.validation.block import BlockResult
from bulkops.validation.checks.encoding import cell_text
from bulkops.validation.context import Context


@dataclass
class BlockIndex:
    """The start of each block of a file: first record (from 0), line (from 0) and byte, and the length of the block."""

    records: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def add(self, result: BlockResult, *, record: int, line: int, offset: int) -> None:
        """Add the start of a block."""
        self.records.append(record)
        self.lines.append(line)
        self.offsets.append(offset)
        self.lengths.append(result.length)


@dataclass(frozen=True)
class FoundRecord:
    """A record found again: its line from 0, its byte, and for each known column the offset and text of the cell."""

    line: int
    byte: int
    cells: Mapping[str, tuple[int, str]]


def look_up_records(
    source: Source, form: ContentForm, context: Context, index: BlockIndex, wanted: Iterable[int]
) -> dict[int, FoundRecord]:
    """Return records by their number in the file, from 0. The file is read forwards once.

    InputUnreadable if the file is missing or has changed.
    """
    by_block: dict[int, list[int]] = {}
    for number in sorted(set(wanted)):
        by_block.setdefault(bisect_right(index.records, number) - 1, []).append(number)
    found: dict[int, FoundRecord] = {}
    with source.open() as stream:
        stream.read(form.mark)
        reader, position = ContentReader(stream, form), 0
        for number, records in by_block.items():
            offset, length = index.offsets[number], index.lengths[number]
            if form.faithful and stream.seekable():
                stream.seek(offset)
            else:
                _skip(reader, offset - position)
            data, position = _read_exactly(reader, length), offset + length
            places = _places(data, records, context, index, number) if len(data) == length else None
            if places is None:
                raise InputUnreadable(f"{source.path} has changed while it was read.")
            found |= places
    return found


def _read_exactly(reader: ContentReader, size: int) -> bytes:
    """Return the next `size` bytes of the recoded content."""
    data = b""
    while len(data) < size and (more := reader.read(size - len(data))):
        data += more
    return data


def _skip(reader: ContentReader, size: int) -> None:
    while size > 0 and (data := _read_exactly(reader, min(size, 1 << 20))):
        size -= len(data)


def _places(
    data: bytes, records: list[int], context: Context, index: BlockIndex, block_number: int
) -> dict[int, FoundRecord] | None:
    """Return some records of a block; None if the block has fewer records than before."""
    piece = all_records(data, separator=context.separator, width=len(context.columns))
    block = Block(data, context.separator, piece.malformed, piece.structure)
    block, laid = lay_out(block, len(context.columns))
    indices = np.flatnonzero(laid.numbers >= 0)
    base, line, offset = index.records[block_number], index.lines[block_number], index.offsets[block_number]
    places = np.array(records) - base
    if places[-1] >= len(indices):
        return None
    chosen = indices[places]
    starts = laid.starts[chosen]
    rewritten = rewritten_cells(data, laid, chosen.tolist(), context.separator, context.texts)
    found = zip(records, chosen.tolist(), starts.tolist(), block.lines_before(starts).tolist(), strict=True)
    return {
        record: FoundRecord(
            line + above, offset + start, _named(rewritten.get(which) or _cells(data, start, context), offset, context)
        )
        for record, which, start, above in found
    }


def _cells(data: bytes, start: int, context: Context) -> list[tuple[int, bytes]]:
    """Return the offset and the bytes of each cell of the record at `start`."""
    return [
        (first, data[first : end if end >= 0 else len(data)]) for first, end in cells(data, start, context.separator)
    ]


def _named(found: list[tuple[int, bytes]], offset: int, context: Context) -> dict[str, tuple[int, str]]:
    named = zip(context.columns, found, strict=False)
    return {name: (offset + first, cell_text(raw)) for name, (first, raw) in named if name is not None}
