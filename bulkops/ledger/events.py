"""Define the events of jobs and chunks: their kinds, their typed payloads, and their stored form.

Only this module knows the stored names. They never change, so that ledgers of every version can be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from bulkops.ledger.states import ChunkState


class EventKind(StrEnum):
    """The kinds of events, by their stored names."""

    CREATED = "created"
    SENT = "sent"
    CLOCK_SET = "clock set"
    NOT_DELIVERED = "not delivered"
    STOPPED = "stopped"
    BLOCKED = "blocked"
    TOO_LARGE = "too large"
    ONE_REASON = "one reason"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"
    EVIDENCE = "evidence"
    UNDECIDED = "undecided"
    RESENDABLE = "to be sent again"
    ISOLATING = "isolating"
    CUT_SMALLER = "cut smaller"
    REJECTED = "rejected"
    RESOLVED = "resolved"
    DOUBLED = "doubled"
    LOOKED_AGAIN = "looked again"
    TARGET_CHANGED = "target changed"
    DUPLICATE_IMPORT = "duplicate import"
    SETTINGS_CHANGED = "settings changed"
    FILE_NAMED = "file named"
    CANCELLED = "cancelled"
    RECONCILED = "reconciled"
    REMOVED = "removed"
    ALREADY_GONE = "already gone"


@dataclass(frozen=True, kw_only=True)
class Payload:
    """The details of an event. Each kind has its own type."""

    kind: ClassVar[EventKind]

    def stored(self) -> dict[str, Any]:
        """Return the payload as the ledger stores it. A field that is None by default is omitted while it is None."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in values.items() if value is not None or default is MISSING}

    @property
    def said(self) -> str:
        """The message of the server, the evidence or a person; empty if there is none."""
        texts = (getattr(self, name, None) for name in ("note", "message", "reason"))
        return next((str(text) for text in texts if text), "")


@dataclass(frozen=True, kw_only=True)
class Created(Payload):
    """The job was created with a plan of this many chunks."""

    kind = EventKind.CREATED
    chunks: int


@dataclass(frozen=True, kw_only=True)
class RequestSent(Payload):
    """A request is about to leave. `clock_offset`: seconds by which the server's clock is ahead; None if unknown."""

    kind = EventKind.SENT
    attempt: int
    clock_offset: float | None


@dataclass(frozen=True, kw_only=True)
class ClockSet(Payload):
    """The server's clock or ours was set while an outcome was unknown; `clock_offset` is the new difference."""

    kind = EventKind.CLOCK_SET
    clock_offset: float


@dataclass(frozen=True, kw_only=True)
class NotDelivered(Payload):
    """The server did not receive the complete request."""

    kind = EventKind.NOT_DELIVERED
    message: str


@dataclass(frozen=True, kw_only=True)
class Stopped(Payload):
    """The request was refused for a reason that stops the job: the key, or a guard."""

    kind = EventKind.STOPPED
    message: str


@dataclass(frozen=True, kw_only=True)
class Blocked(Payload):
    """A firewall or proxy refused the content of the request; the API never received it."""

    kind = EventKind.BLOCKED
    message: str


@dataclass(frozen=True, kw_only=True)
class RequestTooLarge(Payload):
    """The request of `bytes` bytes was refused for its size (413); the API did not process it."""

    kind = EventKind.TOO_LARGE
    message: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class OneReason(Payload):
    """The job stopped because the server refuses every record for one reason."""

    kind = EventKind.ONE_REASON
    reason: str


@dataclass(frozen=True, kw_only=True)
class Accepted(Payload):
    """The server reported an import of the whole chunk."""

    kind = EventKind.ACCEPTED
    status: int
    import_id: int
    amount: int | None


@dataclass(frozen=True, kw_only=True)
class Refused(Payload):
    """The server refused the chunk."""

    kind = EventKind.REFUSED
    status: int | None
    message: str
    details: Sequence[str] = ()
    lines: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class OutcomeUnknown(Payload):
    """A request ended without a usable response.

    `waited`: seconds between the last byte sent and the end of the wait; None if the body did not leave completely.
    `import_id` and `amount` are given if the response contained them.
    """

    kind = EventKind.IN_DOUBT
    message: str
    status: int | None = None
    waited: float | None = None
    import_id: int | None = None
    amount: int | None = None


@dataclass(frozen=True, kw_only=True)
class ProcessEnded(Payload):
    """The process ended while a request was under way, so how long the server had is unknown."""

    kind = EventKind.IN_DOUBT
    reason: str


@dataclass(frozen=True, kw_only=True)
class EvidenceRead(Payload):
    """The rows read back for a chunk.

    `missing`, `different` and `unexpected` count records and rows if these were compared by key.
    """

    kind = EventKind.EVIDENCE
    verdict: str | None = None
    rows: int | None = None
    import_id: int | None = None
    read_at: str | None = None
    note: str | None = None
    reason: str | None = None
    missing: int | None = None
    different: int | None = None
    unexpected: int | None = None


@dataclass(frozen=True, kw_only=True)
class Undecided(EvidenceRead):
    """Evidence that does not settle the chunk: it needs a manual decision."""

    kind = EventKind.UNDECIDED


@dataclass(frozen=True, kw_only=True)
class Resendable(Payload):
    """The chunk is resent because that leads to the same end state."""

    kind = EventKind.RESENDABLE
    reason: str


@dataclass(frozen=True, kw_only=True)
class Isolating(Payload):
    """The chunk was divided to find the records that the server refuses.

    `probes`: number of leading parts that are single records and show whether all are refused for one reason.
    """

    kind = EventKind.ISOLATING
    reason: str
    probes: int = 0


