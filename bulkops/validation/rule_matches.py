"""Describe the defects of one block, before they have a location in the file."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example of a defect.

    `number` is the record number in the block, from 0, or None outside records. `at` is the offset in the block if it
    is known; otherwise the example points at `column` of the record, or at the record itself. The line is the line of
    `at`, or with `by_record` the line where the record begins. `explains` is the number of other findings that follow
    from it; they are counted and have no example. Of all examples with the same `cause`, one is listed. `unknown` is a
    name that the account does not have: a suggestion may be added to the message.
    """

    message: str
    number: int | None = None
    at: int | None = None
    column: str | None = None
    value: str | None = None
    by_record: bool = False
    explains: int = 0
    cause: Hashable = None
    unknown: str | None = None


@dataclass(frozen=True)
class RuleMatches:
    """All matches of one rule in one part of a block: the total, and the first examples.

    `causes` are the numbers of matches by cause, if matches of the same cause are listed once.
    """

    code: str
    total: int
    examples: tuple[Example, ...]
    causes: Mapping[Hashable, int] = field(default_factory=dict)


_ALL = 1 << 60


@dataclass(frozen=True)
class ExampleBudget:
    """How many more examples of each rule are wanted.

    Other threads may increase `used` while a block is checked, so the number can shrink at any time. All findings of
    `unlimited` rules are wanted, because a baseline accepts some of them. Without `grouped`, findings that follow from
    another one are wanted too.
    """

    most: int
    used: Mapping[str, int]
    unlimited: frozenset[str] = frozenset()
    grouped: bool = True

    def left(self, code: str) -> int:
        """Return how many more examples of a rule are wanted."""
        if code in self.unlimited:
            return _ALL
        return max(0, self.most - self.used.get(code, 0))

    def examples(self, match: RuleMatches) -> tuple[Example, ...]:
        """Return the examples that may be listed. An earlier block may have listed the cause of an example."""
        left = self.left(match.code)
        return match.examples[: max(left, self.most) if match.causes and left else left]


def merge(matches: Iterable[RuleMatches]) -> list[RuleMatches]:
    """Join the matches of the same rule, and return them in the order of their codes.

    The order in which they are found depends on the other records of the block.
    """
    joined: dict[str, RuleMatches] = {}
    for one in matches:
        other = joined.get(one.code)
        joined[one.code] = (
            RuleMatches(one.code, other.total + one.total, other.examples + one.examples) if other else one
        )
    return [joined[code] for code in sorted(joined)]
