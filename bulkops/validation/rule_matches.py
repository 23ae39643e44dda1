"""Defects inside one block, before they have a place in the file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Spot:
    """One example of a defect.

    `number` is the record's in the block, from 0, or None for what is no record; `at` is an offset in the block
    where it is known already; else the place is that of `column` in the record, or of the record itself. Its line is
    that of `at` too, unless it is told `by_record`.
    """

    message: str
    number: int | None = None
    at: int | None = None
    column: str | None = None
    value: str | None = None
    by_record: bool = False


@dataclass(frozen=True)
class Hits:
    """All defects of one rule found in one go: how many, and the first few."""

    code: str
    total: int
    spots: tuple[Spot, ...]


_ALL = 1 << 60


@dataclass(frozen=True)
class Room:
    """How many more examples of each rule are wanted; none once a file has enough of them.

    Whoever counts those `used` may go on while a block is judged: what was wanted before may not be any more.
    Of the `unlimited` rules every finding is wanted, since some of them are accepted by a baseline.
    """

    most: int
    used: Mapping[str, int]
    unlimited: frozenset[str] = frozenset()

    def of(self, code: str) -> int:
        """Return how many examples of a rule are still wanted."""
        if code in self.unlimited:
            return _ALL
        return max(0, self.most - self.used.get(code, 0))


def merge(hits: Iterable[Hits]) -> list[Hits]:
    """Return hits with those of the same rule joined."""
    joined: dict[str, Hits] = {}
    for one in hits:
        other = joined.get(one.code)
        joined[one.code] = Hits(one.code, other.total + one.total, other.spots + one.spots) if other else one
    return list(joined.values())
