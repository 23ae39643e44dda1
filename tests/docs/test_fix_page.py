"""The page about repairs: one row for each repair that the program makes, and the registry agrees with both."""

import re
from pathlib import Path

from bulkops.fixing.catalogue import OPTIONS, REPAIRS, Kind, next_step
from bulkops_validators.model.rules import Repair
from bulkops_validators.model.rules_registry import RULES

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| ([A-Z]{3}\d{3}) \| (\w+) \| (.+) \| (.+) \|$", re.MULTILINE)
NEEDS = {Kind.SAFE: Repair.SAFE, Kind.OPTION: Repair.OPTION, Kind.UNSAFE: Repair.UNSAFE}


def test_the_page_has_a_row_for_each_repair_and_no_other() -> None:
    rows = [
        (code, kind) for code, kind, _, _ in ROW.findall((DOCS / "reference" / "fix.md").read_text(encoding="utf-8"))
    ]
    assert len(rows) == len(set(rows))
    assert set(rows) == {(code, kind.value) for code, kinds in REPAIRS.items() for kind in kinds}


def test_the_registry_promises_the_least_demanding_repair_of_each_rule() -> None:
    promised = {code: rule.repair for code, rule in RULES.items() if rule.repair is not Repair.NONE}
    made = {code: NEEDS[min(kinds, key=[*Kind].index)] for code, kinds in REPAIRS.items()}
    assert promised == made


def test_each_option_that_decides_is_on_the_page_and_belongs_to_a_rule_that_needs_one() -> None:
    page = (DOCS / "reference" / "fix.md").read_text(encoding="utf-8")
    assert {code for code, kinds in REPAIRS.items() if Kind.OPTION in kinds} - {"FIL103"} == set(OPTIONS)
    for choices in OPTIONS.values():
        for choice in (option for options in choices for option in options):
            assert f"`{choice.partition(' ')[0]}" in page


def test_the_next_step_is_an_option_that_was_not_given() -> None:
    assert next_step("DAT103", ()) == ("--time-zone ZONE",)
    assert next_step("DAT103", ("--time-zone",)) == ("--date-order day-first", "--date-order month-first")
    assert next_step("DAT103", ("--time-zone", "--date-order", "--start-of-day")) == ("--unsafe",)
    assert next_step("DAT103", ("--time-zone", "--date-order", "--start-of-day", "--unsafe")) == ()
    assert next_step("HDR102", ("--rename",)) == ("--rename OLD=NEW",)
    assert next_step("TYP104", ()) == ()


def test_the_page_is_linked_from_the_one_about_checking() -> None:
    assert "(../reference/fix.md)" in (DOCS / "how-to" / "validate.md").read_text(encoding="utf-8")
