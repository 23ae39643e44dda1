"""Damage by spreadsheets and dates that do not exist: each form is found, and what only resembles one is not."""

import csv
import io
from collections.abc import Iterable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops_validators import CONTRACTS
from bulkops_validators.model import patterns

SAFE, UNSAFE = FixOptions(zone=ZoneInfo("UTC"), end_of_day=False), FixOptions(unsafe=True, zone=ZoneInfo("UTC"))


def source_of(*rows: Iterable[str]) -> Source:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return Source("memory.csv", lambda: io.BytesIO(out.getvalue().encode()))


def check(contract: str, column: str, *cells: str) -> FileReport:
    return validate_files(CONTRACTS[contract], [source_of([column], *([cell] for cell in cells))]).files[0]


def in_dates(*cells: str) -> tuple[Source, FileReport]:
    source = source_of(["value", "startdate"], *([f"CODE{n}", cell] for n, cell in enumerate(cells)))
    return source, validate_files(CONTRACTS["coupons"], [source]).files[0]


def fixed(source: Source, options: FixOptions) -> bytes:
    out = io.BytesIO()
    fix_file(CONTRACTS["coupons"], source, out, options=options, log=lambda _: None)
    return out.getvalue()


DAMAGED = {
    "XLS101": ["1.23E-05", "1,5e-7", "1.23E+15"],
    "XLS104": [
        "Mar-2026", "Mar-24", "2026/03/05", "2026/3/5", "5-Mär", "05. Mrz", "Dez-24", "Mai-2026", "3-Okt-26",
        "02/09", "31/12", "12/31",
        "24-juin", "juin-24", "janv.-24", "Sept-2026", "déc-26", "Ene-26", "5-dic", "Giu-26", "3-ott",
    ],
    "XLS105": [
        "#ZAHL!", "#BUSY!", "#GETTING_DATA", "#ÜBERLAUF!", "#KALK!", "#NOMBRE!", "#NOM?", "#PROPAGATION!", "#¿NOMBRE?",
        "#¡VALOR!",
        "#N/D", "#RIF!", "#ESPANSIONE!", "#CONNECT!", "#ERROR!",
    ],
    "XLS106": ["###", "########"],
    "XLS114": ["-2+3+cmd|' /C calc'!A0", "-1+1", "-1.5*A1", "-1e5-1", "+1+1", "-A1", "- item", "-10-OFF"],
}  # fmt: skip


@pytest.mark.parametrize("code", DAMAGED)
def test_damage_by_a_spreadsheet_is_found_in_codes(code: str) -> None:
    report = check("coupons", "value", *DAMAGED[code])
    assert report.counts.get(code) == len(DAMAGED[code])
    assert set(report.counts) <= {code, "COD205"}


def test_two_hash_signs_are_a_column_too_narrow() -> None:
    assert check("coupons", "value", "##").counts == {"XLS106": 1, "COD203": 1}
    assert check("coupons", "value", "#1 FAN", "SALE#").counts == {}


@pytest.mark.parametrize("cell", ["#ZAHL!", "#GETTING_DATA", "##", "#¡DIV/0!"])
@pytest.mark.parametrize("column", ["limitval", "discountlimit", "startdate", "attributes"])
def test_an_error_value_of_a_spreadsheet_is_reported_in_typed_columns(column: str, cell: str) -> None:
    source = source_of(["value", column], ["CODE1", cell])
    assert validate_files(CONTRACTS["coupons"], [source]).files[0].counts == {"TYP108": 1}


def test_codes_that_only_resemble_dates_are_left_alone() -> None:
    # Spreadsheets do not write months in capitals; of those, only the short English forms count as dates.
    codes = [
        "SET-24",
        "MARS-24",
        "GEN-2024",
        "JUIL-26",
        "mark-24",
        "sept-245",
        "MAY-2024",
        "OCT-2024",
        "99/99",
        "02/30",
        "30/02",
        "31/04",
        "13/13",
        "32/01",
        "1234/56/78",
        "3/4 OFF",
    ]
    assert check("coupons", "value", *codes).counts == {}


