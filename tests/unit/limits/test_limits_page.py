"""The page of limits shows the values of the constants."""

import re
from pathlib import Path

from bulkops import limits
from bulkops_validators.model.json_cells import MAX_JSON_LENGTH

PAGE = (Path(__file__).parents[3] / "docs/reference/limits.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| [^|]+ \| ([\d,]+) \| `([A-Z_]+)` \|$", re.MULTILINE)


def constants() -> dict[str, float]:
    adjustable = {"MAX_RECORD_BYTES", "MAX_EXPANSION"}
    return {
        name: value
        for name, value in vars(limits).items()
        if name[0].isalpha() and name.isupper() and name not in adjustable
    }


def test_limits_page_lists_every_constant_with_its_value() -> None:
    listed = {name: float(value.replace(",", "")) for value, name in ROW.findall(PAGE)}
    assert listed == {name: float(value) for name, value in constants().items()}


def test_limits_page_names_the_defaults_of_the_options() -> None:
    assert f"| {limits.MAX_RECORD_BYTES:,} | `--max-record-bytes` |" in PAGE
    assert f"| {limits.MAX_EXPANSION:,} | `--max-expansion` |" in PAGE
    assert f"{MAX_JSON_LENGTH:,} characters is reported as TYP104" in PAGE
