"""The registry of rules: every check with its stable code, its name, its severity and its explanation."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar


class Severity(StrEnum):
    """Whether a finding stops an import."""

    ERROR = "error"
    WARNING = "warning"


class Repair(StrEnum):
    """What `bulkops fix` can do about a finding."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    OPTION = "option"  # the file is ambiguous; an option that the rule's `fix` names decides
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One check. Codes and names are never reused; `bad` and `good` are examples as they appear in a file.

    A finding of an `acceptable` rule, error or warning, stops an import; `import --accept CODE` allows the import if
    the file is correct. Other warnings do not stop an import, and other errors cannot be accepted.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    why: str
    bad: str
    good: str
    fix: str
    repair: Repair = Repair.NONE
    acceptable: bool = False

    FAMILIES: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "FIL": "File and encoding",
            "STR": "Structure",
            "HDR": "Header",
            "TYP": "Type and format",
            "VAL": "Value, range, choice",
            "UNQ": "Uniqueness",
            "XCL": "Across columns",
            "ATR": "JSON attributes",
            "DAT": "Dates",
            "XLS": "Spreadsheet damage",
            "COD": "Code hygiene",
            "IMP": "Import limits",
            "ACC": "Account",
        }
    )

    @property
    def family(self) -> str:
        """The first three letters of the code."""
        return self.code[:3]


def error(code: str, name: str, summary: str, *, acceptable: bool = False, **texts: str) -> Rule:
    """Return a rule of severity error: a finding stops an import. `texts` may contain `repair`, a value of Repair."""
    return _rule(code, name, Severity.ERROR, summary, texts, acceptable=acceptable)


def warning(code: str, name: str, summary: str, *, acceptable: bool = False, **texts: str) -> Rule:
    """Return a rule of severity warning: a finding does not stop an import, unless the rule is `acceptable`."""
    return _rule(code, name, Severity.WARNING, summary, texts, acceptable=acceptable)


def _rule(code: str, name: str, severity: Severity, summary: str, texts: dict[str, str], *, acceptable: bool) -> Rule:
    return Rule(
        code=code,
        name=name,
        severity=severity,
        summary=summary,
        why=texts["why"],
        bad=texts["bad"],
        good=texts["good"],
        fix=texts["fix"],
        repair=Repair(texts.get("repair", "none")),
        acceptable=acceptable,
    )
