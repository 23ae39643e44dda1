"""Rules that a caller accepts: by code or name, acceptable ones only."""

import pytest

from bulkops.errors import UsageError
from bulkops.upload.workflow import Guards


def test_rules_accepted_by_name_are_kept_by_their_codes() -> None:
    assert Guards(accept=frozenset({"three-decimals-throughout", "hdr110"})).accept == {"VAL115", "HDR110"}
    assert Guards().accept == frozenset()


@pytest.mark.parametrize("word", ["TYP101", "STR115", "nothing"])
def test_a_rule_that_cannot_be_accepted_is_a_usage_error(word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Guards(accept=frozenset({"VAL115", word}))
