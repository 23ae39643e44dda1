"""The content of files: engine and pandera models find the same, and a repaired file needs no repair."""

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandera.errors
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bulkops_validators
from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import Choice, Duration, IdList, Integer, JsonObject, Number, Timestamp
from bulkops_validators.model.contract import Column, Contract
from bulkops_validators.model.expressions import cell_checks, plain
from bulkops_validators.model.expressions_forms import json_codes
from bulkops_validators.model.json_cells import judge
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

lean = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))

stamps = st.sampled_from(
    [
        "",
        "2030-01-01T00:00:00Z",
        "2030-01-01T00:00:00+14:00",
        "2029-12-31T23:00:00-05:00",
        "2030-02-30T00:00:00Z",
        "2024-02-29T12:00:00.5Z",
        "2023-02-29T12:00:00Z",
        "2030-01-01",
        "2030-01-01 10:00:00Z",
        "2030-01-01T10:00:00",
        "01/02/2030",
        "31.12.2030",
        "30/02/2027",
        "99/99/2027",
        "29/02/28",
        "##",
        "#ZAHL!",
        "1767225600",
        "46023",
        "Immediate",
        "immediate",
        "unlimited",
        " 2030-01-01T00:00:00Z",
        "2030-13-01T00:00:00Z",
        "2206-01-01T00:00:00Z",
        "#N/A",
        "####",
        "soon",
        "2030-01-01t00:00:00z",
        "2031-06-15T08:00:00Z",
    ]
)
numbers = st.sampled_from(
    [
        "",
        "0",
        "1",
        "-1",
        "1.0",
        "12,50",
        "1,500",
        "1.234,56",
        "x",
        " 5",
        "1e3",
        "999999",
        "1000000",
        "0.125",
        "NaN",
        "٣",
        "1'000",
        "007",
    ]
)
objects = st.sampled_from(
    [
        "",
        "{}",
        '{"a": 1}',
        '{"a": 1, "a": 2}',
        '{"a": 1, "A": 2}',
        "[1]",
        '"x"',
        "{a: 1}",
        '{"1a": 1}',
        '{"a": NaN}',
        "{“a”: 1}",
        '{"a": {"b": 1, "b": 2}}',
        "null",
        "'{}",
        '{"a": "x, y"}',
        '{"a":\n 1}',
        "#REF!",
    ]
)
words = st.sampled_from(
    [
        "",
        "active",
        "inactive",
        "Active",
        " active",
        "blocked",
        "30D",
        "12M_U",
        "30d",
        "5_D",
        "a;b",
        "a;;b",
        "a; b",
        "a;a",
    ]
)
texts = st.sampled_from(
    [
        "",
        " ",
        "AB",
        "ABC",
        "ABCD",
        "CODE-1",
        "code-1",
        "X" * 31,
        "c" * 109,
        "c" * 1001,
        " CODE",
        "CO\u200bDE",
        "\ufeff",
        "\ufeffABCD",
        "CO\u00a0DE",
        "C\u041eDE",
        "cafÃ©",
        "\ufffd",
        "1.23E+15",
        "1234567890123450000",
        "3-May",
        "Mar-26",
        "Mar-2026",
        "juin-24",
        "Sept-2026",
        "JUIN-24",
        "5-Mär",
        "02/09",
        "2026/03/05",
        "1.23E-05",
        "-1+1",
        "##",
        "#¡VALOR!",
        "AB\u2028CD",
        "❤\ufe0f",
        "1\ufe0fA\ufe0f",
        "\u05d0BCD",
        "\u0455\u0430\u04cf\u0435",
        "\u212aSALE",
        "Å\u201a",
        "voilÃ\u00a0",
        "MANHÃ\u201d",
        "æ\u2014¥æ\u0153¬",
        "TRUE",
        "NULL",
        "=1+1",
        '="0012"',
        "'0012",
        "#N/A",
        "########",
        "00123456",
        "CODE 1",
        "\uff23ODE",
        "😀",
        "x\ny",
        'say "hi"',
        "a,b",
        "-5",
        "@x",
        "nan",
        "n/a",
    ]
)


def cells_of(column: Column) -> st.SearchStrategy[str]:
    match column.cell:
        case Timestamp():
            return stamps
        case Integer() | Number():
            return numbers
        case JsonObject():
            return objects
        case Choice() | Duration() | IdList():
            return words
        case _:
            return texts


def rows_of(contract: Contract) -> st.SearchStrategy[list[tuple[str, ...]]]:
    """Return records; one of nothing but blanks is a matter of structure, which models do not judge."""
    row = st.tuples(*(cells_of(column) for column in contract.columns))
    return st.lists(row.filter(lambda cells: any(cell.strip() for cell in cells)), min_size=1, max_size=25)


