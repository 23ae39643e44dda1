"""The registry of rules: complete, stable, explained, documented."""

import re
from pathlib import Path

import polars as pl
import pytest

from bulkops_validators import CONTRACTS
from bulkops_validators.model import patterns, rules_docs
from bulkops_validators.model.expressions import cell_checks, record_checks
from bulkops_validators.model.patterns_mojibake import MOJIBAKE
from bulkops_validators.model.rules import Repair, Rule, Severity
from bulkops_validators.model.rules_registry import ACCEPTABLE, RULES, accepted, chosen

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "rules.md"


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_fully_explained(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z]{3}\d{3}", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert rule.family in Rule.FAMILIES
    for text in (rule.summary, rule.why, rule.fix):
        assert text.rstrip(")").endswith((".", "header`."))
    assert rule.bad
    assert rule.good


def test_names_are_unique() -> None:
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


def test_published_rule_codes_keep_their_names_and_severities() -> None:
    assert {code: (RULES[code].name, RULES[code].severity) for code in ("COD203", "COD204", "COD205", "UNQ101")} == {
        "COD203": ("coupon-code-too-short", Severity.ERROR),
        "COD204": ("coupon-code-over-30", Severity.WARNING),
        "COD205": ("coupon-code-of-three", Severity.WARNING),
        "UNQ101": ("repeated-key", Severity.ERROR),
    }


def test_every_check_of_every_contract_has_its_rule() -> None:
    for contract in CONTRACTS.values():
        codes = {check.code for column in contract.columns for check in cell_checks(column)}
        codes |= {check.code for check in record_checks(contract, contract.column_names)}
        codes |= {unique.code for unique in contract.unique}
        assert codes <= set(RULES)


def test_the_longer_prefix_decides() -> None:
    assert chosen(select=["XLS"], ignore=["XLS101"]) == {c for c in RULES if c.startswith("XLS")} - {"XLS101"}
    assert "XLS101" in chosen(select=["XLS101"], ignore=["XLS"])
    assert chosen(ignore=["ALL"]) == frozenset()
    assert chosen(select=["repeated-key"]) == {"UNQ101"}
    with pytest.raises(LookupError):
        chosen(select=["NOPE"])


def test_repairs_are_promised_where_fix_is_mentioned() -> None:
    for rule in RULES.values():
        assert ("`bulkops fix" in rule.fix) <= (rule.repair is not Repair.NONE), rule.code


def test_a_rule_that_stops_an_import_names_the_option_that_accepts_it() -> None:
    assert {rule.code for rule in RULES.values() if rule.acceptable} == ACCEPTABLE
    for rule in RULES.values():
        assert (f"--accept {rule.code}" in rule.fix) == rule.acceptable, rule.code


def test_only_acceptable_rules_are_accepted_by_code_or_name() -> None:
    assert accepted(["val115", "swallowed-lines"]) == {"VAL115", "STR109"}
    assert accepted([]) == frozenset()
    for word in ("TYP101", "VAL", "NOPE", ""):
        with pytest.raises(LookupError):
            accepted(["HDR110", word])


PATTERNS = {name: text for name, text in vars(patterns).items() if name.isupper() and not name.startswith("_")}
PATTERNS["MOJIBAKE"] = MOJIBAKE


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_pattern_means_the_same_to_python_and_polars(pattern: str) -> None:
    texts = [
        "",
        "A1",
        "2030-01-01T00:00:00Z",
        "12,5",
        "#N/A",
        "x\u200b",
        "C\u041e",
        "Ã©",
        "\uff21",
        "1.5E+9",
        "a b",
        "3-May",
        "5-Mär",
        "#¡VALOR!",
        "30/02/2027",
        "29/02/28",
        "❤\ufe0f",
        "A\ufe0f1\ufe0f\n",
        "1\ufe0f\u20e3",
        "\u0455\u0430\u04cf\u0435",
        "\u05d0BCD",
        "\u212a",
        "ð\u0178\u02dc€",
        "Å\u201a",
        "æ—¥æœ¬",
        "CAFÉ»",
    ]
    by_polars = pl.Series(texts).str.contains(pattern).to_list()
    assert by_polars == [re.search(pattern, text) is not None for text in texts]


def test_the_documented_rules_are_those_of_the_registry() -> None:
    assert DOCS.read_text(encoding="utf-8") == rules_docs.markdown(), "run `make docs`"
