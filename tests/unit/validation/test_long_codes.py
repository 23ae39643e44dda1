"""Columns of only long codes: the check of all bytes at once agrees with the pattern of each cell."""

from io import BytesIO

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulkops.reading.sources import stream_source
from bulkops.validation.checks.long_codes import LEAST, are_long_codes
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
from bulkops_validators.model import patterns
from bulkops_validators.model.cells import Text
from bulkops_validators.model.contract import Contract

PARTS = [
    "A",
    "z",
    "9",
    "0",
    "-",
    ".",
    "_",
    "@",
    "%",
    " ",
    "/",
    ":",
    "[",
    "`",
    "{",
    "^",
    "\n",
    "é",
    "\x00",
    "\x7f",
    "SEP",
]
codes = st.lists(st.sampled_from(PARTS), min_size=LEAST, max_size=LEAST + 4).map("".join)
regular = st.from_regex(r"[A-Za-z][A-Za-z0-9._@%-]{8,14}[A-Za-z0-9]", fullmatch=True)


@given(st.lists(regular, min_size=1, max_size=8), st.lists(codes, max_size=1))
@example(["ABCDEFGH-01"], ["ABCDEFGHI\nB"])
@example(["ABCDEFGH-01"], ["\nABCDEFGHIJ"])
@example(["ABCDEFGH-01"], ["ABCDEFGHIJ\n"])
def test_a_column_of_long_codes_is_one_that_the_pattern_finds_plain(usual: list[str], other: list[str]) -> None:
    cells = pl.Series([*usual, *other])
    plain = cells.str.contains(patterns.PLAIN_TEXT)
    if are_long_codes(cells):
        assert plain.all(), cells.filter(~plain)
    else:
        assert other


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize(
    "cell", ["1ABCDEFGHIJ", "ABCDEFGHIJ-", " ABCDEFGHIJ", "ABCDE/FGHIJ", "ABCDEÉFGHIJ", "ABCD\nEFGHIJ"]
)
def test_one_other_cell_at_any_position_is_found(cell: str, position: int) -> None:
    cells = ["ABCDEFGHIJ", "customer-0001"]
    cells.insert(position, cell)
    assert not are_long_codes(pl.Series(cells))


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_repeated_header_among_long_codes_is_reported(contract: Contract) -> None:
    name = next(column.name for column in contract.columns if isinstance(column.cell, Text))
    lines = [name, "CUSTOMER-01", name, "CUSTOMER-02"]
    source = stream_source("f.csv", BytesIO("\n".join(lines).encode()))
    (report,) = validate_files(contract, [source], settings=ValidationSettings(select=("HDR110",))).files
    assert [finding.record for finding in report.findings] == [2]
