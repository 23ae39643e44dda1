"""The message about a JSON cell: one sentence, with the position in the cell."""

import tracemalloc
from pathlib import Path

import pytest

from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS
from bulkops_validators.model.json_cells import MAX_JSON_LENGTH, judge


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": "x', "Unterminated string starting at character 7"),
        ('{"a": "\x01"}', "Invalid control character at character 8"),
        ('{"a" 1}', "Expecting ':' delimiter at character 6"),
        ('{"a": 1} x', "Extra data at character 10"),
    ],
)
def test_a_json_cell_that_cannot_be_decoded_is_reported_with_the_character(text: str, said: str) -> None:
    verdict = judge(text)
    assert verdict is not None
    assert (verdict.code, verdict.sentence()) == ("TYP104", said)


def test_json_is_decoded_down_to_four_hundred_levels() -> None:
    def nested(levels: int) -> str:
        return '{"a": "[[", "b": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"

    verdict = judge(nested(401))
    assert judge(nested(400)) is None
    assert verdict is not None
    assert verdict.sentence() == "it is nested too deeply"
    assert judge('{"a": [' + "[], " * 1000 + "[]]}") is None


@pytest.mark.parametrize(("surplus", "found"), [(0, 0), (1, 1)])
def test_a_valid_object_of_more_characters_than_are_checked_is_reported(
    tmp_path: Path, surplus: int, found: int
) -> None:
    text = '{"a": "' + "x" * (MAX_JSON_LENGTH - 9 + surplus) + '"}'
    (tmp_path / "a.csv").write_text('value,attributes\nABCD,"' + text.replace('"', '""') + '"\n')
    (file,) = validate_files(CONTRACTS["coupons"], [tmp_path / "a.csv"]).files
    assert file.counts.get("TYP104", 0) == found


def test_long_cells_are_not_kept_once_they_are_judged() -> None:
    tracemalloc.start()
    for number in range(100):
        assert judge(f'{{"a{number}": "{"x" * 200_000}"}}') is None
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 5_000_000
