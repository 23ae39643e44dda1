"""Sending one chunk: the intent is written before the request leaves, the outcome before anything follows from it."""

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
from bulkops.ledger.events import Accepted, Blocked, Payload, Refused, RequestSent, Stopped, TooLarge
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import TAKEN_IN, ChunkState
from bulkops.transport.client import CLOCK_SET_SECONDS
from bulkops.transport.responses import Answer
from bulkops.upload.body import ChunkBody
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.amounts import harmless_again, told_of
from bulkops.upload.evidence.duplicates import taken_in_state
from bulkops.upload.evidence.row_clock import instant, rows_ahead
from bulkops.upload.evidence.server_clock import learn_time
from bulkops.upload.evidence.server_time import read_seconds
from bulkops.upload.refusals.header_names import name_advice
from bulkops.upload.refusals.isolate import Refusals


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The chunk after one attempt, and the error that the attempt ended in."""

    chunk: ChunkEntry
    error: BulkopsError | None = None


class Sender:
    """Sends chunks of one job, each once a call."""

    def __init__(self, context: JobContext, refusals: Refusals | None = None) -> None:
        self._context = context
        self._refusals = refusals or Refusals(context)
        self._asking = Lock()

    def send(self, chunk: ChunkEntry) -> Sent:
        """Send a pending chunk and write down what came of it.

        AccessRefused, GuardRefused and UsageError are raised after the chunk is pending again: nothing more should be
        sent. An AccessRefused that is returned is about the content of the chunk alone. An error before the request
        leaves passes through and leaves the chunk pending.
        """
        attempt = _Attempt(self._context, chunk)
        try:
            with self._asking:
                learn_time(self._context)
            answer = self._post(attempt)
        except NotDelivered as error:
            return Sent(chunk=attempt.back(events.NotDelivered(message=error.message)), error=error)
        except AccessRefused as error:
            return self._blocked(attempt, error)
        except GuardRefused as error:
            attempt.back(Stopped(message=error.message))
            raise
        except ServerRefused as error:
            return self._refused(attempt, error)
        except OutcomeUnknown as error:
            return Sent(chunk=attempt.in_doubt(error), error=error)
        import_id = _import_id(answer)
        if answer.status not in (200, 201) or import_id is None:
            unreadable = OutcomeUnknown(f"The answer ({answer.status}) does not describe an import.")
            return Sent(chunk=attempt.in_doubt(unreadable), error=unreadable)
        try:
            return self._answered(attempt, answer, import_id)
        except ImportTaken as taken:
            # Another chunk with equal records was settled by this import: what is missing now is an import of its own.
            other = OutcomeUnknown(f"The server reported import {import_id}, but {taken}.")
            return Sent(chunk=attempt.in_doubt(other), error=other)

    def _blocked(self, attempt: "_Attempt", error: AccessRefused) -> Sent:
        """Take an HTML page with 403 for a refusal of the chunk's content; raise any other refusal of the access.

        A firewall reads the content of requests, and the API itself never sends a page. A page with 404 is about the
        content only if the address is right, which an accepted chunk shows; so is a page for records that cannot be
        divided any more. The request did not reach the API, so the chunk is pending unless it is refused for good.
        """
        chunk, job = attempt.chunk, self._context.job.id
        accepted = bool(TAKEN_IN & self._context.ledger.sums(job).get(job, {}).keys())
        about_content = error.page and (accepted or error.status == 403) and self._context.contract.mode.splittable
        if about_content and self._refusals.may_divide(chunk):
            return Sent(chunk=attempt.back(Blocked(message=error.message)), error=error)
        if about_content and accepted:
            refusal = ServerRefused(error.message, status=error.status)
            return Sent(chunk=attempt.refused(refusal), error=error)
        attempt.back(Stopped(message=error.message))
        raise error

    def _refused(self, attempt: "_Attempt", error: ServerRefused) -> Sent:
        """Record a refusal. A request that was too large was not processed, so the chunk is pending and can be cut.

        UsageError if it must not be cut.
        """
        chunk = attempt.chunk
        if error.status != 413 or (chunk.records == 1 and self._context.contract.mode.splittable):
            return Sent(chunk=attempt.refused(error), error=error)
        back = attempt.back(TooLarge(message=error.message, bytes=chunk.bytes))
        if self._context.contract.mode.splittable:
            return Sent(chunk=back, error=error)
        raise UsageError(
            f"{error.message} The request has {chunk.bytes:,} bytes, and an import that replaces is never split.",
            hint="Raise the size limit of the proxy or gateway in front of the API, then resume the job.",
        )

    def _answered(self, attempt: "_Attempt", answer: Answer, import_id: int) -> Sent:
        """Record the import of a response, in doubt if its amount is not the chunk's."""
        chunk, amount = attempt.chunk, _amount(answer)
        if amount == chunk.records:
            return Sent(chunk=attempt.accepted(answer, import_id))
        answered = replace(chunk, import_id=import_id, amount=amount)
        other = OutcomeUnknown(f"{told_of(answered).capitalize()}.")
        doubtful = attempt.in_doubt(other, import_id=import_id, amount=amount)
        # Where the records may be sent again, nothing is gained by settling each chunk before the next one is sent.
        return Sent(chunk=doubtful, error=None if harmless_again(self._context) else other)

    def _post(self, attempt: "_Attempt") -> Answer:
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
            leaving=attempt.begin,
        )


