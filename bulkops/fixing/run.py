"""Write a repaired copy of a file, block by block, with a log of every change."""

import re
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from bulkops.errors import DataError
from bulkops.fixing.options import FixOptions, Repair
from bulkops.fixing.records import Shape, repair_record
from bulkops.fixing.survey import Survey, survey
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.layout import Block, Layout, lay_out
from bulkops.reading.quoting import read_strictly
from bulkops.reading.sources import Source, stream_source
from bulkops.validation.header import Header
from bulkops.validation.opening import open_content
from bulkops_validators.model.contract import Contract

BLOCK_BYTES = 8 << 20
_LONE_RETURN = re.compile(rb'("(?:[^"]|"")*"|[^"\r]+|\r\n)|\r')
_HEADER_CODES = ("FIL103", "FIL105", "FIL108", "STR103", "HDR104", "HDR105", "HDR106", "HDR108", "HDR109")


@dataclass(frozen=True)
class Change:
    """One change: where it was (`record` None: in front of the records, or no record), and the texts."""

    code: str
    record: int | None
    line: int
    column: str | None
    before: str
    after: str


@dataclass
class FixReport:
    """How much was changed. `changed` counts records, `counts` changes by rule."""

    records: int = 0
    changed: int = 0
    removed: int = 0
    counts: Counter[str] = field(default_factory=Counter)


@dataclass
class _Writer:
    """Where repaired bytes and changes go; `origins` collects record and line of each record written."""

    out: BinaryIO
    log: Callable[[Change], None]
    report: FixReport
    origins: "array[int] | None" = None
    record: int = 0
    line: int = 0

    def write(self, data: bytes, *, record: int, line: int) -> None:
        """Write a record, and remember where it came from if that is wanted."""
        self.out.write(data)
        if self.origins is not None and data:
            self.origins.extend((record, line))

    def note(self, repairs: list[Repair], *, record: int | None, line: int) -> None:
        for repair in repairs:
            self.report.counts[repair.code] += 1
            self.log(Change(repair.code, record, line, repair.column, repair.before, repair.after))


def fix_file(
    contract: Contract,
    source: Source,
    out: BinaryIO,
    *,
    options: FixOptions,
    log: Callable[[Change], None],
) -> FixReport:
    """Write a repaired copy of a file to `out` and tell `log` every change; the source is read twice.

    DataError if there is no header to go by. Records without a repair keep their bytes.
    """
    report = FixReport()
    if not options.unsafe:
        _repair(contract, source, _Writer(out, log, report), options)
        return report
    with tempfile.TemporaryFile() as between:
        origins = array("q")
        writer = _Writer(between, log, report, origins=origins)
        _repair(contract, source, writer, options)
        _without_repeats(contract, stream_source(source.path, between), _Writer(out, log, report), origins)
    return report


def _repair(contract: Contract, source: Source, writer: "_Writer", options: FixOptions) -> None:
    known = survey(contract, source)
    header = known.opening.header
    if header is None or any(fault.code == "HDR107" for fault in header.faults):
        raise DataError(f"{source.path} has no header to go by.", hint="`bulkops validate` says what is wrong.")
    shape = Shape(
        contract=contract,
        columns=header.columns,
        separator=header.separator,
        line_end=b"\r\n" if known.opening.crlf else b"\n",
        surplus=known.surplus,
        knowledge=known.knowledge,
        options=options,
    )
    with source.open() as stream:
        reader = ContentReader(stream)
        opening = open_content(reader, contract)
        _write_header(opening.header_line, header, known, shape, writer)
        pieces = blocks(reader, separator=shape.separator, size=BLOCK_BYTES)
        writer.line = opening.lines
        for block, touched in zip(pieces, known.touched, strict=True):
            _write_block(block, shape, writer, touched=touched)


