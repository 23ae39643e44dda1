"""What was odd about an answer, told in sentences."""

from collections import Counter
from dataclasses import dataclass, field

FIELDS = "not as many fields as the header"
QUOTES = "quotes that are not those of CSV"


@dataclass
class Notes:
    """What was odd about an answer or a file, counted, with the record where each was met first."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, record: int, count: int = 1) -> None:
        """Count one oddity; `record` is 1-based, the header not counted."""
        self.counts[what] += count
        self.first.setdefault(what, record)

    def take(self, other: "Notes", *, after: int = 0) -> None:
        """Add what was noted of another part, which `after` records came before."""
        for what, count in other.counts.items():
            self.add(what, other.first[what] + after, count)

    def lines(self) -> tuple[str, ...]:
        """Return one sentence an oddity."""
        return tuple(f"{n:,} x {what} (first: record {self.first[what]:,})." for what, n in self.counts.items())
