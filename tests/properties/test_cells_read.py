"""Each cell is read as the file has it, wherever blocks end: by validation and by what reads files and exports back."""

import csv
import io
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.readback.parse.tables import read_frames
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.byte_order import MARK
from bulkops.reading.sources import Source
from bulkops.validation.context import Context
from bulkops.validation.engine import validate_files
from bulkops.validation.parse import parse
from bulkops.validation.rule_matches import ExampleBudget
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

lean = settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))

cells = st.text(
    st.sampled_from('\ufeffaé1.,;"\n ') | st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=6
)
rows_of_two = st.lists(st.lists(cells, min_size=2, max_size=2).filter(any), min_size=1, max_size=12)
MARKS = [["\ufeffAB", "x"], ["\ufeffCD", "\ufeff"], ["\ufeff", "y"]]


def csv_of(rows: list[list[str]], *, quote_all: bool) -> bytes:
    out = io.StringIO(newline="")
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator="\n", quoting=quoting).writerows(rows)
    return out.getvalue().encode()


@lean
@example(rows=MARKS, quote_all=False, size=8)
@example(rows=MARKS, quote_all=True, size=8)
@given(rows=rows_of_two, quote_all=st.booleans(), size=st.integers(8, 120))
def test_validation_reads_every_cell_as_the_file_has_it(rows: list[list[str]], quote_all: bool, size: int) -> None:
    contract = CONTRACTS["coupons"]
    context = Context(
        contract=contract,
        columns=("value", "recipientintegrationid"),
        separator=44,
        codes=frozenset(),
        now=None,
        crlf=False,
    )
    reader = ContentReader(io.BytesIO(csv_of(rows, quote_all=quote_all)))
    found: list[list[str]] = []
    for block in blocks(reader, separator=44, width=2, size=size):
        parsed = parse(block, context, ExampleBudget(0, {}))
        assert parsed.numbers is None or np.array_equal(parsed.numbers, np.arange(parsed.records))
        found += [[cell or "" for cell in row] for row in parsed.frame.iter_rows()]
    assert found == rows


@lean
@example(rows=MARKS, quote_all=False, size=8)
@given(rows=rows_of_two, quote_all=st.booleans(), size=st.integers(8, 120))
def test_files_and_exports_are_read_as_they_are(rows: list[list[str]], quote_all: bool, size: int) -> None:
    data = csv_of([["value", "note"], *rows], quote_all=quote_all)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    frames = read_frames(pieces, name="memory.csv", batch_bytes=size)
    found = [list(row) for frame in frames for row in frame.select("value", "note").iter_rows()]
    assert found == rows


SAMPLES = sorted((Path(__file__).parents[2] / "sample_data").glob("*.csv"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", [64, 1 << 20])
def test_a_byte_order_mark_in_front_of_any_record_is_reported(path: Path, size: int) -> None:
    contract = CONTRACTS[next(name for name in sorted(CONTRACTS, key=len, reverse=True) if path.stem.startswith(name))]
    header, *lines = path.read_bytes().split(b"\n")[:40]
    plain = [at for at, line in enumerate(lines) if line.count(b",") == header.count(b",") and b'"' not in line]
    for at in (plain[0], plain[-1]):
        marked = [MARK + line if place == at else line for place, line in enumerate(lines[: plain[-1] + 1])]
        source = Source("memory.csv", lambda marked=marked: io.BytesIO(b"\n".join([header, *marked])))  # type: ignore[misc] # one source a file
        found = validate_files(contract, [source], settings=ValidationSettings(block_bytes=size)).files[0]
        assert found.counts.get("COD102") == 1


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", {"FIL105": 3, "STR103": 1}), ("utf-16-le", {"FIL103": 1, "FIL105": 2, "STR103": 1})],
)
def test_several_byte_order_marks_in_front_of_the_header_are_reported_and_removed(
    encoding: str, expected: dict[str, int]
) -> None:
    data = "\ufeff\ufeff\n\ufeffstore_integration_id\nS-1\n".encode(encoding)
    source = Source("memory.csv", lambda: io.BytesIO(data))
    assert validate_files(CONTRACTS["stores"], [source]).files[0].counts == expected
    out = io.BytesIO()
    fix_file(CONTRACTS["stores"], source, out, options=FixOptions(), log=lambda _change: None)
    assert out.getvalue() == b"store_integration_id\nS-1\n"


codes_with_marks = st.lists(
    st.sampled_from(["\ufeff", "\ufeffAB12", "AB12", "CODE-1", "\u00a0x", "\ufeff\ufeff"]), max_size=9
)


@lean
@example(codes=["\u00a0x", "AB12", "\ufeff", "\ufeff", "CODE-1"], size=8)
@given(codes=codes_with_marks, size=st.integers(8, 60))
def test_a_byte_order_mark_counts_the_same_wherever_blocks_end(codes: list[str], size: int) -> None:
    data = ("profileintegrationid\n" + "".join(f"{code}\n" for code in codes)).encode()

    def counts(block_bytes: int) -> dict[str, int]:
        settings_ = ValidationSettings(block_bytes=block_bytes)
        source = Source("memory.csv", lambda: io.BytesIO(data))
        return dict(validate_files(CONTRACTS["audiences"], [source], settings=settings_).files[0].counts)

    whole = counts(1 << 20)
    assert counts(size) == whole
    assert whole.get("COD102", 0) == sum("\ufeff" in code for code in codes)