def test_sizes_and_fractions_outside_codes_are_not_reported_as_dates() -> None:
    assert check("collections", "item", "10/12", "01/02", "3/4").counts == {}


@pytest.mark.parametrize("column", ["item", "value"])
def test_negative_numbers_are_not_reported_as_formulas(column: str) -> None:
    contract = "collections" if column == "item" else "coupons"
    assert "XLS114" not in check(contract, column, "-100", "-1.5", "-1e5", "-1e-5", "-1,000.50", "-5%", "-5 EUR").counts


def test_negative_numbers_in_number_columns_are_judged_as_numbers() -> None:
    for cell, counts in (("-1", {}), ("-1.5", {}), ("-1e5", {"TYP102": 1})):
        assert check_points(cell) == counts


def check_points(amount: str) -> dict[str, int]:
    source = source_of(["customerprofileid", "amount"], ["A", amount])
    counts = validate_files(CONTRACTS["loyalty-points"], [source]).files[0].counts
    return {code: count for code, count in counts.items() if not code.startswith("VAL")}


EIGHT = ("00000123", "31415926", "27182818", "16180339", "14142135", "17320508", "22360679")


@pytest.mark.parametrize(
    ("cells", "lost"),
    [
        ((*EIGHT, "57721566", "131"), 1),
        ((*EIGHT[:4], "131"), 1),
        ((*EIGHT[:3], "131"), 0),
        ((*EIGHT, "131", "132"), 0),
        ((*EIGHT[1:], "57721566", "131"), 0),
        (("1000", "1001", "1002", "1003", "999"), 0),
        (("0001", "0002", "0003", "1004", "999"), 1),
        (("001", "002", "003", "004", "5"), 0),
    ],
)
def test_few_numbers_show_lost_zeros_where_others_have_zeros_in_front(cells: tuple[str, ...], lost: int) -> None:
    assert check("coupons", "value", *cells).counts.get("XLS103", 0) == lost
    after = fixed(source_of(["value"], *([cell] for cell in cells)), UNSAFE).split()[1:]
    assert (after != [cell.encode() for cell in cells]) == bool(lost)


def test_local_dates_exist_as_the_calendar_has_them_in_either_order() -> None:
    by_calendar = set()
    for year in (2000, 2023, 2024, 2100):
        days = (date(year, 1, 1) + timedelta(n) for n in range(366))
        for day in (day for day in days if day.year == year):
            by_calendar |= {f"{day.day:02d}/{day.month:02d}/{year}", f"{day.month:02d}/{day.day:02d}/{year}"}
    years = (2000, 2023, 2024, 2100)
    every = pl.Series([f"{a:02d}/{b:02d}/{year}" for a in range(40) for b in range(40) for year in years])
    assert set(every.filter(every.str.contains(patterns.LOCAL_DATE_THAT_EXISTS))) == by_calendar


@pytest.mark.parametrize("options", [SAFE, UNSAFE], ids=["safe", "unsafe"])
@pytest.mark.parametrize(
    "cell", ["99/99/2027", "30/02/2027", "2/30/27", "29.02.2027", "31-4-2027", "13/13/2027", "00/05/2027 10:00"]
)
def test_a_local_date_that_exists_in_neither_order_does_not_exist(cell: str, options: FixOptions) -> None:
    source, report = in_dates(cell)
    assert report.counts == {"DAT101": 1}
    assert cell.encode() in fixed(source, options)


def test_a_local_date_that_does_not_exist_shows_no_order() -> None:
    assert in_dates("31/12/2030", "99/99/2027", "02/30/2027")[1].counts == {"DAT103": 1, "DAT101": 2}
    assert in_dates("01/02/2030", "30/02/2027")[1].counts == {"DAT103": 1, "DAT101": 1, "DAT110": 1}


@pytest.mark.parametrize("cell", ["31/12/2030", "12/31/2030", "29/02/2028", "29.2.28", "03.13.2030", "1/5/30 9:00"])
def test_a_local_date_valid_in_one_order_is_reported_only_for_its_form(cell: str) -> None:
    assert set(in_dates(cell)[1].counts) <= {"DAT103", "DAT110"}
