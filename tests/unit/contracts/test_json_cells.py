"""What is said about a JSON cell: one sentence, with the place in it."""

import pytest

from bulkops_validators.model.json_cells import judge


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": "x', "Unterminated string starting at character 7"),
        ('{"a": "\x01"}', "Invalid control character at character 8"),
        ('{"a" 1}', "Expecting ':' delimiter at character 6"),
        ('{"a": 1} x', "Extra data at character 10"),
    ],
)
def test_what_cannot_be_decoded_is_told_with_the_character(text: str, said: str) -> None:
    verdict = judge(text)
    assert verdict is not None
    assert (verdict.code, verdict.fault) == ("TYP104", said)
