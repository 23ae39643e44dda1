"""Repair the records of a file one by one, in one pass."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bulkops.errors import DataError
from bulkops.fixing.options import AppliedRepair, FixOptions
from bulkops.fixing.origins import OriginArrays, Origins
from bulkops.fixing.repairs.carriage_returns import lone_returns, split_at_returns
from bulkops.fixing.repairs.encoding import printable, redecoded
from bulkops.fixing.repairs.header import (
    header_repairs,
    keeps_preamble,
    refuse_unreadable_start,
    repaired_header,
)
from bulkops.fixing.repairs.records import QuoteDefect, RecordShape, in_file_form, repair_record
from bulkops.fixing.scan import FileScan
from bulkops.fixing.source import opened, refuse_changed
from bulkops.fixing.unchanged import CellSpans, SortedRecords, UnchangedRecords
from bulkops.fixing.writer import BlockWriter, RepairWriter
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.records.layout import Block, Layout, lay_out
from bulkops.reading.records.structural_index import Offsets
from bulkops.reading.sources import Source
from bulkops.validation.preamble import FileStart, read_file_start
from bulkops_validators.model.contract import Contract

BLOCK_BYTES = 8 << 20


def rewrite(
    contract: Contract,
    source: Source,
    scan: FileScan,
    writer: RepairWriter,
    options: FixOptions,
    *,
    earlier: Origins | None = None,
    kept: bytes = b"",
) -> None:
    """Write a file with its header and each of its records repaired.

    `earlier` has the origins of the records if the file is itself a copy. Records flagged in `kept`, by number from 1,
    keep their keys. DataError if the file has no usable header, InputUnreadable if the file cannot be read to its end.
    """
    shape = _shape(contract, source, scan, options)
    with opened(source) as stream:
        reader = ContentReader(stream)
        file_start = read_file_start(reader, contract, renames=options.renames)
        opening = _repaired_start(file_start, shape)
        refuse_unreadable_start(source.path, file_start, shape, opening)
        moved = 0 if earlier is None else earlier.moved
        for repair, line in header_repairs(file_start, shape):
            writer.log_repairs([repair], record=None, line=line + moved)
        writer.write(opening)
        if writer.origins is not None:
            writer.origins.moved = moved + file_start.lines - len(opening.splitlines())
            writer.origins.opening = len(opening)
        rewriting = _RewritePass(shape, writer, earlier, kept, scan.last_record, file_start.offset, file_start.lines)
        for block in blocks(reader, separator=shape.separator, width=len(shape.columns), size=BLOCK_BYTES):
            start, length = rewriting.offset - file_start.offset, len(block.data)
            touched = any(begin < start + length and start < end for begin, end in scan.touched)
            rewriting.write(block, touched=touched)
    refuse_changed(source, before=scan.sha256, after=reader.sha256)


def _repaired_start(file_start: FileStart, shape: RecordShape) -> bytes:
    """Return the repaired header, with the lines above it that stay."""
    lines = file_start.preamble.splitlines(keepends=True) if keeps_preamble(file_start, shape) else []
    return b"".join(_line_in_file_form(line, shape) for line in lines) + repaired_header(file_start, shape)


def _line_in_file_form(line: bytes, shape: RecordShape) -> bytes:
    """Return a line above the header, with as many fields as before once commas separate them."""
    return in_file_form(line, shape) if line.strip(b"\r\n") else line


def _shape(contract: Contract, source: Source, scan: FileScan, options: FixOptions) -> RecordShape:
    header = scan.file_start.header
    if header is None or any(notice.code in {"HDR107", "HDR117"} for notice in scan.file_start.notices):
        raise DataError(f"{source.path} has no usable header.", hint="Run `bulkops validate` to see the findings.")
    return RecordShape(
        contract=contract,
        columns=header.columns,
        separator=ord(",") if scan.by_comma else header.separator,
        line_end=b"\r\n" if scan.file_start.crlf else b"\n",
        surplus=scan.surplus,
        dropped=scan.dropped,
        evidence=scan.evidence,
        options=options,
        names=header.names,
        structure_only=scan.by_comma,
    )


@dataclass
class _RewritePass:
    """A pass in progress.

    `offset`, `line` and `record` count the part already written; `last` is the last filled record.
    """

    shape: RecordShape
    writer: RepairWriter
    earlier: Origins | None
    kept: bytes
    last: int
    offset: int
    line: int
    record: int = 0

    @cached_property
    def finder(self) -> UnchangedRecords:
        """The finder of the records that need no repair."""
        return UnchangedRecords(self.shape)

    @cached_property
    def keyless(self) -> RecordShape:
        """The shape for records that keep their keys."""
        names = (name for unique in self.shape.contract.unique for name in unique.columns)
        return replace(self.shape, kept=frozenset(names))

    def write(self, block: Block, *, touched: bool) -> None:
        """Write the next block; a block without findings stays unchanged."""
        block, laid = lay_out(block, len(self.shape.columns))
        if touched or self.shape.rewritten:
            self._write_records(block, laid)
        elif self.writer.origins is not None:
            out = self._writer_of(block, laid)
            out.keep(memoryview(block.data))
            out.finish()
        else:
            self.writer.write(block.data)
        self.offset, self.line = self.offset + len(block.data), self.line + block.feeds
        self.record += laid.records
        if self.earlier is None:
            self.writer.report.records += laid.records

    def _write_records(self, block: Block, laid: Layout) -> None:
        """Write a block: the records that need no repair in runs, the others one by one."""
        found = self._sorted(block, laid)
        out = self._writer_of(block, laid)
        spans = CellSpans(block, laid) if found.cells else None
        defects = {piece.start: QuoteDefect(piece.code, piece.at - piece.start) for piece in block.malformed}
        view, done = memoryview(block.data), 0
        chosen = np.flatnonzero(~found.unchanged)
        known = (chosen, laid.starts[chosen], laid.ends[chosen], laid.numbers[chosen])
        for index, start, end, number in zip(*(each.tolist() for each in known), strict=True):
            out.keep(view[done:start])
            raw, done = block.data[start:end], end
            if number < 0:
                out.remove_blank_line(index, AppliedRepair("STR103", printable(raw), ""))
                continue
            one = None
            if spans is not None and (cells := found.cells.get(index)) is not None:
                one = self.finder.repaired(raw, spans.of(index, cells), int(found.surplus[index]))
            written, repairs = self._repaired(raw, number, defects.get(start)) if one is None else ([one[0]], one[1])
            out.replace(index, written, repairs)
        out.keep(view[done:])
        out.finish()

    def _writer_of(self, block: Block, laid: Layout) -> BlockWriter:
        """Return the writer of the records of a block."""
        above = block.lines_before(laid.starts)
        origins = self._origins(laid, above + (self.line + 1))
        return BlockWriter(self.writer, origins, np.diff(above, append=block.feeds))

    def _sorted(self, block: Block, laid: Layout) -> SortedRecords:
        """Return the records that need no repair, or only simple ones."""
        found = self.finder.sort(block, laid)
        numbers = laid.numbers + (self.record + 1)
        free = numbers != self.last
        if self.kept:
            free &= np.frombuffer(self.kept + b"\0", np.uint8).take(numbers, mode="clip") == 0
        bound = {*np.flatnonzero(~free).tolist()}
        cells = {index: places for index, places in found.cells.items() if index not in bound}
        return SortedRecords(found.unchanged & free, cells, found.surplus)

    def _origins(self, laid: Layout, lines: Offsets) -> OriginArrays:
        """Return the origins of the records of a block, which begin at some lines."""
        if self.earlier is not None:
            return self.earlier.of(lines)
        return OriginArrays(laid.numbers + (self.record + 1), lines, np.zeros(len(lines), np.bool_))

    def _repaired(self, raw: bytes, number: int, defect: QuoteDefect | None) -> tuple[list[bytes], list[AppliedRepair]]:
        """Return the records that replace a record of the block, and the changes."""
        record = self.record + number + 1
        shape = self.keyless if record < len(self.kept) and self.kept[record] else self.shape
        if record == self.last:
            shape = replace(shape, last=True)
        written, repairs = _repaired(raw, shape, defect)
        if (encoding := self.shape.evidence.decoded_from) is not None and encoding.lines and not raw.isascii():
            repairs.insert(0, redecoded(raw.rstrip(b"\r\n"), encoding))
        return written, repairs


def _repaired(raw: bytes, shape: RecordShape, defect: QuoteDefect | None) -> tuple[list[bytes], list[AppliedRepair]]:
    """Return the records that replace a record, and the changes.

    In a one-column file any text is a whole record, so a carriage return is never certain to separate two records.
    """
    returns = lone_returns(raw) if defect is None or defect.code == "FIL108" else []
    if not returns:
        data, repairs = repair_record(raw, shape, defect=defect)
        return [data], repairs
    pieces = split_at_returns(raw, returns, shape.line_end, shape.separator, len(shape.columns))
    if pieces is None or (len(shape.columns) == 1 < len(pieces) and not shape.options.unsafe):
        return [raw if defect else in_file_form(raw, shape)], []
    repaired = [repair_record(piece, shape, structure_only=True) for piece in pieces]
    return [data for data, _ in repaired], [
        AppliedRepair("FIL108", printable(raw), printable(b"".join(pieces))),
        *(r for _, rs in repaired for r in rs),
    ]
