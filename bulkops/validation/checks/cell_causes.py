"""Find the findings of a cell that follow from another finding of the same cell.

A rule about characters is the cause of another rule of a cell if the cell without these characters does not break the
other rule: a byte order mark in a card number is also a character that is not allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from bulkops.validation.rule_matches import ExampleBudget
from bulkops_validators.model.expressions import CellCheck
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

_CAUSES = ("VAL101", "VAL131", "VAL107", "COD105", "COD102", "COD103", "COD107")
"""Rules that can be a cause. None follows from a later one: without its invisible characters, a mojibake is none."""
_FOLLOWING = ("COD1", "XLS1")
"""Rules about the characters of a text."""


@dataclass(frozen=True)
class CellCauses:
    """The causes of the findings of one rule in one column, by value.

    `following` are the values with a finding of the rule that follows from another one. `caused` has other checks, each
    with the values that break it for the same reason.
    """

    following: tuple[pl.Series, ...] = ()
    caused: tuple[tuple[CellCheck, pl.Series], ...] = ()

    def without_cause(self, cells: pl.DataFrame, column: str) -> pl.DataFrame:
        """Return the cells with a finding that follows from no other one."""
        for values in self.following:
            cells = cells.filter(~pl.col(column).is_in(values.implode(), nulls_equal=True))
        return cells

    def caused_by(self, cells: pl.Series) -> list[list[CellCheck]]:
        """Return for each cell the checks with a finding that follows from its finding."""
        flags = [cells.is_in(values.implode(), nulls_equal=True).to_list() for _, values in self.caused]
        return [
            [self.caused[place][0] for place in range(len(flags)) if flags[place][row]] for row in range(len(cells))
        ]


def cell_causes(found: Sequence[tuple[CellCheck, pl.Series]], budget: ExampleBudget) -> list[CellCauses]:
    """Return the causes for each broken check of a column, given with the values that break it."""
    following: list[list[pl.Series]] = [[] for _ in found]
    caused: list[list[tuple[CellCheck, pl.Series]]] = [[] for _ in found]
    if len(found) > 1 and budget.grouped:
        causes = [place for place, (check, _) in enumerate(found) if check.signs is not None]
        for cause in sorted(causes, key=lambda place: _CAUSES.index(found[place][0].code)):
            for effect in range(len(found)):
                values = _following(found[cause], found[effect], following[cause] + following[effect])
                if len(values):
                    following[effect].append(values)
                    caused[cause].append((found[effect][0], values))
    return [CellCauses(tuple(one), tuple(other)) for one, other in zip(following, caused, strict=True)]


def _following(
    cause: tuple[CellCheck, pl.Series], effect: tuple[CellCheck, pl.Series], besides: Sequence[pl.Series]
) -> pl.Series:
    """Return the values with a finding of `effect` that follows from `cause`, except values with another cause."""
    (check, values), (other, others) = cause, effect
    less_severe = RULES[check.code].severity is Severity.WARNING and RULES[other.code].severity is Severity.ERROR
    if less_severe or other.code in _CAUSES[: _CAUSES.index(check.code) + 1] or not other.code.startswith(_FOLLOWING):
        return others.clear()
    both = others.filter(others.is_in(values.implode(), nulls_equal=True))
    for known in besides:
        both = both.filter(~both.is_in(known.implode(), nulls_equal=True))
    if not len(both):
        return both
    rest = both.str.replace_all(str(check.signs), "").alias(other.column)
    return both.filter(~rest.to_frame().select(other.broken).to_series())
