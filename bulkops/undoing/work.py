"""Define the parts of an undo that depend on how the API removes things."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from bulkops.errors import UsageError
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.transport.limiter import REQUESTS_PER_SECOND
from bulkops.undoing.removals import Removal

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import UndoDocument

SHOWN = 5
"""Changed rows that the facts name."""


@dataclass(frozen=True, kw_only=True)
class UndoFacts:
    """The rows or points that an undo removes and leaves, before its first request.

    `records` rows or owners are removed, among them `used` and `changed` ones; `kept_used` and `kept_changed` rows stay
    unless an option is given. `gone` records of the job have no row any more, `others` have a row that the job did not
    create, and `foreign` rows have an import id of the job but are not in its file. `amount` are the points to deduct;
    `pending` points are not active yet, and `spent` ones were used, expired or taken back.
    """

    records: int
    requests: int
    used: int = 0
    changed: int = 0
    kept_used: int = 0
    kept_changed: int = 0
    gone: int = 0
    others: int = 0
    foreign: int = 0
    changed_keys: tuple[str, ...] = ()
    file_known: bool = True
    amount: Decimal | None = None
    pending: Decimal = field(default_factory=Decimal)
    spent: Decimal = field(default_factory=Decimal)

    @property
    def least_seconds(self) -> float:
        """The minimum time of the requests under the rate limit."""
        return max(0, self.requests - 1) / REQUESTS_PER_SECOND

    def to_json(self) -> "UndoDocument":
        """Return the facts as documents contain them."""
        return {
            "records": self.records,
            "requests": self.requests,
            "least_seconds": round(self.least_seconds, 1),
            "used": self.used,
            "changed": self.changed,
            "kept_used": self.kept_used,
            "kept_changed": self.kept_changed,
            "gone": self.gone,
            "others": self.others,
            "foreign": self.foreign,
            "amount": None if self.amount is None else f"{self.amount:f}",
            "pending_amount": None if self.amount is None else f"{self.pending:f}",
            "spent_amount": None if self.amount is None else f"{self.spent:f}",
        }


class NothingLeft(UsageError):
    """None of the rows or points of a job is at the target any more."""


class Need(StrEnum):
    """Whether a request is still needed."""

    SEND = "send"
    DONE = "done"
    LEAVE = "leave"


@dataclass(frozen=True, kw_only=True)
class StillNeeded:
    """Whether the request of a chunk is needed, and why not; `certain` is False if only a person can decide."""

    need: Need
    why: str = ""
    certain: bool = True


@dataclass(frozen=True, kw_only=True)
class RemovalRequest:
    """One request: method, path template, the values in its path, and its JSON body."""

    method: str
    path: str
    ids: Mapping[str, int | str]
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Left:
    """The rows or deductions that are not done after all requests; `why` describes them, blank if there are none."""

    count: int
    keys: tuple[str, ...] = ()
    why: str = ""


class Removing(Protocol):
    """Reads a target, sends the requests of an undo, and reads back their result."""

    resend_is_safe: bool

    def plan(self) -> tuple[UndoFacts, Iterable[Iterable[Removal]]]:
        """Read the target; return the facts, and the records of each request."""

    def refresh(self, job: JobEntry) -> None:
        """Read the target again, for the checks that follow."""

    def check(self, job: JobEntry, chunk: ChunkEntry) -> StillNeeded:
        """Return whether a pending chunk must still be sent."""

    def request(self, job: JobEntry, chunk: ChunkEntry) -> RemovalRequest:
        """Return the request of a chunk."""

    def left(self, job: JobEntry, chunks: Iterable[ChunkEntry]) -> Left:
        """Read the target back after all chunks were sent or left; return the part that is not done."""
