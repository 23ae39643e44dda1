"""Equal values get equal texts; different ones never do."""

import polars as pl
import pytest

from bulkops.readback.compare.values import decimal, id_set, instants, json_value

SAME_INSTANT = [
    "2021-09-10T09:21:06Z",
    "2021-09-10 09:21:06",
    "2021-09-10T09:21:06.123456Z",
    "2021-09-10T11:21:06+02:00",
    "2021-09-10T04:51:06-04:30",
    "2021-09-10t09:21:06z",
    "2021-09-10T09:21:06Z07:00",
    "2021-09-10 09:21:06.5 +0000 UTC",
    " 2021-09-10T09:21:06Z ",
]


@pytest.mark.parametrize("text", SAME_INSTANT)
def test_forms_of_one_instant_are_equal(text: str) -> None:
    assert instants(pl.Series([text])).to_list() == ["2021-09-10T09:21:06Z"]


def test_all_forms_of_an_instant_in_one_column_are_converted() -> None:
    assert set(instants(pl.Series(SAME_INSTANT))) == {"2021-09-10T09:21:06Z"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("immediate", "immediate"),
        ("unlimited", "unlimited"),
        ("0001-01-01T00:00:00Z", ""),
        ("2021-09-10", "2021-09-10T00:00:00Z"),
        ("2021-02-30T00:00:00Z", "2021-02-30T00:00:00Z"),
        ("2021-09-10T23:30:00-02:00", "2021-09-11T01:30:00Z"),
    ],
)
def test_unusual_instants_are_converted_or_left_unchanged(text: str, shown: str) -> None:
    assert instants(pl.Series([text])).to_list() == [shown]


@pytest.mark.parametrize(
    ("one", "other"),
    [("100", "100.00"), ("1e3", "1000"), ("007", "7"), (".5", "0.50"), ("-0", "0"), ("+3", "3.0"), (" 4 ", "4")],
)
def test_decimals_with_equal_values_get_equal_texts(one: str, other: str) -> None:
    assert decimal(one) == decimal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("100", "100.01"), ("999999999999.99", "999999999999.98"), ("1", "-1"), ("abc", ""), ("1,5", "1.5")],
)
def test_decimals_with_different_values_get_different_texts(one: str, other: str) -> None:
    assert decimal(one) != decimal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"b": 1, "a": 2}', '{"a":2,"b":1}'),
        ('{"n": 1}', '{"n": 1.0}'),
        ('{"n": null}', "{}"),
        ('{"t": "2026-01-01T00:00:00+01:00"}', '{"t": "2025-12-31T23:00:00Z"}'),
        ('{"w": "\\u00e9"}', '{"w": "é"}'),
        ('"{\\"a\\": 1}"', '{"a": 1}'),
    ],
)
def test_json_with_equal_values_gets_equal_texts(one: str, other: str) -> None:
    assert json_value(one) == json_value(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"n": 1}', '{"n": "1"}'),
        ('{"n": [1, 2]}', '{"n": [2, 1]}'),
        ('{"n": true}', '{"n": 1}'),
        ('{"n": 9007199254740993}', '{"n": 9007199254740992}'),
        ('{"n": ""}', "{}"),
    ],
)
def test_json_with_different_values_gets_different_texts(one: str, other: str) -> None:
    assert json_value(one) != json_value(other)


@pytest.mark.parametrize("text", ["['a','b']", "['b', 'a']", '["a","b"]', "a;b", " b ; a ", "[a,b]", "a;b;a"])
def test_forms_of_one_id_set_are_equal(text: str) -> None:
    assert id_set(text) == '["a","b"]'


def test_id_set_keeps_quotes_and_trims_blanks() -> None:
    assert id_set("['o'brien','x']") == id_set("o'brien;x")
    assert id_set("[]") == id_set("") == id_set(" ; ")
    assert id_set("ab") != id_set("a;b")
