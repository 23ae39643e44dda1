"""Count the problems of a parsed CSV, and describe them in sentences."""

from collections import Counter
from dataclasses import dataclass, field

FIELDS = "a different number of fields than the header"
QUOTES = "quotes that are not valid CSV"
UNCLOSED = "a quoted cell that is never closed"
NOT_UTF8 = "not valid UTF-8, read with replacement characters"
HEADER_AMONG_ROWS = "the header among the rows, which no server writes"
BLANK_RECORD = "a record without any value, which no server writes"
UNCERTAIN = (FIELDS, UNCLOSED, NOT_UTF8)
"""Problems after which the cells of a record may be wrong."""


@dataclass
class Notes:
    """The problems of a response or a file: the number of each, and the first record that has it."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, record: int, count: int = 1) -> None:
        """Add `count` occurrences of a problem; `record` is 1-based and does not count the header."""
        self.counts[what] += count
        self.first.setdefault(what, record)

    def merge(self, other: "Notes", *, after: int = 0) -> None:
        """Add the problems of another part; `after` is the number of records before that part."""
        for what, count in other.counts.items():
            self.add(what, other.first[what] + after, count)

    def uncertain(self) -> tuple[str, ...]:
        """Return one sentence for each problem that makes the cells of a record uncertain."""
        return tuple(self._line(what) for what in UNCERTAIN if self.counts[what])

    def _line(self, what: str) -> str:
        return f"{self.counts[what]:,} x {what} (first: record {self.first[what]:,})."

    def lines(self) -> tuple[str, ...]:
        """Return one sentence for each problem."""
        return tuple(self._line(what) for what, count in self.counts.items() if count)
