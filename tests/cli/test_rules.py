"""`bulkops rules`: the list and the explanations."""

import json

from click.testing import CliRunner

from bulkops.cli.main import cli
from bulkops_validators.model.rules_registry import RULES
from tests.cli.documents import check_document


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["rules", *arguments], standalone_mode=False, catch_exceptions=False)
    check_document(["rules", *arguments], result.stdout)
    return result.stdout


def test_all_rules_are_listed() -> None:
    assert [rule["code"] for rule in json.loads(run("--json"))] == list(RULES)


def test_a_rule_is_explained_by_code_and_by_name() -> None:
    by_code = run("COD203")
    assert by_code == run("coupon-code-too-short")
    for part in ("coupon-code-too-short", "bad   AB", "good  ABC1", "Fix: "):
        assert part in by_code