class _Attempt:
    """One attempt at a chunk, as the ledger follows it."""

    def __init__(self, context: JobContext, chunk: ChunkEntry) -> None:
        self._context = context
        self._left: datetime | None = None
        self._begun: tuple[datetime, float] | None = None
        self.chunk = chunk
        job = context.job
        self.body = ChunkBody(job.file_path, job.header_end, chunk, header=job.sent_header)

    def begin(self) -> None:
        """Write the intent. The clock is read before the ledger is, so that nothing can be older than it."""
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

    def back(self, event: events.NotDelivered | Stopped | Blocked | TooLarge) -> ChunkEntry:
        """Return the chunk to pending: the server imported none of it. Leave it as it is if it never left."""
        if self.chunk.state is ChunkState.SENDING:
            self._move(ChunkState.PENDING, event, message=event.message)
        return self.chunk

    def refused(self, error: ServerRefused) -> ChunkEntry:
        """Write that the server said no."""
        context = self._context
        advice = name_advice(context.job, context.contract, error.message, error.lines)
        message = f"{error.message} {advice}" if advice else error.message
        event = Refused(status=error.status, message=message, details=error.details, lines=error.lines)
        return self._move(ChunkState.REFUSED, event, message=message, lines=error.lines)

    def in_doubt(self, error: OutcomeUnknown, **told: int | None) -> ChunkEntry:
        """Record an unknown outcome, with whatever the response contained; ImportTaken as `accepted` raises it."""
        event = events.OutcomeUnknown(message=error.message, status=error.status, waited=self._waited(), **told)
        return self._move(ChunkState.IN_DOUBT, event, message=error.message, answered=bool(told), **told)

    def _waited(self) -> float | None:
        """Return for how many seconds a response was waited for after the last byte had left; None if it had not."""
        return None if self.body.completed is None else round(time.monotonic() - self.body.completed, 3)

    def accepted(self, answer: Answer, import_id: int) -> ChunkEntry:
        """Record the import that the server reports; ImportTaken if the ledger has it for another chunk."""
        amount = _amount(answer)
        created = instant(answer.body.get("created"))
        return self._move(
            taken_in_state(self._context, self.chunk),
            Accepted(status=answer.status, import_id=import_id, amount=amount),
            answered=True,
            import_id=import_id,
            amount=amount,
            message="",
            created=created,
            rows_ahead=rows_ahead(created, left=self._left, answered=answer.date),
        )

    def _move(self, state: ChunkState, event: Payload, *, answered: bool = False, **changes: Any) -> ChunkEntry:
        job = self._context.job.id
        changes = {**self._learnt(), **changes}
        self.chunk = self._context.ledger.move(job, self.chunk, state, event, answered=answered, **changes)
        return self.chunk

    def _learnt(self) -> dict[str, float]:
        """Return the server's clock as the answer told it, if it was not known before and ours was not set since."""
        offset = self._context.client.server_offset
        if self._begun is None or offset is None:
            return {}
        clock, (at, monotonic) = self._context.clock, self._begun
        moved = abs((clock.now() - at).total_seconds() - (clock.monotonic() - monotonic))
        return {"clock_offset": offset.total_seconds()} if moved < CLOCK_SET_SECONDS else {}


def _import_id(answer: Answer) -> int | None:
    """Return the id of the import. The other fields are not relied on: the documentation's examples contradict them."""
    value = answer.body.get("id") if isinstance(answer.body, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _amount(answer: Answer) -> int | None:
    """Return how many records the server says it imported; None if it does not say so, or no such number."""
    value = answer.body.get("amount")
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
