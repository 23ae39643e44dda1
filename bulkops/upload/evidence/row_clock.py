"""The clock that dates rows: it may be another than the one of the `Date` headers, and neither need be ours.

Each answer to an import says when it was created. Held against the answer's `Date`, that tells how far the two clocks
are apart. Before an import of the job was answered nothing is known, and what is read must reach far to both sides.

A clock can be set between a request and a reading. Only the offset between the server's clock and ours can be measured,
so it is not known which of the two was set, and the window begins at the earliest time that either reading allows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import IMPORTED

# A Date header is cut to whole seconds, so the server's clock is known to be up to a second later than it says;
# times of rows may be cut to whole seconds as well.
CUT_SECONDS = timedelta(seconds=1)
# What a known clock of rows may run off: there may be several of them.
CLOCKS_APART = timedelta(minutes=5)
# A clock that nothing is known of may be in another time zone.
UNKNOWN_CLOCK = timedelta(days=1)
# Two measurements of one offset differ by the cut of `Date` and by how long the responses took. What differs by more
# is a clock that was set. A window that begins five minutes early covers smaller differences.
CLOCK_WAS_SET = timedelta(minutes=1)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class RowClock:
    """How far the clock that dates rows is ahead of the server's `Date`, from the least to the most; None: unknown.

    `offsets` are the seconds that the server's clock was ahead of ours, as measured since requests left.
    """

    least: timedelta | None = None
    most: timedelta | None = None
    offsets: frozenset[float] = frozenset()

    @classmethod
    def of(cls, chunks: Iterable[ChunkEntry], *, offsets: Iterable[float] = ()) -> Self:
        """Return what the accepted chunks of a job tell."""
        ahead = [c.rows_ahead for c in chunks if c.rows_ahead is not None and c.state in IMPORTED]
        if not ahead:
            return cls(offsets=frozenset(offsets))
        least, most = timedelta(seconds=min(ahead)), timedelta(seconds=max(ahead))
        return cls(least=least, most=most, offsets=frozenset(offsets))

    def without_start(self) -> Self:
        """Return a clock whose window is as wide as if nothing was known; the age that proves a row ours stays."""
        return replace(self, least=None)

    def without_knowledge(self) -> Self:
        """Return a clock of which only the offsets are known."""
        return replace(self, least=None, most=None)

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
            return left - self.set_by(chunk, now=now) + _bound(self.least) - CLOCKS_APART
        if left is None:
            left = min(now, chunk.first_sent or now)
        return min(left, *self._times_of_departure(chunk, now)) - UNKNOWN_CLOCK

    def set_by(self, chunk: ChunkEntry, *, now: datetime) -> timedelta:
        """Return how much earlier the chunk may have left by the server's clock than was measured when it left.

        That is nothing unless a clock was set since.
        """
        left = departed(chunk)
        if left is None:
            return timedelta()
        earlier = left - min(left, *self._times_of_departure(chunk, now))
        return earlier if earlier > CLOCK_WAS_SET else timedelta()

    def _times_of_departure(self, chunk: ChunkEntry, now: datetime) -> list[datetime]:
        """Return when the chunk left by each offset; at the latest now, should our clock be behind."""
        ours = min(now, chunk.first_sent or now)
        return [ours + timedelta(seconds=offset) for offset in self.offsets] or [NEVER]


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


def shown(span: timedelta) -> str:
    """Return a span of time as messages name it, in whole minutes."""
    hours, minutes = divmod(round(span.total_seconds() / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _bound(ahead: timedelta | None) -> timedelta:
    """Return what to add to a time by `Date` to get the least that the clock of rows can have shown."""
    return (ahead or timedelta()) - 2 * CUT_SECONDS
