"""The structure of files, against Python's strict reader and against itself in other block sizes."""

import csv
import io
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bulkops.reading.sources import Source
from bulkops.validation.checks.encoding import decoded, readable, undecodable
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

HEADER = "subledgerid,customerprofileid,tiername,expirydate\n"
STRUCTURE = ("FIL", "STR", "HDR")

lean = settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))

cells = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=("Cc", "Cs"))
    | st.sampled_from(",\"\n ;{'")
)
records = st.lists(cells, min_size=4, max_size=4).filter(lambda record: any(cell.strip() for cell in record))
well_formed = st.lists(records, min_size=1, max_size=30)
pieces = st.sampled_from(
    [
        '"',
        '""',
        ",",
        "\n",
        "\r\n",
        "\r",
        "a",
        "b,c,d,e\n",
        '"x","y","z","w"\n',
        "é",
        "😀",
        ' "',
        '",',
        ',"',
        "\n\n",
        "1,2,3,4\n",
        '{"a": 1}',
    ]
)


def source_of(data: bytes) -> Source:
    return Source("memory.csv", lambda: io.BytesIO(data))


def check(data: bytes, **chosen: object) -> FileReport:
    settings_ = ValidationSettings(**{"max_findings": 10_000, **chosen})  # type: ignore[arg-type] # by name
    return validate_files(CONTRACTS["loyalty-tiers"], [source_of(data)], settings=settings_).files[0]


def structural(report: FileReport) -> list[tuple[str, int | None, int | None, int | None]]:
    return [(f.code, f.record, f.line, f.byte) for f in report.findings if f.code.startswith(STRUCTURE)]


@lean
@given(well_formed, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_well_formed_files_have_no_structural_error(
    rows: list[list[str]], ending: str, quote_all: bool, last_line_ends: bool
) -> None:
    out = io.StringIO(newline="")
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator=ending, quoting=quoting).writerows([HEADER.strip().split(","), *rows])
    text = out.getvalue() if last_line_ends else out.getvalue().removesuffix(ending)
    report = check(text.encode(), block_bytes=64)
    assert [f for f in structural(report) if f[0] not in {"STR109", "STR115"}] == []
    assert report.records == len(rows)


@lean
@example(body='😀",",\n",a😀,","\n1,2,3,4', size=9)
@example(body='x"y," ""\nCODE28",,', size=8)  # a well-quoted cell ends with a doubled quote where a block may end
@example(body='a","\n",a"aa",', size=8)  # the last cell of a window is empty, and goes on in the file
@example(body='""b,c,d,e\n"""\n"\r', size=8)  # a return alone behind a quote, once with a broken record before it
@given(body=st.lists(pieces, max_size=40).map("".join), size=st.integers(min_value=8, max_value=200))
def test_findings_are_the_same_for_any_block_size(body: str, size: int) -> None:
    data = (HEADER + body).encode()
    whole, split = check(data), check(data, block_bytes=size)
    assert structural(split) == structural(whole)
    assert split.counts == whole.counts
    assert split.records == whole.records
    assert [f.to_json() for f in split.findings] == [f.to_json() for f in whole.findings]


def strict_rows(text: str) -> list[list[str]] | None:
    """Return the rows as Python's strict reader sees them; None if it refuses them."""
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        return None


@lean
@example('😀",",\n",a😀,","')  # a stray quote behind a cell over two lines
@example('a "{"a": 1},"\r\n""",😀",')
@given(st.lists(pieces, max_size=40).map("".join))
def test_structural_errors_agree_with_a_strict_csv_reader(body: str) -> None:
    if "\r" in body.replace("\r\n", ""):
        return  # Python ends records at a lone carriage return; here it is a finding of its own
    text = HEADER + body
    report = check(text.encode())
    rows = strict_rows(text)
    errors = {code for code, *_ in structural(report)} - {"STR103", "STR108", "STR109", "STR110", "STR115", "FIL109"}
    if rows is None:
        assert errors
    elif all(len(row) == 4 for row in rows):
        # A quote inside an unquoted cell is legal for Python, even when strict, but not in RFC 4180.
        assert errors <= {"STR104"}
        assert errors or report.records == len(rows) - 1
    else:
        assert errors


@lean
@given(st.binary(max_size=300), st.integers(min_value=8, max_value=100))
def test_validation_of_any_bytes_raises_no_exception(data: bytes, size: int) -> None:
    for prefix in (b"", HEADER.encode()):
        report = check(prefix + data, block_bytes=size)
        assert report.errors + report.warnings == sum(report.counts.values())


some_bytes = st.lists(
    st.sampled_from(
        [
            b"a",
            b",",
            b"\n",
            b"\xe9",
            b"\xe4",
            b"\x81",
            b"\xc3",
            b"\xa9",
            b"\xe2\x82\xac",
            b"\xe2\x82",
            b"\xff",
            b"\x01",
            b"\x02",
        ]
    ),
    max_size=40,
).map(b"".join)


@lean
@given(some_bytes | st.binary(max_size=60).map(lambda data: b"x".join(bytes((byte,)) for byte in data)))
def test_bytes_that_are_not_utf_8_are_read_as_windows_1252_letters_or_placeholders(data: bytes) -> None:
    read = readable(data).decode()
    certain = all(code == "FIL104" for code, _, _ in undecodable(data))
    for one, other in zip(read, decoded(data), strict=True):
        if one == other:
            continue
        # A sign of Windows-1252 that has a rule of its own becomes a letter that no rule knows.
        assert not other.isascii()
        assert "\u1480" <= one <= "\u14ff" or (one == "x" and not certain)


@lean
@given(some_bytes)
def test_a_cell_with_bytes_that_are_not_utf_8_has_one_finding(data: bytes) -> None:
    runs = [undecodable(cell) for line in data.split(b"\n") for cell in line.split(b",")]
    first = [{code: message for code, _, message in reversed([*found])} for found in runs]
    report = check(HEADER.encode() + data)
    told = [f.message.partition("; the text would be")[0] for f in report.findings if f.code in {"FIL102", "FIL104"}]
    # Bytes that cannot be Windows-1252 show that the others are not either.
    expected = [messages.get("FIL102") or messages["FIL104"] for messages in first if messages]
    assert sorted(told) == sorted(expected)


@given(well_formed)
@settings(lean, max_examples=30)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fields_in_error_are_those_duckdb_rejects(tmp_path: Path, rows: list[list[str]]) -> None:
    duckdb = pytest.importorskip("duckdb")
    rows = [row[: 4 - index % 3 % 2] for index, row in enumerate(rows)]
    rows = [row for row in rows if any(row)]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([HEADER.strip().split(","), *rows])
    path = tmp_path / "rejects.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    with duckdb.connect() as connection:
        connection.execute(
            "select * from read_csv(?, header=true, all_varchar=true, auto_detect=false, delim=',', "
            "quote='\"', escape='\"',"
            " columns={'a':'varchar','b':'varchar','c':'varchar','d':'varchar'}, store_rejects=true, strict_mode=true)",
            [str(path)],
        ).fetchall()
        rejected = {line for (line,) in connection.execute("select distinct line from reject_errors").fetchall()}
    report = validate_files(CONTRACTS["loyalty-tiers"], [path]).files[0]
    found = {f.record for f in report.findings if f.code in {"STR101", "STR102"}}
    assert found == {line - 1 for line in rejected}