def _without_repeats(contract: Contract, source: Source, writer: "_Writer", origins: "array[int]") -> None:
    """Copy a repaired file but for the records whose key stood earlier; `origins` are their places in the file."""
    known = survey(contract, source)
    header = known.opening.header
    assert header is not None
    with source.open() as stream:
        reader = ContentReader(stream)
        writer.out.write(open_content(reader, contract).header_line)
        count = 0
        for block in blocks(reader, separator=header.separator, size=BLOCK_BYTES):
            laid = lay_out(block, len(header.columns))[1]
            keep = ~np.isin(laid.numbers + count, known.repeats) | (laid.numbers < 0)
            for index in np.flatnonzero(~keep).tolist():
                number = 2 * (int(laid.numbers[index]) + count)
                text = block.data[laid.starts[index] : laid.ends[index]].decode("utf-8", "replace").rstrip("\r\n")
                writer.note([Repair("UNQ101", text, "")], record=origins[number], line=origins[number + 1])
                writer.report.removed += 1
            writer.out.write(block.array[np.repeat(keep, laid.ends - laid.starts)].tobytes())
            count += laid.records


def _write_header(line: bytes, header: Header, known: Survey, shape: Shape, writer: _Writer) -> None:
    """Write the header with the documented names; marks and lines in front of it go."""
    for notice in known.opening.notices:
        repairable = notice.code in _HEADER_CODES
        if notice.code == "HDR104":
            repairable = notice.field is not None and notice.field - 1 in known.surplus
        if repairable:
            after = header.columns[notice.field - 1] if notice.field is not None else None
            writer.note(
                [Repair(notice.code, notice.column or notice.message, after or "", notice.column)],
                record=None,
                line=notice.line or 1,
            )
    names = [fault.code for fault in header.faults if fault.code in {"HDR105", "HDR106", "HDR108"}]
    if not names and not known.surplus:
        writer.out.write(line.rstrip(b"\r\n") + shape.line_end)
        return
    kept = [i for i in range(len(header.columns)) if i not in known.surplus]
    texts = [header.columns[i] or header.names[i] for i in kept]
    quoted = [f'"{text}"' if header.quoted[i] else text for i, text in zip(kept, texts, strict=True)]
    writer.out.write(",".join(quoted).encode() + shape.line_end)


def _write_block(block: Block, shape: Shape, writer: _Writer, *, touched: bool) -> None:
    block, laid = lay_out(block, len(shape.columns))
    guesses = shape.options.unsafe and bool(shape.knowledge.lengths)
    if not touched and not shape.reshaped and not guesses and writer.origins is None:
        writer.out.write(block.data)
    else:
        _write_records(block, laid, shape, writer)
    writer.report.records += laid.records
    writer.record += laid.records
    writer.line += block.feeds


def _write_records(block: Block, laid: Layout, shape: Shape, writer: _Writer) -> None:
    above = block.lines_before(laid.starts)
    broken = {piece.start: piece.code for piece in block.broken}
    for index, (start, end) in enumerate(zip(laid.starts.tolist(), laid.ends.tolist(), strict=True)):
        line = writer.line + int(above[index]) + 1
        if laid.numbers[index] < 0:
            writer.note([Repair("STR103", "", "")], record=None, line=line)
            writer.report.removed += 1
            continue
        number = writer.record + int(laid.numbers[index]) + 1
        _write_record(block.data[start:end], shape, writer, broken=broken.get(start, ""), record=number, line=line)


def _write_record(raw: bytes, shape: Shape, writer: _Writer, *, broken: str, record: int, line: int) -> None:
    pieces, repairs = [raw], []
    if b"\r" in raw.replace(b"\r\n", b"") and broken in {"", "FIL108"}:
        split = list(_at_lone_returns(raw, shape.line_end))
        if not broken or _all_well_formed(split, shape.separator):
            pieces, broken = split, ""
        repairs = [Repair("FIL108", "", "")] * (len(pieces) - 1)
    written = 0
    for piece in pieces:
        data, found = repair_record(piece, shape, broken=broken)
        repairs += found
        written += len(data)
        writer.write(data, record=record, line=line)
    if repairs:
        writer.note(repairs, record=record, line=line)
        writer.report.removed += not written
        writer.report.changed += bool(written)


def _all_well_formed(pieces: list[bytes], separator: int) -> bool:
    strict = [read_strictly(piece, 0, separator) for piece in pieces]
    return all(not found.code and found.end == len(piece) for found, piece in zip(strict, pieces, strict=True))


def _at_lone_returns(raw: bytes, line_end: bytes) -> Iterator[bytes]:
    """Yield the records between carriage returns that stand alone, outside quotes."""
    piece = b""
    for found in _LONE_RETURN.finditer(raw):
        if found[1] is not None:
            piece += found[0]
        elif piece:
            yield piece + line_end
            piece = b""
    if piece:
        yield piece
