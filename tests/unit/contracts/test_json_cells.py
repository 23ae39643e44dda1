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
    assert (verdict.code, verdict.told()) == ("TYP104", said)


def test_json_is_decoded_down_to_four_hundred_levels() -> None:
    def nested(levels: int) -> str:
        return '{"a": "[[", "b": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"

    verdict = judge(nested(401))
    assert judge(nested(400)) is None
    assert verdict is not None
    assert verdict.told() == "it is nested too deeply"
    assert judge('{"a": [' + "[], " * 1000 + "[]]}") is None
