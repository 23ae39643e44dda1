"""One pass over a file: each record repaired by itself, block by block."""

from dataclasses import dataclass, replace
from functools import cached_property

from bulkops.errors import DataError
from bulkops.fixing.options import FixOptions, Repair
from bulkops.fixing.repairs.carriage_returns import lone_returns, parted
from bulkops.fixing.repairs.encoding import printable, redecoded
from bulkops.fixing.repairs.header import header_repairs, keeps_preamble, repaired_header
from bulkops.fixing.repairs.records import Defect, Shape, repair_record, reshaped
from bulkops.fixing.scan import Survey
from bulkops.fixing.source import opened, refuse_changed
from bulkops.fixing.writer import Origin, Origins, Writer
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.records.layout import Block, lay_out
from bulkops.reading.sources import Source
from bulkops.validation.preamble import open_content
from bulkops_validators.model.contract import Contract

BLOCK_BYTES = 8 << 20


def rewrite(
    contract: Contract,
    source: Source,
    known: Survey,
    writer: Writer,
    options: FixOptions,
    *,
    earlier: Origins | None = None,
    kept: bytes = b"",
) -> None:
    """Write a file with its header and each of its records repaired.

    `earlier` has the origins of the records if the file is a copy itself; records with a flag in `kept`, by their
    numbers from 1, keep their keys. DataError if there is no header to go by, InputUnreadable if the file cannot be
    read to its end.
    """
    shape = _shape(contract, source, known, options)
    with opened(source) as stream:
        reader = ContentReader(stream)
        opening = open_content(reader, contract, renames=options.renames)
        for repair, line in header_repairs(opening, shape):
            writer.note([repair], record=None, line=line)
        if keeps_preamble(opening, shape):
            writer.write(opening.preamble)
        writer.write(repaired_header(opening, shape))
        rewriting = _Pass(shape, writer, earlier, kept, known.last_record, opening.offset, opening.lines)
        for block in blocks(reader, separator=shape.separator, width=len(shape.columns), size=BLOCK_BYTES):
            start, length = rewriting.offset - opening.offset, len(block.data)
            touched = any(begin < start + length and start < end for begin, end in known.touched)
            rewriting.write(block, touched=touched)
    refuse_changed(source, before=known.sha256, after=reader.sha256)


def _shape(contract: Contract, source: Source, known: Survey, options: FixOptions) -> Shape:
    header = known.opening.header
    if header is None or any(fault.code == "HDR107" for fault in header.faults):
        raise DataError(f"{source.path} has no header to go by.", hint="`bulkops validate` says what is wrong.")
    return Shape(
        contract=contract,
        columns=header.columns,
        separator=header.separator,
        line_end=b"\r\n" if known.opening.crlf else b"\n",
        surplus=known.surplus,
        dropped=known.dropped,
        knowledge=known.knowledge,
        options=options,
        names=header.names,
    )


@dataclass
class _Pass:
    """The pass under way: `offset`, `line` and `record` count what is behind it; `last` is the last filled record."""

    shape: Shape
    writer: Writer
    earlier: Origins | None
    kept: bytes
    last: int
    offset: int
    line: int
    record: int = 0

    @cached_property
    def keyless(self) -> Shape:
        """The shape for records that keep their keys."""
        names = (name for unique in self.shape.contract.unique for name in unique.columns)
        return replace(self.shape, kept=frozenset(names))

    def write(self, block: Block, *, touched: bool) -> None:
        """Write the next block; one without findings as it is."""
        block, laid = lay_out(block, len(self.shape.columns))
        if touched or self.shape.rewritten or self.writer.origins is not None:
            above = block.lines_before(laid.starts).tolist()
            defects = {piece.start: Defect(piece.code, piece.at - piece.start) for piece in block.broken}
            places = zip(laid.starts.tolist(), laid.ends.tolist(), laid.numbers.tolist(), above, strict=True)
            for start, end, number, before in places:
                origin = self._origin(start, number, before)
                if number < 0:
                    blank = Repair("STR103", printable(block.data[start:end]), "")
                    self.writer.note([blank], record=None, line=origin.line)
                    self.writer.report.removed += 1
                else:
                    shape = self.keyless if self._keeps_key(self.record + number + 1) else self.shape
                    if self.record + number + 1 == self.last:
                        shape = replace(shape, last=True)
                    self._write_record(block.data[start:end], origin, defects.get(start), shape)
        else:
            self.writer.write(block.data)
        self.offset, self.line = self.offset + len(block.data), self.line + block.feeds
        self.record += laid.records
        if self.earlier is None:
            self.writer.report.records += laid.records

    def _keeps_key(self, record: int) -> bool:
        return record < len(self.kept) and bool(self.kept[record])

    def _origin(self, start: int, number: int, above: int) -> Origin:
        if self.earlier is not None:
            return self.earlier.at(self.offset + start)
        return Origin(self.record + number + 1, self.line + above + 1)

    def _write_record(self, raw: bytes, origin: Origin, defect: Defect | None, shape: Shape) -> None:
        written, repairs = _repaired(raw, shape, defect)
        if (encoding := self.shape.knowledge.decoded_from) is not None and encoding.lines and not raw.isascii():
            repairs.insert(0, redecoded(raw.rstrip(b"\r\n"), encoding))
        for data in written:
            self.writer.write_record(data, origin.touched() if repairs else origin)
        self.writer.note(repairs, record=origin.record, line=origin.line)
        if repairs and any(written):
            self.writer.report.changed += not origin.changed
        elif repairs:
            self.writer.removed(origin)


def _repaired(raw: bytes, shape: Shape, defect: Defect | None) -> tuple[list[bytes], list[Repair]]:
    """Return the records that replace a record, none or several, and the changes.

    In a file of one column any text is a whole record: whether a carriage return parts two is not known there.
    """
    returns = lone_returns(raw) if defect is None or defect.code == "FIL108" else []
    if not returns:
        data, repairs = repair_record(raw, shape, defect=defect)
        return [data], repairs
    pieces = parted(raw, returns, shape.line_end, shape.separator, len(shape.columns))
    if pieces is None or (len(shape.columns) == 1 < len(pieces) and not shape.options.unsafe):
        return [raw if defect else reshaped(raw, shape)], []
    repaired = [repair_record(piece, shape, structure_only=True) for piece in pieces]
    return [data for data, _ in repaired], [
        Repair("FIL108", printable(raw), printable(b"".join(pieces))),
        *(r for _, rs in repaired for r in rs),
    ]
