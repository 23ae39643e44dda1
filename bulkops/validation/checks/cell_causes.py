"""Find the findings of a cell that follow from another finding of the same cell.

A rule about characters is the cause of another rule of a cell if the cell without these characters does not break the
other rule: a byte order mark in a card number is also a character that is not allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from bulkops.reading.records.structural_index import Flags
from bulkops_validators.model.expressions import CellCheck
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

_CAUSES = ("VAL101", "VAL131", "VAL107", "COD105", "COD102", "COD103", "COD107")
"""Rules that can be a cause. None follows from a later one: without its invisible characters, a mojibake is none."""
_FOLLOWING = ("COD1", "XLS1")
"""Rules about the characters of a text."""


@dataclass(frozen=True)
class CellCauses:
    """The causes and effects among the broken checks of a column: pairs of checks, in the order of the causes."""

    pairs: tuple[tuple[CellCheck, CellCheck], ...] = ()

    @classmethod
    def among(cls, broken: Sequence[CellCheck]) -> "CellCauses":
        """Return the pairs that are possible among the broken checks of a column."""
        causes = sorted((check for check in broken if check.signs is not None), key=lambda one: _CAUSES.index(one.code))
        return cls(tuple((cause, effect) for cause in causes for effect in broken if _may_follow(cause, effect)))

    def first(self, check: CellCheck, cells: pl.DataFrame, most: int) -> pl.DataFrame:
        """Return the first cells with a finding of `check` that follows from no other one; at most `most` cells."""
        if not self.can_follow(check) or not most:
            return cells.head(most)
        found, start, size = cells.clear(), 0, most
        while start < cells.height and found.height < most:
            part = cells.slice(start, size)
            found = found.vstack(part.filter(~pl.Series(self.follows(check, part[check.column]))))
            start, size = start + size, 2 * size
        return found.head(most)

    def can_follow(self, check: CellCheck) -> bool:
        """Return whether the findings of a check can follow from those of another one."""
        return any(effect is check for _, effect in self.pairs)

    def follows(self, check: CellCheck, values: pl.Series) -> Flags:
        """Return for each value with a finding of `check` whether it follows from another one."""
        flags: Flags = np.zeros(len(values), np.bool_)
        own = [cause for cause, effect in self.pairs if effect is check]
        pairs = [pair for pair in self.pairs if pair[1] is check or any(pair[1] is cause for cause in own)]
        for (_, effect), gone in zip(pairs, _links(pairs, values), strict=True):
            if effect is check:
                flags |= gone
        return flags

    def effects(self, check: CellCheck, values: pl.Series) -> list[list[CellCheck]]:
        """Return for each value with a finding of `check` the checks with a finding that follows from it."""
        found: list[list[CellCheck]] = [[] for _ in range(len(values))]
        if not any(cause is check for cause, _ in self.pairs):
            return found
        for (cause, effect), gone in zip(self.pairs, _links(self.pairs, values), strict=True):
            for place in np.flatnonzero(gone).tolist() if cause is check else ():
                found[place].append(effect)
        return found


def _may_follow(cause: CellCheck, effect: CellCheck) -> bool:
    """Return whether findings of a check may follow from another one, which is never less severe."""
    less_severe = RULES[cause.code].severity is Severity.WARNING and RULES[effect.code].severity is Severity.ERROR
    earlier = effect.code in _CAUSES[: _CAUSES.index(cause.code) + 1]
    return effect.code.startswith(_FOLLOWING) and not less_severe and not earlier


def _links(pairs: Sequence[tuple[CellCheck, CellCheck]], values: pl.Series) -> list[Flags]:
    """Return for each pair the values of which the effect follows from the cause; each effect has one cause."""
    checks = {id(check): check for pair in pairs for check in pair}
    flags = dict(zip(checks, _broken(values, [*checks.values()]), strict=True))
    links: list[Flags] = []
    for cause, effect in pairs:
        gone = flags[id(cause)] & flags[id(effect)]
        if gone.any():
            rest = values.filter(pl.Series(gone)).str.replace_all(str(cause.signs), "")
            gone[gone] = ~_broken(rest, [effect])[0]
            # What follows from a finding is neither a cause nor the effect of another one.
            flags[id(effect)] = flags[id(effect)] & ~gone
        links.append(gone)
    return links


def _broken(values: pl.Series, checks: Sequence[CellCheck]) -> list[Flags]:
    """Return for each check which values of its column break it."""
    cells = values.alias(checks[0].column).to_frame().lazy() if checks else pl.LazyFrame()
    flags = cells.select(check.broken.alias(str(place)) for place, check in enumerate(checks)).collect()
    return [flag.to_numpy().copy() for flag in flags]
