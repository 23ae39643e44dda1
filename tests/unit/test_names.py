"""Names made of other names fit into the limit of file systems, and stay different."""

import os

import pytest

from bulkops.names import MOST_BYTES, numbered, with_ending


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("a.csv", "a~2.csv"),
        ("a.csv.gz", "a~2.csv.gz"),
        (".hidden", ".hidden~2"),
        ("none", "none~2"),
        ("x" * 251 + ".csv", "x" * 249 + "~2.csv"),
        ("ä" * 125 + "x.csv", "ä" * 124 + "~2.csv"),
    ],
)
def test_numbered_name_keeps_its_suffix_and_fits(name: str, second: str) -> None:
    assert numbered(name, 1) == name
    assert numbered(name, 2) == second
    assert len(os.fsencode(numbered(name, 999))) <= MOST_BYTES


def test_name_with_an_ending_leaves_room_for_more() -> None:
    assert with_ending("x" * 300, ".csv", room=5) == "x" * 246 + ".csv"
    assert with_ending("x", ".csv", room=5) == "x.csv"
