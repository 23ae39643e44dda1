"""What was odd about an answer, told in sentences."""

from collections import Counter
from dataclasses import dataclass, field

FIELDS = "not as many fields as the header"
QUOTES = "quotes that are not those of CSV"
UNCLOSED = "a quoted cell that is never closed"
NOT_UTF8 = "not valid UTF-8, read with replacement characters"
UNCERTAIN = (FIELDS, UNCLOSED, NOT_UTF8)
"""Oddities after which a record may not be read as it was written."""


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

    def uncertain(self) -> tuple[str, ...]:
        """Return one sentence for each oddity that leaves a record's cells uncertain."""
        return tuple(self._line(what) for what in UNCERTAIN if self.counts[what])

    def _line(self, what: str) -> str:
        return f"{self.counts[what]:,} x {what} (first: record {self.first[what]:,})."

    def lines(self) -> tuple[str, ...]:
        """Return one sentence an oddity."""
        return tuple(self._line(what) for what, count in self.counts.items() if count)
