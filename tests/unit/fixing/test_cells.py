"""Single cells: blanks first, then the rest; nothing that could be another value."""

from zoneinfo import ZoneInfo

import polars as pl
import pytest

from bulkops.fixing.options import FileEvidence, FixOptions
from bulkops.fixing.repairs.cells import repair_cell
from bulkops_validators import CONTRACTS

SAFE = FixOptions(zone=ZoneInfo("UTC"), end_of_day=False)
UNSAFE = FixOptions(unsafe=True, zone=ZoneInfo("UTC"))


def repaired(
    column: str, text: str, options: FixOptions = SAFE, evidence: FileEvidence | None = None
) -> tuple[str, list[str]]:
    after, repairs = repair_cell(CONTRACTS["coupons"].column(column), text, evidence or FileEvidence(), options)
    return after, [repair.code for repair in repairs]


@pytest.mark.parametrize(
    ("column", "text", "after", "codes"),
    [
        ("limitval", " 1.0", "1", ["TYP107", "XLS110"]),
        ("discountlimit", " 12,5", "12.5", ["TYP107", "XLS109"]),
        ("expirydate", " 03.04.2030", "2030-04-03T00:00:00Z", ["TYP107", "DAT103"]),
        ("expirydate", "\u00a013/04/2030 ", "2030-04-13T00:00:00Z", ["TYP107", "DAT103"]),
        ("limitval", " x ", "x", ["TYP107"]),
        ("limitval", "  ", "", ["TYP107"]),
        ("attributes", " \u2028\u3000", "", ["TYP107"]),
    ],
)
def test_blanks_are_removed_before_other_repairs_of_the_cell(
    column: str, text: str, after: str, codes: list[str]
) -> None:
    assert repaired(column, text) == (after, codes)


def test_blanks_are_what_validation_takes_for_blanks() -> None:
    every = [chr(n) for n in range(0x3100) if n != 0]
    by_polars = pl.Series([f"{c}ABCD{c}" for c in every]).str.strip_chars()
    assert [repaired("value", f"{c}ABCD{c}")[0] for c in every] == by_polars.to_list()


@pytest.mark.parametrize("options", [SAFE, UNSAFE])
@pytest.mark.parametrize(
    ("column", "text", "after"),
    [
        ("discountlimit", "0,125", "0.125"),
        ("discountlimit", "-0,125", "-0.125"),
        ("discountlimit", "0,5", "0.5"),
        ("discountlimit", "0 125", "0 125"),
        ("discountlimit", "0.125,5", "0.125,5"),
        ("limitval", "0,125", "0,125"),
        ("limitval", "0.125", "0.125"),
    ],
)
def test_a_number_with_a_leading_zero_is_not_read_as_thousands(
    column: str, text: str, after: str, options: FixOptions
) -> None:
    assert repaired(column, text, options)[0] == after


def test_other_groups_of_three_are_thousands_only_for_unsafe() -> None:
    assert repaired("discountlimit", "12,500") == ("12,500", [])
    assert repaired("discountlimit", "12,500", UNSAFE) == ("12500", ["XLS111"])


@pytest.mark.parametrize("shown", [{}, {"expirydate": True}, {"expirydate": False}])
def test_dates_with_dots_have_the_day_first_unless_their_column_shows_the_month(shown: dict[str, bool]) -> None:
    after = "03.04.2030" if shown.get("expirydate") is False else "2030-04-03T00:00:00Z"
    assert repaired("expirydate", "03.04.2030", evidence=FileEvidence(shown))[0] == after
    assert repaired("expirydate", "03.13.2030", evidence=FileEvidence(shown)) == ("03.13.2030", [])


@pytest.mark.parametrize("text", ["13/04/2030", "04/13/2030", "03/04/2030", "03.04.2030"])
def test_no_date_is_repaired_where_the_column_shows_both_orders(text: str) -> None:
    mixed = FileEvidence(mixed_dates=frozenset({"expirydate"}))
    assert repaired("expirydate", text, evidence=mixed) == (text, [])


