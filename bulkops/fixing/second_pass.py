"""Repair defects that only a repaired copy shows: lost zeros of codes, decimals of ids, and repeated keys."""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from bulkops.fixing.options import AppliedRepair
from bulkops.fixing.rewriting import BLOCK_BYTES
from bulkops.fixing.scan import FileScan
from bulkops.fixing.source import opened
from bulkops.fixing.writer import Origins, RepairWriter
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.records.layout import lay_out
from bulkops.reading.records.quoting import cells
from bulkops.reading.sources import Source
from bulkops.validation.preamble import read_file_start
from bulkops_validators.model.contract import Contract

_NUMBER = re.compile(rb'("?)([1-9][0-9]*)\1')
_DECIMAL_IDS = re.compile(rb'("?)([0-9]+[.,]0{1,2}(?:;[0-9]+[.,]0{1,2})*)\1')
_DECIMALS = re.compile(rb"[.,]0{1,2}(?=;|$)")


def needs_second_pass(scan: FileScan) -> bool:
    """Return whether codes have lost zeros, ids have decimals, or keys are repeated."""
    return bool(scan.lost_zeros or scan.decimal_ids) or len(scan.repeats) > 0


def write_second_pass(contract: Contract, copy: Source, scan: FileScan, writer: RepairWriter, origins: Origins) -> None:
    """Write a copy with its codes restored; if no code needs it, write it without records with a repeated key.

    Repeated keys are removed only after that, because restored codes may turn out to be equal.
    """
    restoring = scan.lost_zeros or scan.decimal_ids
    repeats = frozenset() if restoring else frozenset(scan.repeats.tolist())
    with opened(copy) as stream:
        for record in _records(contract, stream, scan, writer):
            origin = origins.at(record.offset)
            if record.number in repeats:
                text = record.raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
                writer.log_repairs([AppliedRepair("UNQ101", text, "")], record=origin.record, line=origin.line)
                writer.removed(origin)
                continue
            data, repairs = _restored(record.raw, scan) if record.whole else (record.raw, [])
            writer.write_record(data, origin.touched() if repairs else origin)
            writer.log_repairs(repairs, record=origin.record, line=origin.line)
            writer.report.changed += bool(repairs) and not origin.changed


class _CopiedRecord(NamedTuple):
    """A record of the copy: its offset, its number from 0 (-1: a blank line), and its bytes.

    `whole`: its quotes are valid and it has as many cells as the header.
    """

    offset: int
    number: int
    raw: bytes
    whole: bool


def _records(contract: Contract, stream: BinaryIO, scan: FileScan, writer: RepairWriter) -> Iterator[_CopiedRecord]:
    """Write the header, then yield the records."""
    reader = ContentReader(stream)
    file_start = read_file_start(reader, contract)
    writer.write(file_start.header_line)
    header = scan.file_start.header
    assert header is not None
    offset, count, width = file_start.offset, 0, len(header.columns)
    for block in blocks(reader, separator=header.separator, width=width, size=BLOCK_BYTES):
        laid = lay_out(block, width)[1]
        numbers = np.where(laid.numbers < 0, -1, laid.numbers + count).tolist()
        whole = ((laid.fields == width) & ~laid.malformed).tolist()
        for start, end, number, sound in zip(laid.starts.tolist(), laid.ends.tolist(), numbers, whole, strict=True):
            yield _CopiedRecord(offset + start, number, block.data[start:end], sound)
        offset, count = offset + len(block.data), count + laid.records


def _restored(raw: bytes, scan: FileScan) -> tuple[bytes, list[AppliedRepair]]:
    """Return a record with restored leading zeros in its codes and without decimals in its ids."""
    header = scan.file_start.header
    assert header is not None
    repairs = []
    for name, (start, end) in reversed([*zip(header.columns, cells(raw, 0, header.separator), strict=False)]):
        found = None if name is None or end < 0 else _restored_code(name, raw[start:end], scan)
        if found is not None:
            code, before, after = found
            repairs.append(AppliedRepair(code, before.decode(), after.decode(), name))
            raw = raw[:start] + raw[start:end].replace(before, after) + raw[end:]
    return raw, repairs[::-1]


def _restored_code(name: str, cell: bytes, scan: FileScan) -> tuple[str, bytes, bytes] | None:
    """Return the rule, and a code before and after its repair, without quotes; None if the code is valid."""
    if name in scan.decimal_ids and (ids := _DECIMAL_IDS.fullmatch(cell)):
        return "XLS115", ids[2], _DECIMALS.sub(b"", ids[2])
    if (number := _NUMBER.fullmatch(cell)) and (length := scan.lost_zeros.get((name, len(number[2])))) is not None:
        return "XLS103", number[2], number[2].zfill(length)
    return None
