"""Write the rules as a Markdown page: `python -m bulkops_validators.model.rules_docs > docs/reference/rules.md`."""

import sys

from bulkops_validators.model.rules import Repair, Rule
from bulkops_validators.model.rules_registry import RULES

_HEAD = """\
# Rules

Every check of `bulkops validate`, generated from the registry in `validators/bulkops_validators/model/rules*.py`.
Errors stop an import; check warnings before an import. `bulkops rules CODE` shows one rule on the terminal.
Codes and names are never reused. `--select` and `--ignore` accept codes, names or prefixes such as `XLS`.
"""


def markdown() -> str:
    """Return the page: a section for each family of rules."""
    parts = [_HEAD]
    for family, title in Rule.FAMILIES.items():
        rules = [rule for rule in RULES.values() if rule.family == family]
        parts += [f"## {title}\n", *(_section(rule) for rule in rules)]
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    repair = {
        Repair.SAFE: "`bulkops fix`",
        Repair.UNSAFE: "`bulkops fix --unsafe`",
        Repair.OPTION: "`bulkops fix` with an option",
        Repair.NONE: "by hand",
    }[rule.repair]
    return (
        f"### {rule.code} {rule.name}\n\n"
        f"{rule.summary} *{rule.severity.value.capitalize()}.* Repaired: {repair}.\n\n"
        f"{rule.why}\n\n"
        f"    bad:  {rule.bad}\n    good: {rule.good}\n\n"
        f"{rule.fix}\n"
    )


if __name__ == "__main__":
    sys.stdout.write(markdown())
