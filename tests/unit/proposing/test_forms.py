"""Dates and numbers are decided by all values of a column, and left open where the values allow several readings."""

from collections.abc import Sequence

import pytest

from bulkops.proposing.forms import Decision
from bulkops.proposing.profile import SourceColumnProfile
from tests.unit.proposing.tables import table_of


def profile(values: Sequence[str]) -> SourceColumnProfile:
    return table_of({"x": values}).profile.columns["x"]


def dates(*values: str) -> Decision:
    return profile(values).dates


def numbers(*values: str) -> Decision:
    return profile(values).numbers


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["2026-01-31", "2026-02-01"], "iso"),
        (["2026-01-31T10:00:00Z", "2026-01-31 10:00:00+01:00"], "iso"),
        (["2026-01-31 10:00:00 +0200", "2026-01-31 10:00:00 UTC"], "iso"),
        (["31/01/2026", "01/02/2026"], "%d/%m/%Y"),
        (["1/2/2026", "1/31/2026"], "%m/%d/%Y"),
        (["01.02.2026"], "%d.%m.%Y"),
        (["13-01-26"], "%d-%m-%y"),
        (["2026/01/31 10:05"], "%Y/%m/%d %H:%M"),
        (["01/31/2026 3:04:05 PM"], "%m/%d/%Y %I:%M:%S %p"),
        (["20260131"], "%Y%m%d"),
        (["5 Jan 2026", "31 May 2026"], "%d %b %Y"),
        (["January 5, 2026"], "%B %d, %Y"),
        (["1767225600", "1798761599"], "seconds"),
        (["1767225600000"], "milliseconds"),
        (["31/01/2026", "-", "never"], "%d/%m/%Y"),
        (["2026-01-31 10:00:00", "0000-00-00 00:00:00"], "iso"),
    ],
)
def test_dates_of_one_form_are_decided(values: list[str], form: str) -> None:
    found = dates(*values)
    assert (found.certain, found.reading.form) == (True, form), found


@pytest.mark.parametrize(
    ("values", "forms", "why"),
    [
        (["01/02/2026", "03/04/2026"], {"%d/%m/%Y", "%m/%d/%Y"}, "all 2 values fit both"),
        (["31/01/2026", "01/31/2026"], set(), "2 of 2 values are not dates"),
        (["31/01/2026", "2026-01-31"], {"%d/%m/%Y", "iso"}, "1 of 2 values fit"),
        (["2026-01-31", "soon"], {"iso"}, "1 of 2 values are not dates, such as 'soon'"),
        (["99999999"], set(), "not dates"),
        (["46357", "46358"], set(), "not dates"),
        (["2026-01-31 10:00:00+01"], set(), "not dates"),
    ],
)
def test_dates_with_mixed_evidence_stay_open_with_their_counts(values: list[str], forms: set[str], why: str) -> None:
    found = dates(*values)
    assert not found.certain
    assert {each.form for each in found.readings} == forms
    assert why in found.why


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["1", "200"], "integer"),
        (["1.50", "2"], "point"),
        (["1,50", "1.234,50"], "comma"),
        (["1,234.50", "5"], "point"),
        (["1,234,567"], "point"),
        (["1.234.567"], "comma"),
        (["1.234", "1,5"], "comma"),
        (["0.125", "1.250"], "point"),
        (["1234.567"], "point"),
        (["1 234,5", "1'234,5"], "comma"),
        (["€ 5", "12.30 EUR"], "point"),
        (["5 EUR"], "point"),
        (["5 EUR", "5,50 EUR"], "comma"),
        (["-3.50"], "point"),
    ],
)
def test_numbers_of_one_form_are_decided(values: list[str], form: str) -> None:
    found = numbers(*values)
    assert (found.certain, found.reading.form) == (True, form), found


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["1.234", "2.500"], "fit a thousand and a fraction"),
        (["1,234"], "fit a thousand and a fraction"),
        (["1,5", "1.5"], "mixed: "),
        (["1,234.5", "1.234,5"], "mixed: "),
        (["1.5", "many"], "1 of 2 values are not numbers, such as 'many'"),
        (["1.5k"], "not numbers"),
        (["1.23E+05"], "not numbers"),
        (["10%"], "not numbers"),
        (["1,23,45"], "not numbers"),
    ],
)
def test_numbers_with_mixed_evidence_stay_open(values: list[str], why: str) -> None:
    found = numbers(*values)
    assert not found.certain
    assert why in found.why


def test_one_value_at_the_end_of_a_large_column_decides_the_order() -> None:
    assert not dates(*["01/02/2026"] * 20_000).certain
    assert dates(*["01/02/2026"] * 20_000, "13/02/2026").reading.form == "%d/%m/%Y"
    assert not numbers(*["1.234"] * 20_000, "1,5", "1.5").certain
