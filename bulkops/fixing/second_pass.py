"""What shows only in a repaired copy: zeros that codes lost, decimals that ids got, and keys that stand in it twice."""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from bulkops.fixing.options import Repair
from bulkops.fixing.rewriting import BLOCK_BYTES
from bulkops.fixing.scan import Survey
from bulkops.fixing.source import opened
from bulkops.fixing.writer import Origins, Writer
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.records.layout import lay_out
from bulkops.reading.records.quoting import cells
from bulkops.reading.sources import Source
from bulkops.validation.preamble import read_file_start
from bulkops_validators.model.contract import Contract

_NUMBER = re.compile(rb'("?)([1-9][0-9]*)\1')
_DECIMAL_IDS = re.compile(rb'("?)([0-9]+[.,]0{1,2}(?:;[0-9]+[.,]0{1,2})*)\1')
_DECIMALS = re.compile(rb"[.,]0{1,2}(?=;|$)")


def has_late_defects(known: Survey) -> bool:
    """Tell whether codes have lost zeros, ids have decimals, or keys stand twice."""
    return bool(known.lost_zeros or known.decimal_ids) or len(known.repeats) > 0


def rewrite_late(contract: Contract, copy: Source, known: Survey, writer: Writer, origins: Origins) -> None:
    """Write a copy with codes restored; if there are none to restore, without records whose key stood earlier.

    Codes may be equal only with their zeros, or without their decimals.
    """
    restoring = known.lost_zeros or known.decimal_ids
    repeats = frozenset() if restoring else frozenset(known.repeats.tolist())
    with opened(copy) as stream:
        for record in _records(contract, stream, known, writer):
            origin = origins.at(record.offset)
            if record.number in repeats:
                text = record.raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
                writer.note([Repair("UNQ101", text, "")], record=origin.record, line=origin.line)
                writer.removed(origin)
                continue
            data, repairs = _restored(record.raw, known) if record.whole else (record.raw, [])
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
    file_start = read_file_start(reader, contract)
    writer.write(file_start.header_line)
    header = known.file_start.header
    assert header is not None
    offset, count, width = file_start.offset, 0, len(header.columns)
    for block in blocks(reader, separator=header.separator, width=width, size=BLOCK_BYTES):
        laid = lay_out(block, width)[1]
        numbers = np.where(laid.numbers < 0, -1, laid.numbers + count).tolist()
        whole = ((laid.fields == width) & ~laid.broken).tolist()
        for start, end, number, sound in zip(laid.starts.tolist(), laid.ends.tolist(), numbers, whole, strict=True):
            yield _Record(offset + start, number, block.data[start:end], sound)
        offset, count = offset + len(block.data), count + laid.records


def _restored(raw: bytes, known: Survey) -> tuple[bytes, list[Repair]]:
    """Return a record with the zeros that its codes lost, and without the decimals that its ids got."""
    header = known.file_start.header
    assert header is not None
    repairs = []
    for name, (start, end) in reversed([*zip(header.columns, cells(raw, 0, header.separator), strict=False)]):
        found = None if name is None or end < 0 else _restored_code(name, raw[start:end], known)
        if found is not None:
            code, before, after = found
            repairs.append(Repair(code, before.decode(), after.decode(), name))
            raw = raw[:start] + raw[start:end].replace(before, after) + raw[end:]
    return raw, repairs[::-1]


def _restored_code(name: str, cell: bytes, known: Survey) -> tuple[str, bytes, bytes] | None:
    """Return the rule, and a code as it is and as it should be, quotes around it left out; None if it is right."""
    if name in known.decimal_ids and (ids := _DECIMAL_IDS.fullmatch(cell)):
        return "XLS115", ids[2], _DECIMALS.sub(b"", ids[2])
    if (number := _NUMBER.fullmatch(cell)) and (length := known.lost_zeros.get((name, len(number[2])))) is not None:
        return "XLS103", number[2], number[2].zfill(length)
    return None
