"""Records that are written without a look at each: `repair_record` must leave every one of them as it is."""

from itertools import product

import numpy as np
import pytest

from bulkops.fixing.forms import RecordForms, _add_numbers, _add_numbers_slowly
from bulkops.fixing.options import FileEvidence, FixOptions
from bulkops.fixing.repairs.carriage_returns import lone_returns
from bulkops.fixing.repairs.records import RecordShape, repair_record
from bulkops.fixing.unchanged import CellSpans, UnchangedRecords
from bulkops.reading.records.layout import Block, Layout, lay_out
from bulkops.reading.records.quoting import all_records
from bulkops_validators import CONTRACTS
from sample_data.contract import ContractSamples
from sample_data.contracts import ALL_SAMPLES
from sample_data.twins import line

CELLS = (
    "", " ", "\u00a0", "\t", "x ", " x", "\ufeffx", "---", "-----\n", "# note", "total", '="12"', "1 ", " 2", "1,5",
    "1.500", "1,000.50", "12.0", "TRUE", "immediate", "IMMEDIATE", "2030-01-01T00:00:00Z", "2030-01-01 00:00:00Z",
    "1893456000", "01.02.2030", "{“a”: 1}", '{"a": 1}', "{'a': 1}", "['a', 'b']", "a; b", "a;b", "ACTIVE", "null",
    "code\n", "caf\u00e9", "line\r\nline", "a\rb",
)  # fmt: skip


def shape_of(contract: str, columns: tuple[str, ...], *, crlf: bool = False) -> RecordShape:
    return RecordShape(
        contract=CONTRACTS[contract],
        columns=columns,
        separator=ord(","),
        line_end=b"\r\n" if crlf else b"\n",
        surplus=frozenset(),
        evidence=FileEvidence(),
        options=FixOptions(),
        names=columns,
    )


def block_of(lines: list[str], width: int) -> tuple[Block, Layout]:
    data = "".join(lines).encode()
    piece = all_records(data, separator=ord(","), width=width)
    return lay_out(Block(data, ord(","), piece.malformed, piece.structure), width)


@pytest.mark.parametrize("crlf", [False, True])
@pytest.mark.parametrize("samples", ALL_SAMPLES, ids=lambda samples: samples.contract)
def test_no_repair_changes_a_record_that_is_written_unchanged(samples: ContractSamples, crlf: bool) -> None:
    good = samples.good[samples.contract]()
    shape = shape_of(samples.contract, good.columns, crlf=crlf)
    records = [list(record.values()) for record in good.records[:20]]
    odd = [[*record] for record, _ in product(records[:1], CELLS) for _ in good.columns]
    for record, (cell, place) in zip(odd, product(CELLS, range(len(good.columns))), strict=True):
        record[place] = cell
    lines = [line(record) for record in (*records, list(good.columns), *odd)]
    lines = [text.replace("\n", "\r\n") if crlf and "\n" not in text[:-1] else text for text in lines]
    block, laid = block_of(lines, len(good.columns))
    finder = UnchangedRecords(shape)
    certain = finder.sort(*block_of(lines[:20], len(good.columns))).unchanged
    assert certain.any()
    found = finder.sort(block, laid)
    for index in np.flatnonzero(found.unchanged).tolist():
        raw = block.data[laid.starts[index] : laid.ends[index]]
        assert not lone_returns(raw)
        assert repair_record(raw, shape) == (raw, [])


@pytest.mark.parametrize("samples", ALL_SAMPLES, ids=lambda samples: samples.contract)
def test_records_in_which_only_cells_change_are_repaired_as_if_alone(samples: ContractSamples) -> None:
    good = samples.good[samples.contract]()
    shape = shape_of(samples.contract, good.columns)
    first = list(good.records[0].values())
    # A carriage return in the block would leave all its records to the repair of single records.
    texts = [cell for cell in CELLS if "\r" not in cell]
    pairs = [(text, place) for text in (*texts, f" {good.columns[0]}") for place in range(len(good.columns))]
    records = [[*first[:place], text, *first[place + 1 :]] for text, place in pairs]
    lines = [line(record) for record in (*records, [f" {cell}" for cell in first])]
    lines += [f"{text[:-1]},,\n" for text in lines]
    block, laid = block_of(lines, len(good.columns))
    finder, spans, repaired = UnchangedRecords(shape), CellSpans(block, laid), 0
    found = finder.sort(block, laid)
    for index, places in found.cells.items():
        raw = block.data[laid.starts[index] : laid.ends[index]]
        fast = finder.repaired(raw, spans.of(index, places), int(found.surplus[index]))
        assert fast is None or fast == repair_record(raw, shape)
        repaired += fast is not None and fast[0] != raw
    assert repaired


def test_every_good_record_with_one_line_is_certain() -> None:
    for samples in ALL_SAMPLES:
        good = samples.good[samples.contract]()
        lines = [line(list(record.values())) for record in good.records]
        finder = UnchangedRecords(shape_of(samples.contract, good.columns))
        assert finder.sort(*block_of(lines, len(good.columns))).unchanged.all(), samples.contract


def test_unsafe_repairs_look_at_every_record() -> None:
    shape = shape_of("stores", ("store_integration_id",))
    unsafe = RecordShape(**{**vars(shape), "options": FixOptions(unsafe=True)})
    block, laid = block_of(["STORE-0001\n", "STORE-0002\n"], 1)
    assert UnchangedRecords(shape).sort(block, laid).unchanged.all()
    assert not UnchangedRecords(unsafe).sort(block, laid).unchanged.any()


@pytest.mark.parametrize("cell", [*CELLS, '"1,5"', " 0,5 ", "1.234,5", "1,234,567", "12.500", "-1.500.000", "1.2.3"])
def test_forms_of_numbers_are_those_that_each_record_shows(cell: str) -> None:
    block, laid = block_of([line(["a", "5"]), line(["b", cell]), line(["c", "1.5", "more"])], 2)
    fast, slow = RecordForms(), RecordForms()
    sound = (laid.numbers >= 0) & ~laid.malformed & (laid.fields >= 2)
    _add_numbers(fast, block, laid, {1: "limit"}, 2)
    _add_numbers_slowly(slow, block, laid, {1: "limit"}, sound)
    assert fast.numbers == slow.numbers
