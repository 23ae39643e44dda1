"""Repair defects that only a repaired copy shows: lost zeros of codes, decimals of ids, and repeated keys."""

import re

import numpy as np

from bulkops.fixing.options import AppliedRepair
from bulkops.fixing.origins import Origins
from bulkops.fixing.rewriting import BLOCK_BYTES
from bulkops.fixing.scan import FileScan
from bulkops.fixing.source import opened
from bulkops.fixing.writer import BlockWriter, RepairWriter
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.records.layout import Block, lay_out
from bulkops.reading.records.quoting import cells
from bulkops.reading.records.structural_index import Offsets
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
    repeats = np.zeros(0, np.int64) if restoring else scan.repeats
    header = scan.file_start.header
    assert header is not None
    with opened(copy) as stream:
        reader = ContentReader(stream)
        file_start = read_file_start(reader, contract)
        writer.write(file_start.header_line)
        if writer.origins is not None:
            writer.origins.opening = len(file_start.header_line)
        line, count, width = file_start.lines + 1, 0, len(header.columns)
        for block in blocks(reader, separator=header.separator, width=width, size=BLOCK_BYTES):
            count += _write_block(block, scan, repeats - count, origins, line, writer)
            line += block.feeds


def _write_block(
    block: Block, scan: FileScan, repeats: Offsets, origins: Origins, line: int, writer: RepairWriter
) -> int:
    """Write a block of the copy that begins at a line, and return the number of its records.

    `repeats` are the records to remove, counted from the first of the block.
    """
    header = scan.file_start.header
    assert header is not None
    width = len(header.columns)
    block, laid = lay_out(block, width)
    above = block.lines_before(laid.starts)
    out = BlockWriter(writer, origins.of(above + line), np.diff(above, append=block.feeds))
    whole = ((laid.fields == width) & ~laid.malformed).tolist()
    removed = np.isin(laid.numbers, repeats).tolist()
    view, done = memoryview(block.data), 0
    for index, (start, end) in enumerate(zip(laid.starts.tolist(), laid.ends.tolist(), strict=True)):
        raw = block.data[start:end]
        if removed[index]:
            data, repairs = b"", [AppliedRepair("UNQ101", raw.decode("utf-8", "backslashreplace").rstrip("\r\n"), "")]
        else:
            data, repairs = _restored(raw, scan) if whole[index] else (raw, [])
        if repairs:
            out.keep(view[done:start])
            out.replace(index, [data], repairs)
            done = end
    out.keep(view[done:])
    out.finish()
    return laid.records


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