@dataclass(frozen=True, kw_only=True)
class CutSmaller(Payload):
    """The chunk was divided because its request was too large."""

    kind = EventKind.CUT_SMALLER
    reason: str


@dataclass(frozen=True, kw_only=True)
class Rejected(Payload):
    """The records of the chunk are rejected: they are not sent again."""

    kind = EventKind.REJECTED
    message: str


@dataclass(frozen=True, kw_only=True)
class Resolved(Payload):
    """A person decided about a chunk in doubt. `decision` is `accepted`, `resend` or `partly`.

    With `partly`, evidence found some records at the target: `rows` of them in import `import_id`.
    """

    kind = EventKind.RESOLVED
    decision: str
    reason: str
    rows: int | None = None
    import_id: int | None = None
    read_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class Doubled(Payload):
    """The final check found signs that the records are at the target twice."""

    kind = EventKind.DOUBLED
    note: str
    read_at: str


@dataclass(frozen=True, kw_only=True)
class LookedAgain(Payload):
    """The final check found no sign of duplicate records."""

    kind = EventKind.LOOKED_AGAIN
    note: str
    read_at: str


@dataclass(frozen=True, kw_only=True)
class TargetChanged(Payload):
    """The content that a replacement removes has changed since the job started; counts of rows by class."""

    kind = EventKind.TARGET_CHANGED
    added: int
    changed: int
    removed: int
    kept: int
    held: int

    def counts(self) -> Mapping[str, int]:
        """Return the counts by class."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class DuplicateImport(Payload):
    """An older ledger contained one import for two chunks; it belongs to `chunk` of `job`."""

    kind = EventKind.DUPLICATE_IMPORT
    import_id: int
    job: str
    chunk: int


@dataclass(frozen=True, kw_only=True)
class SettingsChanged(Payload):
    """Settings of the job were changed: when it was resumed, or after a request was refused for its size."""

    kind = EventKind.SETTINGS_CHANGED


@dataclass(frozen=True, kw_only=True)
class FileNamed(Payload):
    """The job's file has another path now."""

    kind = EventKind.FILE_NAMED


@dataclass(frozen=True, kw_only=True)
class Cancelled(Payload):
    """Nothing more of the job is sent."""

    kind = EventKind.CANCELLED


@dataclass(frozen=True, kw_only=True)
class Reconciled(Payload):
    """The job was compared with the target."""

    kind = EventKind.RECONCILED


@dataclass(frozen=True, kw_only=True)
class Removed(Payload):
    """The server confirmed that it removed the rows of the chunk."""

    kind = EventKind.REMOVED
    status: int


@dataclass(frozen=True, kw_only=True)
class AlreadyGone(Payload):
    """The rows of the chunk were no longer at the target, or no longer what the undo was confirmed for."""

    kind = EventKind.ALREADY_GONE
    message: str


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of a chunk, or of the job if `chunk` is None.

    `data` is the stored document; `payload` is its typed form. `kind` is a plain string if this version of bulkops does
    not know it.
    """

    chunk: int | None
    at: datetime
    kind: str
    data: Mapping[str, Any]

    @property
    def payload(self) -> Payload | None:
        """The details of the event; None for a kind that this version does not know."""
        return _payload(self.kind, self.data)

    @property
    def state(self) -> ChunkState | None:
        """The state of the chunk after the event; None if the event did not change it."""
        stored = self.data.get(STATE)
        return None if stored is None else ChunkState(stored)

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which the server's clock was ahead of ours, if the event recorded them."""
        payload = self.payload
        return payload.clock_offset if isinstance(payload, RequestSent | ClockSet) else None

    @property
    def into(self) -> Sequence[int]:
        """The numbers of the chunks that the chunk was divided into."""
        return list(self.data.get(INTO, ()))

    @property
    def runs(self) -> Mapping[int, list[tuple[int, int]]]:
        """The records of parts with gaps in their numbers, by the part's number: first record and count of each run."""
        stored = self.data.get(RUNS, {})
        return {int(number): [(first, count) for first, count in runs] for number, runs in stored.items()}


STATE, INTO, RUNS = "state", "into", "runs"
PAYLOADS: dict[str, type[Payload]] = {
    payload.kind: payload
    for payload in (
        Created, RequestSent, ClockSet, NotDelivered, Stopped, Blocked, RequestTooLarge, OneReason, Accepted, Refused,
        OutcomeUnknown, EvidenceRead, Undecided, Resendable, Isolating, CutSmaller, Rejected, Resolved, Doubled,
        LookedAgain, TargetChanged, DuplicateImport, SettingsChanged, FileNamed, Cancelled, Reconciled, Removed,
        AlreadyGone,
    )
}  # fmt: skip


def stored_move(payload: Payload, state: ChunkState) -> dict[str, Any]:
    """Return the stored document of an event that moves a chunk to a state."""
    return {STATE: state.value, **payload.stored()}


def stored_division(
    payload: Payload, into: Sequence[int], runs: Mapping[int, Sequence[tuple[int, int]]]
) -> dict[str, Any]:
    """Return the stored document of an event that divides a chunk; `runs` as in `Event.runs`."""
    parts = {str(number): list(pieces) for number, pieces in runs.items()}
    division = {INTO: list(into), **({RUNS: parts} if parts else {})}
    return {**stored_move(payload, ChunkState.DIVIDED), **division}


def _payload(kind: str, data: Mapping[str, Any]) -> Payload | None:
    """Return the typed form of a stored event; fields that an older version did not write have their defaults."""
    found = PAYLOADS.get(kind)
    if found is None:
        return None
    if found is OutcomeUnknown and "message" not in data:
        found = ProcessEnded
    absent = {field.name: None for field in fields(found) if field.default is MISSING}
    return found(**{**absent, **{field.name: data[field.name] for field in fields(found) if field.name in data}})
