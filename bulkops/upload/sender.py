"""Send one chunk: write the intent before the request leaves, and the outcome before anything else happens."""

import time
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any

from bulkops.errors import (
    AccessRefused,
    BulkopsError,
    GuardRefused,
    NotDelivered,
    OutcomeUnknown,
    ServerRefused,
    UsageError,
)
from bulkops.ledger import events
from bulkops.ledger.claims import ImportTaken
from bulkops.ledger.events import Accepted, Blocked, Payload, Refused, RequestSent, RequestTooLarge, Stopped
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import IMPORTED, ChunkState
from bulkops.transport.client import CLOCK_SET_SECONDS
from bulkops.transport.responses import Response
from bulkops.upload.body import ChunkBody
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.amounts import reported_amount, resend_is_harmless
from bulkops.upload.evidence.duplicates import accepted_state
from bulkops.upload.evidence.row_clock import instant, rows_ahead
from bulkops.upload.evidence.server_clock import learn_server_time
from bulkops.upload.evidence.timeouts import read_seconds
from bulkops.upload.refusals.header_names import name_advice
from bulkops.upload.refusals.isolate import Refusals


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """The chunk after one attempt, and the error of the attempt."""

    chunk: ChunkEntry
    error: BulkopsError | None = None


class Sender:
    """Sends chunks of one job; each call makes one attempt."""

    def __init__(self, context: JobContext, refusals: Refusals | None = None) -> None:
        self._context = context
        self._refusals = refusals or Refusals(context)
        self._clock_lock = Lock()

    def send(self, chunk: ChunkEntry) -> SendResult:
        """Send a pending chunk and record the outcome.

        AccessRefused, GuardRefused and UsageError are raised after the chunk is pending again: no more chunks should be
        sent. A returned AccessRefused is about the content of the chunk alone. An error before the request leaves is
        raised unchanged and leaves the chunk pending.
        """
        attempt = _Attempt(self._context, chunk)
        try:
            with self._clock_lock:
                learn_server_time(self._context)
            response = self._post(attempt)
        except NotDelivered as error:
            return SendResult(chunk=attempt.back(events.NotDelivered(message=error.message)), error=error)
        except AccessRefused as error:
            return self._blocked(attempt, error)
        except GuardRefused as error:
            attempt.back(Stopped(message=error.message))
            raise
        except ServerRefused as error:
            return self._refused(attempt, error)
        except OutcomeUnknown as error:
            return SendResult(chunk=attempt.in_doubt(error), error=error)
        import_id = _import_id(response)
        if response.status not in (200, 201) or import_id is None:
            unreadable = OutcomeUnknown(f"The response ({response.status}) does not describe an import.")
            return SendResult(chunk=attempt.in_doubt(unreadable), error=unreadable)
        try:
            return self._answered(attempt, response, import_id)
        except ImportTaken as taken:
            # This import settled another chunk with equal records, so this chunk must have an import of its own.
            other = OutcomeUnknown(f"The server reported import {import_id}, but {taken}.")
            return SendResult(chunk=attempt.in_doubt(other), error=other)

    def _blocked(self, attempt: "_Attempt", error: AccessRefused) -> SendResult:
        """Treat an HTML page with status 403 as a refusal of the chunk's content; raise any other refusal of access.

        A firewall inspects the content of requests, and the API itself never sends a page. A page with 404 is about the
        content only if the address is right, which an accepted chunk proves; the same holds for a page about records
        that cannot be divided further. The request did not reach the API, so the chunk is pending unless it is refused
        finally.
        """
        chunk, job = attempt.chunk, self._context.job.id
        accepted = bool(IMPORTED & self._context.ledger.sums(job).get(job, {}).keys())
        about_content = error.page and (accepted or error.status == 403) and self._context.contract.mode.splittable
        if about_content and self._refusals.may_divide(chunk):
            return SendResult(chunk=attempt.back(Blocked(message=error.message)), error=error)
        if about_content and accepted:
            refusal = ServerRefused(error.message, status=error.status)
            return SendResult(chunk=attempt.refused(refusal), error=error)
        attempt.back(Stopped(message=error.message))
        raise error

    def _refused(self, attempt: "_Attempt", error: ServerRefused) -> SendResult:
        """Record a refusal. If the request was too large, the server did not process it: the chunk is pending again.

        UsageError if the chunk must not be divided.
        """
        chunk = attempt.chunk
        if error.status != 413 or (chunk.records == 1 and self._context.contract.mode.splittable):
            return SendResult(chunk=attempt.refused(error), error=error)
        back = attempt.back(RequestTooLarge(message=error.message, bytes=chunk.bytes))
        if self._context.contract.mode.splittable:
            return SendResult(chunk=back, error=error)
        raise UsageError(
            f"{error.message} The request has {chunk.bytes:,} bytes, and an import that replaces is never split.",
            hint="Raise the size limit of the proxy or gateway in front of the API, then resume the job.",
        )

    def _answered(self, attempt: "_Attempt", response: Response, import_id: int) -> SendResult:
        """Record the import of a response; in doubt if its amount differs from the number of records."""
        chunk, amount = attempt.chunk, _amount(response)
        if amount == chunk.records:
            return SendResult(chunk=attempt.accepted(response, import_id))
        reported = replace(chunk, import_id=import_id, amount=amount)
        other = OutcomeUnknown(f"{reported_amount(reported).capitalize()}.")
        doubtful = attempt.in_doubt(other, import_id=import_id, amount=amount)
        # If records can be resent safely, settling each chunk before the next one is sent has no benefit.
        return SendResult(chunk=doubtful, error=None if resend_is_harmless(self._context) else other)

    def _post(self, attempt: "_Attempt") -> Response:
        context = self._context
        body = attempt.body
        body.check()
        return context.client.post_file(
            context.route.path,
            context.ids,
            context.parameters,
            filename=context.job.file_path.name,
            parts=body,
            read_seconds=read_seconds(context.contract, attempt.chunk, context.options),
            on_departure=attempt.begin,
        )


