"""Find rules by code, name or prefix."""

from collections.abc import Iterable
from functools import lru_cache
from types import MappingProxyType

from bulkops_validators.model.rules import Rule
from bulkops_validators.model.rules_account import ACCOUNT_RULES
from bulkops_validators.model.rules_cells import (
    ATTRIBUTE_RULES,
    CROSS_RULES,
    DATE_RULES,
    TYPE_RULES,
    UNIQUE_RULES,
    VALUE_RULES,
)
from bulkops_validators.model.rules_damage import HYGIENE_RULES, SPREADSHEET_RULES
from bulkops_validators.model.rules_files import FILE_RULES, HEADER_RULES, IMPORT_RULES, STRUCTURE_RULES

_ALL: tuple[Rule, ...] = (
    *FILE_RULES,
    *STRUCTURE_RULES,
    *HEADER_RULES,
    *TYPE_RULES,
    *VALUE_RULES,
    *UNIQUE_RULES,
    *CROSS_RULES,
    *ATTRIBUTE_RULES,
    *DATE_RULES,
    *SPREADSHEET_RULES,
    *HYGIENE_RULES,
    *IMPORT_RULES,
    *ACCOUNT_RULES,
)

RULES: MappingProxyType[str, Rule] = MappingProxyType({rule.code: rule for rule in _ALL})
"""Every rule by its code; families are in the order in which a file is checked."""


ACCEPTABLE = frozenset(rule.code for rule in _ALL if rule.acceptable)
"""The codes of the rules that stop an import unless the caller accepts them."""


def chosen(*, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> frozenset[str]:
    """Return the codes that are selected and not ignored; the longer prefix decides.

    An empty `select` selects all rules. Raise LookupError if a word is not a code, a name or a prefix.
    """
    return _chosen(tuple(select), tuple(ignore))


@lru_cache
def _chosen(selected: tuple[str, ...], ignored: tuple[str, ...]) -> frozenset[str]:
    select, ignore = [_prefix(word) for word in selected], [_prefix(word) for word in ignored]
    return frozenset(
        code
        for code in RULES
        if _reach(code, select) > _reach(code, ignore) or (not select and _reach(code, ignore) < 0)
    )


def accepted(words: Iterable[str]) -> frozenset[str]:
    """Return the codes of acceptable rules, given by code or name; raise LookupError for any other word."""
    known = {text: rule.code for rule in _ALL if rule.acceptable for text in (rule.code, rule.name)}
    found = [known.get(word.upper()) or known.get(word.lower()) for word in words]
    for word, code in zip(words, found, strict=True):
        if code is None:
            raise LookupError(word)
    return frozenset(code for code in found if code is not None)


def _prefix(word: str) -> str:
    prefix = "" if word.upper() == "ALL" else word.upper()
    if any(code.startswith(prefix) for code in RULES):
        return prefix
    for rule in _ALL:
        if rule.name == word.lower():
            return rule.code
    raise LookupError(word)


def _reach(code: str, prefixes: list[str]) -> int:
    """Return the length of the longest of the prefixes that begins the code, or -1."""
    return max((len(prefix) for prefix in prefixes if code.startswith(prefix)), default=-1)
