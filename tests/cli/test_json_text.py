"""Documents as JSON: the same text whichever encoder writes them."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bulkops.cli.output.console import MANY, json_text

plain = st.none() | st.booleans() | st.integers() | st.text()
documents = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@given(documents)
def test_the_fast_encoder_writes_the_same_text_as_the_other(document: Any) -> None:
    assert json_text(document, objects=MANY) == json_text(document)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_are_read_back_as_they_were(numbers: list[float]) -> None:
    assert json.loads(json_text(numbers, objects=MANY)) == numbers


def test_a_value_unknown_to_json_is_written_as_text() -> None:
    path = Path("a/b.csv")
    assert json_text([path], objects=MANY) == json_text([path]) == '[\n  "a/b.csv"\n]'


def test_half_a_surrogate_pair_is_written_by_both_encoders() -> None:
    halves = ["\ud800"] * MANY
    assert json_text(halves, objects=MANY) == json_text(halves)
    assert json.loads(json_text(halves, ascii_only=True)) == halves
