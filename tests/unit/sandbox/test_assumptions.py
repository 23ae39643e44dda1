"""The settings, their values and the page that lists them."""

from pathlib import Path

import pytest

from bulkops.errors import UsageError
from bulkops.sandbox.assumptions import Assumptions, refreshed

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "assumptions.md"


def test_the_page_of_assumptions_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert refreshed(page) == page, "run `python -m bulkops.sandbox.assumptions`"
    assert "| `atomicity` | `whole_file`, `until_error`, `good_rows` |" in page


def test_settings_are_read_from_name_and_value() -> None:
    changed = Assumptions().with_values(["bom=strip", "export_lag=2.5"])
    assert (changed.bom, changed.lag, changed.atomicity) == ("strip", 2.5, "whole_file")


@pytest.mark.parametrize("pair", ["nothing=1", "bom", "bom=maybe", "export_lag=soon", "export_lag=-1", "export_lag="])
def test_a_setting_that_does_not_exist_is_a_usage_error(pair: str) -> None:
    with pytest.raises(UsageError):
        Assumptions().with_values([pair])