@pytest.mark.parametrize(
    ("day_first", "text", "after"),
    [
        (True, "03/04/2030", "2030-04-03T00:00:00Z"),
        (False, "03/04/2030", "2030-03-04T00:00:00Z"),
        (True, "13/04/2030", "2030-04-13T00:00:00Z"),
        (True, "04/13/2030", "04/13/2030"),
        (False, "13/04/2030", "13/04/2030"),
    ],
)
def test_the_user_decides_the_order_of_dates_that_can_have_it(*, day_first: bool, text: str, after: str) -> None:
    options = FixOptions(zone=ZoneInfo("UTC"), end_of_day=False, day_first=day_first)
    mixed = FileEvidence(mixed_dates=frozenset({"expirydate"}))
    assert repaired("expirydate", text, options, mixed)[0] == after


@pytest.mark.parametrize("text", ["2030-12-31", "31.12.2030", "31/12/2030"])
def test_an_end_date_without_a_time_is_repaired_only_with_an_option(text: str) -> None:
    zone = ZoneInfo("UTC")
    assert repaired("expirydate", text, FixOptions(zone=zone)) == (text, [])
    assert repaired("expirydate", text, FixOptions(zone=zone, end_of_day=True))[0] == "2030-12-31T23:59:59Z"
    assert repaired("expirydate", text, FixOptions(zone=zone, end_of_day=False))[0] == "2030-12-31T00:00:00Z"
    assert repaired("startdate", text, FixOptions(zone=zone))[0] == "2030-12-31T00:00:00Z"
    assert repaired("expirydate", f"{text} 10:00", FixOptions(zone=zone))[0] == "2030-12-31T10:00:00Z"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("1767225600", "2026-01-01T00:00:00Z"),
        ("1767225600000", "2026-01-01T00:00:00Z"),
        ("203012312359", "203012312359"),
        ("2030123123", "2030123123"),
        ("123456789", "123456789"),
    ],
)
def test_a_number_that_may_be_a_date_is_not_read_as_seconds(text: str, after: str) -> None:
    assert repaired("startdate", text)[0] == after


@pytest.mark.parametrize("text", ["12,50", "1.234,56", "1,500"])
def test_no_decimal_comma_is_repaired_beside_numbers_that_may_have_thousands(text: str) -> None:
    mixed = FileEvidence(mixed_decimals=frozenset({"discountlimit"}))
    assert repaired("discountlimit", text, SAFE, mixed) == (text, [])
    assert repaired("discountlimit", text, UNSAFE, mixed) == (text, [])


def test_unsafe_reads_a_comma_as_the_other_numbers_of_the_column_have_it() -> None:
    known = FileEvidence(comma_decimals=frozenset({"discountlimit"}))
    assert repaired("discountlimit", "12,500", UNSAFE, known) == ("12.500", ["XLS109"])
    assert repaired("discountlimit", "12,500", UNSAFE) == ("12500", ["XLS111"])
    assert repaired("discountlimit", "12,500", SAFE, known) == ("12,500", [])


def test_the_order_of_slashed_dates_follows_the_date_or_its_column() -> None:
    assert repaired("expirydate", "03/04/2030") == ("03/04/2030", [])
    assert repaired("expirydate", "03/13/2030")[0] == "2030-03-13T00:00:00Z"
    for shown, after in ((True, "2030-04-03T00:00:00Z"), (False, "2030-03-04T00:00:00Z")):
        assert repaired("expirydate", "03/04/2030", evidence=FileEvidence({"expirydate": shown}))[0] == after


def test_all_leading_apostrophes_are_removed_in_one_run() -> None:
    assert repaired("value", "'" * 60 + "0012", UNSAFE) == ("0012", ["XLS108"])


@pytest.mark.parametrize(
    ("column", "text", "options"),
    [
        ("value", "AB ", SAFE),
        ("value", "NULL", UNSAFE),
        ("value", "\u200b\u200b\u200b", UNSAFE),
        ("value", "'ab", UNSAFE),
    ],
)
def test_no_repair_gives_a_cell_an_error_that_it_did_not_have(column: str, text: str, options: FixOptions) -> None:
    assert repaired(column, text, options) == (text, [])


def test_a_word_for_nothing_goes_where_a_cell_may_be_blank() -> None:
    assert repaired("recipientintegrationid", "NULL", UNSAFE) == ("", ["XLS113"])
