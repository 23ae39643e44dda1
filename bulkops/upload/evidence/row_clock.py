"""The clock that dates rows: it may be another than the one of the `Date` headers, and neither need be ours.

Each answer to an import says when it was created. Held against the answer's `Date`, that tells how far the two clocks
are apart. Before an import of the job was answered nothing is known, and what is read must reach far to both sides.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import TAKEN_IN

# A Date header is cut to whole seconds, so the server's clock is known to be up to a second later than it says;
# times of rows may be cut to whole seconds as well.
CUT_SECONDS = timedelta(seconds=1)
# What a known clock of rows may run off: there may be several of them.
CLOCKS_APART = timedelta(minutes=5)
# A clock that nothing is known of may be in another time zone.
UNKNOWN_CLOCK = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class RowClock:
    """How far the clock that dates rows is ahead of the server's `Date`, from the least to the most; None: unknown."""

    least: timedelta | None = None
    most: timedelta | None = None

    @classmethod
    def of(cls, chunks: Iterable[ChunkEntry]) -> Self:
        """Return what the accepted chunks of a job tell."""
        ahead = [c.rows_ahead for c in chunks if c.rows_ahead is not None and c.state in TAKEN_IN]
        if not ahead:
            return cls()
        return cls(least=timedelta(seconds=min(ahead)), most=timedelta(seconds=max(ahead)))

    @property
    def known(self) -> bool:
        """Whether an answer told it."""
        return self.least is not None

    def since(self, chunk: ChunkEntry) -> datetime | None:
        """Return when, by the clock of rows, the chunk first left, at the earliest: no row of it is older.

        Where nothing is known of that clock it is taken for the one of `Date`; None if not even that one is known.
        """
        left = departed(chunk)
        return None if left is None else left + _bound(self.most)

    def window(self, chunk: ChunkEntry, *, now: datetime) -> datetime:
        """Return where to begin to read for rows of the chunk: whatever is of it is younger."""
        left = departed(chunk)
        if left is not None and self.least is not None:
            return left + _bound(self.least) - CLOCKS_APART
        return (left or min(now, chunk.first_sent or now)) - UNKNOWN_CLOCK


def departed(chunk: ChunkEntry) -> datetime | None:
    """Return when the chunk first left by the server's `Date`, which may have been up to a second later."""
    if chunk.first_sent is None or chunk.clock_offset is None:
        return None
    return chunk.first_sent + timedelta(seconds=chunk.clock_offset)


def rows_ahead(created: datetime | None, *, left: datetime | None, answered: datetime | None) -> float | None:
    """Return how many seconds the clock of rows is ahead, at least: 0 if it may be the one of `Date`, None if unknown.

    `created` is what the answer to an import says; `left` and `answered` are times of its request by `Date`. A row
    from before its request is of a clock behind, or cut to whole seconds: as `left` is early already, by a fraction of
    a second that differs from request to request, any grace here would call a clock seconds behind the same one time
    and another the next.
    """
    if created is None or left is None or answered is None:
        return None
    if left <= created <= answered + 2 * CUT_SECONDS:
        return 0.0
    return (created - answered).total_seconds()


def instant(text: object) -> datetime | None:
    """Return the instant that a text of an answer or of a row says; None if it says none."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _bound(ahead: timedelta | None) -> timedelta:
    """Return what to add to a time by `Date` to get the least that the clock of rows can have shown."""
    return (ahead or timedelta()) - 2 * CUT_SECONDS
