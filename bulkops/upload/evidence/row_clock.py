"""Model the clock that dates rows: it may differ from the clock of the `Date` headers, and both from this machine's.

Each response to an import contains its creation time. The difference from the response's `Date` is the offset between
the two clocks. Before the job's first response the offset is unknown, so the time window to read must be wide on both
sides.

A clock can be set between a request and a snapshot. Only the offset between the server's clock and this machine's can
be measured, so it is unknown which clock was set. The window then begins at the earliest time that either measurement
allows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import IMPORTED

# A Date header is cut to whole seconds, so the server's clock may be up to a second later than the header.
# Times of rows may be cut to whole seconds as well.
CUT_SECONDS = timedelta(seconds=1)
# The maximum error of a known row clock: the server may have several clocks.
CLOCKS_APART = timedelta(minutes=5)
# An unknown clock may be in another time zone.
UNKNOWN_CLOCK = timedelta(days=1)
# Two measurements of one offset differ by the cut of `Date` and by the duration of the responses. A larger difference
# means that a clock was set. The window begins five minutes early, which covers smaller differences.
CLOCK_WAS_SET = timedelta(minutes=1)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class RowClock:
    """The seconds by which the row clock is ahead of the server's `Date`, as minimum and maximum; None if unknown.

    `offsets`: measured seconds by which the server's clock was ahead of this machine's since the requests left.
    """

    least: timedelta | None = None
    most: timedelta | None = None
    offsets: frozenset[float] = frozenset()

    @classmethod
    def of(cls, chunks: Iterable[ChunkEntry], *, offsets: Iterable[float] = ()) -> Self:
        """Return the clock that the accepted chunks of a job imply."""
        ahead = [c.rows_ahead for c in chunks if c.rows_ahead is not None and c.state in IMPORTED]
        if not ahead:
            return cls(offsets=frozenset(offsets))
        least, most = timedelta(seconds=min(ahead)), timedelta(seconds=max(ahead))
        return cls(least=least, most=most, offsets=frozenset(offsets))

    def without_start(self) -> Self:
        """Return a clock with the window of an unknown clock, and with the same age limit for rows of this job."""
        return replace(self, least=None)

    def without_knowledge(self) -> Self:
        """Return a clock with the measured offsets only."""
        return replace(self, least=None, most=None)

    @property
    def known(self) -> bool:
        """Whether a response to an import measured the clock."""
        return self.least is not None

    def since(self, chunk: ChunkEntry) -> datetime | None:
        """Return the earliest time at which the chunk can have left, by the row clock: none of its rows is older.

        If the row clock is unknown, the clock of `Date` is used; None if that is unknown, too.
        """
        left = departed(chunk)
        return None if left is None else left + _bound(self.most)

    def window(self, chunk: ChunkEntry, *, now: datetime) -> datetime:
        """Return the start of the window to read: every row of the chunk was created later."""
        left = departed(chunk)
        if left is not None and self.least is not None:
            return left - self.set_by(chunk, now=now) + _bound(self.least) - CLOCKS_APART
        if left is None:
            left = min(now, chunk.first_sent or now)
        return min(left, *self._times_of_departure(chunk, now)) - UNKNOWN_CLOCK

    def set_by(self, chunk: ChunkEntry, *, now: datetime) -> timedelta:
        """Return how much earlier, by the server's clock, the chunk may have left than was measured when it left.

        Zero unless a clock was set since.
        """
        left = departed(chunk)
        if left is None:
            return timedelta()
        earlier = left - min(left, *self._times_of_departure(chunk, now))
        return earlier if earlier > CLOCK_WAS_SET else timedelta()

    def _times_of_departure(self, chunk: ChunkEntry, now: datetime) -> list[datetime]:
        """Return when the chunk left by each offset; no later than now, in case this machine's clock is behind."""
        ours = min(now, chunk.first_sent or now)
        return [ours + timedelta(seconds=offset) for offset in self.offsets] or [NEVER]


def departed(chunk: ChunkEntry) -> datetime | None:
    """Return when the chunk first left by the server's `Date`; it may have been up to a second later."""
    if chunk.first_sent is None or chunk.clock_offset is None:
        return None
    return chunk.first_sent + timedelta(seconds=chunk.clock_offset)


def rows_ahead(created: datetime | None, *, left: datetime | None, answered: datetime | None) -> float | None:
    """Return the minimum seconds by which the row clock is ahead: 0 if it may equal `Date`, None if unknown.

    `created` is the creation time in the response to an import; `left` and `answered` are the times of its request by
    `Date`. A creation time before the request means a clock that is behind, or times cut to whole seconds. `left` is
    already early by a fraction of a second that differs between requests. A tolerance here would therefore count a
    clock that is seconds behind as equal for some requests and not for others.
    """
    if created is None or left is None or answered is None:
        return None
    if left <= created <= answered + 2 * CUT_SECONDS:
        return 0.0
    return (created - answered).total_seconds()


def instant(text: object) -> datetime | None:
    """Return the instant of a timestamp in a response or a row; None if it is missing or invalid."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def shown(span: timedelta) -> str:
    """Return a duration for messages, in whole minutes."""
    hours, minutes = divmod(round(span.total_seconds() / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _bound(ahead: timedelta | None) -> timedelta:
    """Return the offset to add to a `Date` to get the earliest time that the row clock can have shown."""
    return (ahead or timedelta()) - 2 * CUT_SECONDS
