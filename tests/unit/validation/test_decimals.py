"""Decimal numbers that may be thousands, and ids that were made numbers: recognised from the whole column."""

import io

import pytest

from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS


def check(contract: str, column: str, cells: list[str], **chosen: object) -> FileReport:
    other = CONTRACTS[contract].column_names[0]
    rows = [f'NAME{n:04d},"{cell}"' for n, cell in enumerate(cells)] if column != other else [f'"{c}"' for c in cells]
    header = column if column == other else f"{other},{column}"
    data = "\n".join([header, *rows, ""]).encode()
    settings = ValidationSettings(**chosen)  # type: ignore[arg-type] # by name
    return validate_files(CONTRACTS[contract], [Source("m.csv", lambda: io.BytesIO(data))], settings=settings).files[0]


REPORTED = {
    "all grouped": ["1.500", "2.000", "12.750"],
    "one alone": ["1.500"],
    "beside whole numbers": ["7", "1.500", "12000", "0"],
    "beside numbers below one": ["0.500", "1.500"],
    "beside long numbers": ["1500.250", "1.500"],
    "beside decimal commas": ["1.500", "12,75"],
    "with blanks around it": [" 1.500", "2.000 "],
    "beside blank cells": ["", "1.500", ""],
}
HONEST = {
    "two decimals": ["1.50", "2.00"],
    "one other number": ["1.500", "2.000", "2.5"],
    "more decimals": ["1.500", "0.1234"],
    "whole numbers": ["1500", "2000"],
    "numbers below one": ["0.500", "0.125"],
    "no number could be thousands": ["1500.250", "0.125"],
    "nothing": ["", ""],
}


@pytest.mark.parametrize("size", [24, 1 << 20])
@pytest.mark.parametrize("cells", REPORTED.values(), ids=REPORTED)
def test_three_decimals_throughout_a_column_are_reported_once(cells: list[str], size: int) -> None:
    report = check("coupons", "discountlimit", cells, block_bytes=size)
    (finding,) = [f for f in report.findings if f.code == "VAL115"]
    first = next(n for n, cell in enumerate(cells, start=1) if cell.strip() in {"1.500"})
    assert (report.counts["VAL115"], finding.record, finding.column) == (1, first, "discountlimit")
    assert "1.500" in finding.message


@pytest.mark.parametrize("size", [24, 1 << 20])
@pytest.mark.parametrize("cells", HONEST.values(), ids=HONEST)
def test_a_column_with_an_unambiguous_decimal_point_has_no_finding(cells: list[str], size: int) -> None:
    assert "VAL115" not in check("coupons", "discountlimit", cells, block_bytes=size).counts


def test_a_late_number_with_two_decimals_clears_a_long_column() -> None:
    cells = ["1.500"] * 5000 + ["2.5"]
    assert "VAL115" not in check("coupons", "discountlimit", cells, block_bytes=1 << 12).counts
    assert "VAL115" in check("coupons", "discountlimit", cells[:-1], block_bytes=1 << 12).counts


def test_a_masked_finding_about_decimals_hides_the_number() -> None:
    (finding,) = check("coupons", "discountlimit", ["1.500"], mask=True).findings
    assert "1.500" not in finding.message + str(finding.value)


@pytest.mark.parametrize("size", [24, 1 << 20])
@pytest.mark.parametrize(
    ("cells", "count"),
    [
        ([f"{n}.0" for n in range(100200, 100240)], 40),
        ([f"{n}.0" for n in range(100200, 100236)] + ["anna", "ben", "100777", ""], 36),
        ([f"{n},00" for n in range(100200, 100210)], 10),
        ([f"{n}.0" for n in range(100200, 100210)] + [f"customer-{n}" for n in range(10)], None),
        (["1.0", "customer-2", "customer-3"], None),
        ([f"{n}.5" for n in range(100200, 100240)], None),
        ([f"v{n}.0" for n in range(40)], None),
    ],
)
def test_ids_that_were_made_numbers_are_reported_where_nearly_all_are(
    cells: list[str], count: int | None, size: int
) -> None:
    assert check("audiences", "profileintegrationid", cells, block_bytes=size).counts.get("XLS115") == count


def test_ids_in_exponents_and_without_their_zeros_are_reported_too() -> None:
    cells = [f"{n:08d}" for n in range(70, 110)] + ["1.002E+05", "1e+15", "123456"]
    counts = check("audiences", "profileintegrationid", cells).counts
    assert counts == {"XLS101": 2, "XLS103": 1}