class _Attempt:
    """One attempt to send a chunk, recorded in the ledger."""

    def __init__(self, context: JobContext, chunk: ChunkEntry) -> None:
        self._context = context
        self._left: datetime | None = None
        self._begun: tuple[datetime, float] | None = None
        self.chunk = chunk
        job = context.job
        self.body = ChunkBody(job.file_path, job.header_end, chunk, header=job.sent_header)

    def begin(self) -> None:
        """Write the intent. The clock is read before the ledger is written, so that no row can be older than it."""
        now = self._context.clock.now()
        offset = self._context.client.server_offset
        seconds = None if offset is None else offset.total_seconds()
        self._left = None if offset is None else now + offset
        known = self.chunk.first_sent is not None
        if not known and offset is None:
            self._begun = (now, self._context.clock.monotonic())
        self._move(
            ChunkState.SENDING,
            RequestSent(attempt=self.chunk.attempts + 1, clock_offset=seconds),
            attempts=self.chunk.attempts + 1,
            first_sent=self.chunk.first_sent or now,
            clock_offset=self.chunk.clock_offset if known else seconds,
            undecided=False,
            message="",
            lines=(),
            import_id=None,
            amount=None,
        )

    def back(self, event: events.NotDelivered | Stopped | Blocked | RequestTooLarge) -> ChunkEntry:
        """Return the chunk to pending: the server imported none of it. Keep it unchanged if the request never left."""
        if self.chunk.state is ChunkState.SENDING:
            self._move(ChunkState.PENDING, event, message=event.message)
        return self.chunk

    def refused(self, error: ServerRefused) -> ChunkEntry:
        """Record that the server refused the chunk."""
        context = self._context
        advice = name_advice(context.job, context.contract, error.message, error.lines)
        message = f"{error.message} {advice}" if advice else error.message
        event = Refused(status=error.status, message=message, details=error.details, lines=error.lines)
        return self._move(ChunkState.REFUSED, event, message=message, lines=error.lines)

    def in_doubt(self, error: OutcomeUnknown, **reported: int | None) -> ChunkEntry:
        """Record an unknown outcome, with whatever the response contained; ImportTaken as in `accepted`."""
        event = events.OutcomeUnknown(message=error.message, status=error.status, waited=self._waited(), **reported)
        return self._move(ChunkState.IN_DOUBT, event, message=error.message, answered=bool(reported), **reported)

    def _waited(self) -> float | None:
        """Return the seconds of waiting after the last byte left; None if the request did not leave completely."""
        return None if self.body.completed is None else round(time.monotonic() - self.body.completed, 3)

    def accepted(self, response: Response, import_id: int) -> ChunkEntry:
        """Record the import that the server reports; ImportTaken if it belongs to another chunk."""
        amount = _amount(response)
        created = instant(response.body.get("created"))
        return self._move(
            accepted_state(self._context, self.chunk),
            Accepted(status=response.status, import_id=import_id, amount=amount),
            answered=True,
            import_id=import_id,
            amount=amount,
            message="",
            created=created,
            rows_ahead=rows_ahead(created, left=self._left, answered=response.date),
        )

    def _move(self, state: ChunkState, event: Payload, *, answered: bool = False, **changes: Any) -> ChunkEntry:
        job = self._context.job.id
        changes = {**self._learnt(), **changes}
        self.chunk = self._context.ledger.move(job, self.chunk, state, event, answered=answered, **changes)
        return self.chunk

    def _learnt(self) -> dict[str, float]:
        """Return the server's clock offset from the response, if it was unknown before and no clock was set since."""
        offset = self._context.client.server_offset
        if self._begun is None or offset is None:
            return {}
        clock, (at, monotonic) = self._context.clock, self._begun
        moved = abs((clock.now() - at).total_seconds() - (clock.monotonic() - monotonic))
        return {"clock_offset": offset.total_seconds()} if moved < CLOCK_SET_SECONDS else {}


def _import_id(response: Response) -> int | None:
    """Return the id of the import; None if invalid. Other fields are not used: the documentation contradicts itself."""
    value = response.body.get("id") if isinstance(response.body, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _amount(response: Response) -> int | None:
    """Return the number of imported records that the server reports; None if it is missing or invalid."""
    value = response.body.get("amount")
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
