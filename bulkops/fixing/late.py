"""What shows only in a repaired copy: zeros that codes have lost, and keys that stand in it twice."""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from bulkops.fixing.content import opened
from bulkops.fixing.options import Repair
from bulkops.fixing.rewriting import BLOCK_BYTES
from bulkops.fixing.survey import Survey
from bulkops.fixing.writer import Origins, Writer
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.layout import lay_out
from bulkops.reading.quoting import cells
from bulkops.reading.sources import Source
from bulkops.validation.opening import open_content
from bulkops_validators.model.contract import Contract

_NUMBER = re.compile(rb'("?)([1-9][0-9]*)\1')


def has_late_defects(known: Survey) -> bool:
    """Tell whether codes have lost zeros or keys stand twice."""
    return bool(known.lost_zeros) or len(known.repeats) > 0


def rewrite_late(contract: Contract, copy: Source, known: Survey, writer: Writer, origins: Origins) -> None:
    """Write a copy with zeros put back; if there are none to put back, without records whose key stood earlier.

    Codes may be equal only with their zeros.
    """
    repeats = frozenset() if known.lost_zeros else frozenset(known.repeats.tolist())
    with opened(copy) as stream:
        for record in _records(contract, stream, known, writer):
            origin = origins.at(record.offset)
            if record.number in repeats:
                text = record.raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
                writer.note([Repair("UNQ101", text, "")], record=origin.record, line=origin.line)
                writer.removed(origin)
                continue
            data, repairs = _with_zeros(record.raw, known) if record.whole else (record.raw, [])
            writer.write_record(data, origin.touched() if repairs else origin)
            writer.note(repairs, record=origin.record, line=origin.line)
            writer.report.changed += bool(repairs) and not origin.changed


class _Record(NamedTuple):
    """A record of the copy: where it begins, its number from 0 (-1: a blank line), and its bytes.

    `whole` if its quotes are right and it has as many cells as the header.
    """

    offset: int
    number: int
    raw: bytes
    whole: bool


def _records(contract: Contract, stream: BinaryIO, known: Survey, writer: Writer) -> Iterator[_Record]:
    """Write the header, then yield the records."""
    reader = ContentReader(stream)
    opening = open_content(reader, contract)
    writer.write(opening.header_line)
    header = known.opening.header
    assert header is not None
    offset, count, width = opening.offset, 0, len(header.columns)
    for block in blocks(reader, separator=header.separator, width=width, size=BLOCK_BYTES):
        laid = lay_out(block, width)[1]
        numbers = np.where(laid.numbers < 0, -1, laid.numbers + count).tolist()
        whole = ((laid.fields == width) & ~laid.broken).tolist()
        for start, end, number, sound in zip(laid.starts.tolist(), laid.ends.tolist(), numbers, whole, strict=True):
            yield _Record(offset + start, number, block.data[start:end], sound)
        offset, count = offset + len(block.data), count + laid.records


def _with_zeros(raw: bytes, known: Survey) -> tuple[bytes, list[Repair]]:
    """Return a record with the zeros that its codes have lost."""
    header = known.opening.header
    assert header is not None
    repairs = []
    for name, (start, end) in reversed([*zip(header.columns, cells(raw, 0, header.separator), strict=False)]):
        found = _NUMBER.fullmatch(raw, start, end) if end >= 0 else None
        if name is None or found is None:
            continue
        code = found[2].decode()
        if (length := known.lost_zeros.get((name, len(code)))) is not None:
            after = code.zfill(length)
            repairs.append(Repair("XLS103", code, after, name))
            raw = raw[: found.start(2)] + after.encode() + raw[found.end(2) :]
    return raw, repairs[::-1]
