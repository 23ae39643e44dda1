"""The largest request that a server, or a proxy in front of it, accepts: found by one job, used by later ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from bulkops.ledger.events import EventKind, RequestTooLarge, SettingsChanged
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.upload.context import JobContext
from bulkops.upload.refusals.split_chunk import pieces_of, pieces_within

FOUND = "found_max_bytes"
"""The setting of a job that was refused for its size: the bytes per request that it sent from then on."""
GIVEN = "max_bytes"
"""The setting of a job with a size of requests that the user chose."""


@dataclass(frozen=True, kw_only=True)
class KnownSize:
    """The maximum bytes of a request, and the job that found it."""

    most: int
    job: str


def known_size(ledger: LedgerReader, base_url: str) -> KnownSize | None:
    """Return the size that the latest job with a refusal (413) found at a server.

    None if no job was refused, or if a later job was accepted with larger requests that its user chose.
    """
    chosen: list[str] = []
    for job in _jobs_with_sizes(ledger):
        if job.target["base_url"] != base_url:
            continue
        if found := job.settings.get(FOUND):
            lifted = any(ledger.largest_accepted(name) > found for name in chosen)
            return None if lifted else KnownSize(most=found, job=job.id)
        if job.settings.get(GIVEN):
            chosen.append(job.id)
    return None


_WITHOUT_SIZES: WeakKeyDictionary[LedgerReader, int] = WeakKeyDictionary()
"""The last event until which no job of a ledger had a size: sizes are rare, and the search reads all jobs."""


def _jobs_with_sizes(ledger: LedgerReader) -> Iterator[JobEntry]:
    """Yield the jobs with one of the settings, the latest first."""
    last, before = ledger.last_event(), _WITHOUT_SIZES.get(ledger)
    none_before = last is not None and before is not None and not ledger.has_settings_since(before, FOUND, GIVEN)
    found = () if none_before else tuple(ledger.jobs_with_settings(FOUND, GIVEN))
    if last is not None and not found:
        _WITHOUT_SIZES[ledger] = last
    yield from found


class RequestSize:
    """The largest request to send, in bytes and in records, after refusals for size (413) and timeouts."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self.most_records: int | None = None
        self._most_bytes = self._recorded_most_bytes()

    def _recorded_most_bytes(self) -> int | None:
        """Return half the size of the smallest request that was refused for its size; None if none was."""
        events = self._context.ledger.events(self._context.job.id, kind=EventKind.TOO_LARGE)
        sizes = [event.payload.bytes for event in events if isinstance(event.payload, RequestTooLarge)]
        return min((size // 2 for size in sizes), default=None)

    def lower_most_bytes(self, chunk: ChunkEntry) -> None:
        """Limit requests to half the bytes of a chunk that was refused for its size, also those of later jobs."""
        most = chunk.bytes // 2
        if self._most_bytes is not None and self._most_bytes <= most:
            return
        self._most_bytes = most
        _store(self._context, most)
        self._context.client.notifier.notify(
            f"The server, or a proxy in front of it, refused a request of {chunk.bytes:,} bytes as too large (413). "
            f"This job and later ones now send at most {most:,} bytes per request; --max-bytes changes that."
        )

    def divided(self, chunk: ChunkEntry) -> tuple[list[ChunkEntry], str] | None:
        """Return the parts of a chunk that is too large, and the reason; None for a chunk that can be sent whole."""
        if self._most_bytes is not None and chunk.bytes > self._most_bytes and chunk.records > 1:
            reason = f"a larger request was refused (413); at most {self._most_bytes} bytes a request now"
            return pieces_within(self._context.records(chunk), self._most_bytes), reason
        if self.most_records is not None and chunk.records > self.most_records:
            reason = f"the server took too long; at most {self.most_records} records a request now"
            return pieces_of(self._context.records(chunk), self.most_records), reason
        return None


def _store(context: JobContext, most: int) -> None:
    job: JobEntry = context.ledger.job(context.job.id)
    context.ledger.change_job(job, SettingsChanged(), settings={**job.settings, FOUND: most})