def csv_of(contract: Contract, rows: list[tuple[str, ...]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([contract.column_names, *rows])
    return out.getvalue().encode()


def source_of(data: bytes) -> Source:
    return Source("memory.csv", lambda: io.BytesIO(data))


def by_engine(contract: Contract, data: bytes) -> set[tuple[str, int, str]]:
    """Return column, record and code of each error; none of the columns of rules across columns, as pandera does."""
    report = validate_files(contract, [source_of(data)], settings=ValidationSettings()).files[0]
    judged = {code for code in RULES if RULES[code].severity is Severity.ERROR and not code.startswith(("FIL", "STR"))}
    return {
        ("" if f.code.startswith("XCL") else f.column or "", f.record or 0, f.code)
        for f in report.findings
        if f.code in judged and f.severity is Severity.ERROR
    }


def by_pandera(contract: Contract, frame: pl.DataFrame) -> set[tuple[str, int, str]]:
    columns = set(contract.column_names)
    keys = {unique.code: unique.columns[-1] for unique in contract.unique}
    try:
        getattr(bulkops_validators, contract.model_name).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        return {
            (column if column in columns else keys.get(check, ""), index + 1, check)
            for check, column, index in cases.select("check", "column", "index").iter_rows()
        }
    return set()


@lean
@given(st.sampled_from(list(CONTRACTS)), st.data())
def test_engine_and_pandera_model_find_the_same_errors(name: str, data: st.DataObject) -> None:
    contract = CONTRACTS[name]
    rows = data.draw(rows_of(contract))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(contract.column_names, pl.String), orient="row")
    assert by_engine(contract, csv_of(contract, rows)) == by_pandera(contract, frame)


@lean
@given(st.sampled_from(list(CONTRACTS)), st.data())
def test_engine_and_pandera_model_agree_whichever_optional_columns_a_file_has(name: str, data: st.DataObject) -> None:
    contract = CONTRACTS[name]
    optional = [column for column in contract.column_names if column not in contract.required_names]
    chosen = set(data.draw(st.lists(st.sampled_from(optional), unique=True))) if optional else set()
    chosen |= {exclusive.columns[0] for exclusive in contract.exclusive if not chosen & set(exclusive.columns)}
    names = [column for column in contract.column_names if column in {*contract.required_names, *chosen}]
    part = replace(contract, columns=tuple(contract.column(column) for column in names))
    rows = data.draw(rows_of(part))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    assert by_engine(contract, csv_of(part, rows)) == by_pandera(contract, frame)


@lean
@given(st.sampled_from(list(CONTRACTS)), st.data())
def test_a_cell_accepted_by_the_bulk_check_passes_every_check(name: str, data: st.DataObject) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    for column in CONTRACTS[name].columns:
        values = data.draw(st.lists(cells_of(column) | st.text(max_size=12), max_size=30))
        frame = pl.DataFrame({column.name: values}, schema={column.name: pl.String})
        clean = frame.filter(plain(column, now))
        for check in cell_checks(column, now):
            assert clean.filter(check.broken)[column.name].to_list() == [], check.code


pieces_of_json = st.lists(
    st.sampled_from(
        [
            *'{}[]:," \n\t\r\x1f\x7f\u00a0\u201c\u2033-+.eE01\\',
            '"a"',
            '"b c"',
            '"a": 1',
            "NaN",
            "true",
            "null",
            "\\u12",
            "\\u00e9",
        ]
    ),
    max_size=9,
).map("".join)


@settings(lean, max_examples=150)
@given(st.lists(st.one_of(pieces_of_json, pieces_of_json.map(lambda inner: f"{{{inner}}}"), objects), max_size=30))
def test_json_judged_in_bulk_is_judged_as_each_cell_by_itself(values: list[str]) -> None:
    found = pl.Series("attributes", values, dtype=pl.String).to_frame().select(json_codes("attributes"))
    verdicts = [judge(value) if value else None for value in values]
    assert found.to_series().to_list() == [verdict.code if verdict else "" for verdict in verdicts]


def fixed(contract: Contract, data: bytes, options: FixOptions) -> bytes:
    out = io.BytesIO()
    fix_file(contract, source_of(data), out, options=options, log=lambda _change: None)
    return out.getvalue()


@lean
@given(st.sampled_from(list(CONTRACTS)), st.data(), st.booleans())
def test_fixing_twice_changes_nothing_more(name: str, data: st.DataObject, unsafe: bool) -> None:
    contract, options = CONTRACTS[name], FixOptions(unsafe=unsafe, zone=ZoneInfo("Europe/Berlin"))
    once = fixed(contract, csv_of(contract, data.draw(rows_of(contract))), options)
    assert fixed(contract, once, options) == once


@lean
@given(st.sampled_from(list(CONTRACTS)), st.data())
def test_fixing_leaves_clean_records_their_bytes(name: str, data: st.DataObject) -> None:
    contract = CONTRACTS[name]
    original = csv_of(contract, data.draw(rows_of(contract)))
    changed: set[int] = set()
    out = io.BytesIO()
    log = lambda change: changed.add(change.record or 0)
    fix_file(contract, source_of(original), out, options=FixOptions(), log=log)
    kept = [text for number, text in enumerate(records(original)) if number not in changed]
    after, place = out.getvalue().decode(), 0
    for text in kept:
        place = after.index(text, place) + len(text)


def records(data: bytes) -> list[str]:
    """Return the records' texts, header first; in a fully quoted file only line ends outside cells follow a quote."""
    return re.split(r'(?<=")\n(?=")', data.decode().removesuffix("\n"))
