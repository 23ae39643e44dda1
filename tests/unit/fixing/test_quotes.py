"""Records with wrong quotes are read only if one reading is possible, and are never divided."""

import pytest

from bulkops.fixing.repairs.quotes import readings
from bulkops.fixing.repairs.unclosed_quotes import close_quote


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('19" monitor,1', ['19" monitor', "1"]),
        ('"He said "hi", twice",1', ['He said "hi", twice', "1"]),
        ('"19" monitor",1', ['19" monitor', "1"]),
        ('A,"{"a": "x", "b": [1, 2]}"', ["A", '{"a": "x", "b": [1, 2]}']),
        ('A,{"a": 1, "b": 2}', ["A", '{"a": 1, "b": 2}']),
        ('{"a": 1, "b": 2},A', ['{"a": 1, "b": 2}', "A"]),
        ('A,{"a": "say “hi”, twice"}', ["A", '{"a": "say “hi”, twice"}']),
        ('A,{""a"": 1, ""b"": 2}', ["A", '{"a": 1, "b": 2}']),
        ('A, "{""a"": 1, ""b"": 2}" ', ["A", '{"a": 1, "b": 2}']),
        ('"A" ,"B"', ["A", "B"]),
        ('A,"{\n "a": "x",\n "b": 1\n}\n"', ["A", '{\n "a": "x",\n "b": 1\n}']),
        ('A," {"a": "x",\r\n "b": 1}"', ["A", '{"a": "x",\r\n "b": 1}']),
    ],
)
def test_a_record_is_read_where_only_one_reading_has_the_right_number_of_cells(text: str, cells: list[str]) -> None:
    assert readings(text, ",", 2) == cells


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ('A,{"a": 1, "b": 2}', 3),  # a fragment of an object is not a cell
        ('"A"x,"B","C"', 2),  # nor are two cells one, though that would be the right number
        ('"K1,2041, "{""a"": ""x"", ""b"": ""y""}"', 3),
        ('"A"x,B', 2),  # whether the quotes belong to the cell is not known
        ('""A"",B', 2),
        ('A, "x', 2),  # a quote behind blanks opens a cell
        ('A,{"a": 01, "b": 2}', 3),
        ('A,{"a": 01, "b": 2}', 2),
        ('19"" monitor,1', 2),
        ('"a"\r"b"x,"c"', 2),
    ],
)
def test_a_record_with_another_possible_reading_is_left_alone(text: str, width: int) -> None:
    assert readings(text, ",", width) is None


@pytest.mark.parametrize(
    ("text", "opened", "cells"),
    [
        ('"CODE1,1', 0, ["CODE1", "1"]),
        ('A,"x, y', 2, ["A", "x, y"]),
        ('A,"{""a"": 1, ""b"": 2}', 2, ["A", '{"a": 1, "b": 2}']),
        ('"A,"{""a"": ""x"", ""b"": [1, 2]}"', 0, ["A", '{"a": "x", "b": [1, 2]}']),
        ('"A, B,"C"', 0, ["A, B", "C"]),
        ('"A,B,C', 0, ["A,B", "C"]),
    ],
)
def test_a_quote_never_closed_is_closed_where_that_leaves_the_right_number_of_cells(
    text: str, opened: int, cells: list[str]
) -> None:
    assert close_quote(text, opened, ",", 2) == cells


@pytest.mark.parametrize(
    ("text", "opened", "width"),
    [
        ('"A,B', 0, 3),
        ('A,"{""a"": 1, ""b"": 2}', 2, 3),
        ('A,"{1, 2}', 2, 3),
        ('"A,"x"y,B', 0, 3),
    ],
)
def test_a_quote_that_cannot_be_closed_without_tearing_something_stays_open(text: str, opened: int, width: int) -> None:
    assert close_quote(text, opened, ",", width) is None
