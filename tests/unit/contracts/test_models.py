"""The pandera models on real files: they run on every sample, and find the errors that the engine finds."""

import io
from pathlib import Path

import pandera.errors
import polars as pl
import pytest

import bulkops_validators
from bulkops.reading.records.layout import Block, lay_out
from bulkops.reading.records.quoting import cut
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

SAMPLES = Path(__file__).parents[3] / "sample_data"
OF_CONTENT = {c for c, r in RULES.items() if r.severity is Severity.ERROR and r.family not in {"FIL", "STR", "IMP"}}

Error = tuple[str, int, str]


def contract_of(path: Path) -> Contract:
    return CONTRACTS[next(name for name in sorted(CONTRACTS, key=len, reverse=True) if path.stem.startswith(name))]


def by_model(contract: Contract, frame: pl.DataFrame) -> set[Error]:
    """Return column, record and rule of each failure; the column is blank for rules across columns."""
    try:
        getattr(bulkops_validators, contract.model_name).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        keys = {unique.code: unique.columns[-1] for unique in contract.unique}
        cases = errors.failure_cases.select("check", "column", "index").iter_rows()
        return {
            (keys.get(check, "") if check[:3] in {"XCL", "UNQ", "HDR"} else column, index + 1, check)
            for check, column, index in cases
        }
    return set()


def by_engine(contract: Contract, data: bytes) -> set[Error]:
    """Return column, record and rule of each error in the content."""
    settings = ValidationSettings(max_findings=10_000)
    report = validate_files(contract, [Source("memory.csv", lambda: io.BytesIO(data))], settings=settings).files[0]
    return {
        ("" if f.code[:3] in {"XCL", "HDR"} else f.column or "", f.record or 0, f.code)
        for f in report.findings
        if f.code in OF_CONTENT and f.severity is Severity.ERROR
    }


def sound(data: bytes) -> bytes:
    """Return a file without the records that no frame holds: those of wrong structure, and blank ones."""
    header, _, body = data.partition(b"\n")
    width = header.count(b",") + 1
    piece = cut(body, final=True, separator=ord(","), width=width)
    _, laid = lay_out(Block(body, ord(","), piece.broken, piece.marks), width)
    good = (laid.numbers >= 0) & ~laid.broken & (laid.fields == width)
    records = [body[start:end] for start, end in zip(laid.starts[good], laid.ends[good], strict=True)]
    return header + b"\n" + b"".join(record for record in records if width == 1 or record.strip(b',"\n'))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.csv")), ids=lambda path: path.stem)
def test_a_model_accepts_a_good_sample(path: Path) -> None:
    assert by_model(contract_of(path), pl.read_csv(path, infer_schema=False)) == set()


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("broken/*.csv")), ids=lambda path: path.stem)
def test_a_model_finds_the_errors_of_a_broken_sample_that_the_engine_finds(path: Path) -> None:
    contract, data = contract_of(path), sound(path.read_bytes())
    found = by_model(contract, pl.read_csv(data, infer_schema=False, empty_string_is_null=False))
    assert found == by_engine(contract, data)
    assert found


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("broken/header/*.csv")), ids=lambda path: path.stem)
def test_a_model_refuses_a_frame_with_a_wrong_header(path: Path) -> None:
    frame = pl.read_csv(path, infer_schema=False).select(pl.exclude("^.*_duplicated_.*$"))  # a frame has no name twice
    model = getattr(bulkops_validators, contract_of(path).model_name)
    with pytest.raises(pandera.errors.SchemaErrors, match=r"column_in_(dataframe|schema)"):
        model.validate(frame, lazy=True)


ONLY_ONE_COLUMN = {"customerprofileid": "customer-1,10\ncustomer-2,20\n", "identifier": "CARD-0001,10\nCARD-0002,20\n"}


@pytest.mark.parametrize("column", ONLY_ONE_COLUMN)
def test_a_model_accepts_a_file_with_one_of_two_exclusive_columns(column: str) -> None:
    data = f"{column},amount\n{ONLY_ONE_COLUMN[column]}".encode()
    assert by_model(CONTRACTS["loyalty-points"], pl.read_csv(data, infer_schema=False)) == set()


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.name)
def test_a_model_accepts_a_frame_without_records(contract: Contract) -> None:
    frame = pl.DataFrame(schema=dict.fromkeys(contract.column_names, pl.String))
    assert by_model(contract, frame) == set()


def test_a_cell_of_a_byte_order_mark_alone_is_the_same_to_model_and_engine() -> None:
    rows = ["\ufeff", "STORE-2", "\ufeff", "\ufeffSTORE-2"]
    data = ("store_integration_id\n" + "".join(f"{row}\n" for row in rows)).encode()
    frame = pl.DataFrame({"store_integration_id": rows})
    assert by_model(CONTRACTS["stores"], frame) == by_engine(CONTRACTS["stores"], data)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.name)
def test_a_header_among_the_records_is_an_error_of_model_and_engine(contract: Contract) -> None:
    chosen = contract.column_names if not contract.exclusive else ("identifier", "amount")
    header = ",".join(chosen)
    record = ",".join(contract.column(name).example.replace(",", " ").replace('"', "") for name in chosen)
    data = f"{header}\n{record}\n{header}\n".encode()
    found = by_model(contract, pl.read_csv(data, infer_schema=False))
    assert ("", 2, "HDR110") in found
    assert found == by_engine(contract, data)
