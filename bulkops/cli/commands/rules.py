"""`bulkops rules`: list the rules, or explain one."""

from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import json_option
from bulkops.cli.output.console import console
from bulkops.cli.process import completion
from bulkops.cli.views.validation_output import unknown_rule
from bulkops_validators.model.rules import Rule
from bulkops_validators.model.rules_registry import RULES, chosen

if TYPE_CHECKING:
    from bulkops.json_documents.catalogs import RuleDocument


@click.command("rules")
@click.argument("code", required=False, shell_complete=completion.rules)
@json_option
def command(code: str | None, *, as_json: bool) -> None:
    """List the rules, or explain the rule with a CODE or name; a prefix lists several."""
    try:
        listed = [rule for rule in RULES.values() if code is None or rule.code in chosen(select=[code])]
    except LookupError as error:
        raise unknown_rule(str(code)) from error
    if as_json:
        console().emit_json([as_document(rule) for rule in listed])
    elif code is not None and len(listed) == 1:
        _explain(listed[0])
        console().next_step = f"bulkops validate CONTRACT FILE --select {listed[0].code}"
    else:
        rows = [(r.code, r.name, r.severity, r.repair if r.repair != "none" else "", r.summary) for r in listed]
        console().table(("code", "name", "severity", "fix", "what"), rows, drop=["fix", "severity"])
        console().next_step = "bulkops rules CODE"


def as_document(rule: Rule) -> "RuleDocument":
    """Return a rule as a JSON object."""
    return {
        "code": rule.code,
        "name": rule.name,
        "family": Rule.FAMILIES[rule.family],
        "severity": rule.severity.value,
        "summary": rule.summary,
        "why": rule.why,
        "bad": rule.bad,
        "good": rule.good,
        "fix": rule.fix,
        "repair": rule.repair.value,
    }


def _explain(rule: Rule) -> None:
    out = console()
    out.result(f"{rule.code} {rule.name} ({Rule.FAMILIES[rule.family].lower()}, {rule.severity})")
    out.lines(f"\n{rule.summary}\n{rule.why}\n")
    out.result(f"  bad   {rule.bad}")
    out.result(f"  good  {rule.good}")
    out.lines(f"\nFix: {rule.fix}")
    if rule.repair != "none":
        how = {"unsafe": " --unsafe`", "option": "` with the option named above"}.get(rule.repair, "`")
        out.result(f"Repaired by `bulkops fix{how}.")
