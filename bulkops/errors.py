"""All exceptions of bulkops, grouped by the action that they require.

BulkopsError
├── DataError              fix the file                                   exit 1
│   └── RefusedThroughout  the server rejects every record for one reason
├── UsageError             fix the command or the configuration           exit 2
│   ├── InputUnreadable    the file is missing or cannot be read
│   ├── LedgerUnusable     the ledger cannot be read or written
│   │   └── LimitExceeded  the input exceeds a limit; the hint names the option
│   ├── AccessRefused      the server rejected the key or the ids (401, 403, 404)
│   ├── TargetUnfit        the server rejects every import of this kind for this target
│   └── Unreachable        this address, certificate or proxy allows no connection
├── Unfinished             resume the job, or run the command again       exit 3
│   ├── NotDelivered       the request never reached the server: safe to resend
│   ├── ResponseTooLarge   a response to a reading request exceeds a limit: a retry would not help
│   ├── PageReceived       a login page or a firewall answers reading requests instead of the API
│   ├── OutcomeUnknown     the request was sent and no readable response arrived
│   └── ServerRefused      the server rejected the request
├── InDoubt                decide manually: `bulkops jobs resolve`        exit 4
│   └── LedgerLost         the ledger disappeared during a job
├── GuardRefused           lift the guard with its own option             exit 5
│   ├── FileChanged        the file has changed since the job began
│   └── InUse              another process works on the same job or target
└── Interrupted            a signal ended the run; it can be resumed      exit 130
"""

from typing import TYPE_CHECKING, ClassVar

from bulkops.redaction import redacted

if TYPE_CHECKING:
    from bulkops.json_documents.common import ErrorFacts


class BulkopsError(Exception):
    """The base of all errors that a command reports with a message and an exit code; texts never contain a key."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = redacted(message)
        self.hint = None if hint is None else redacted(hint)
        super().__init__(self.message)

    def to_json(self, *, exit_code: int | None = None) -> "ErrorFacts":
        """Return the error as documents contain it, with an exit code that may differ from that of its class."""
        return {
            "message": self.message,
            "hint": self.hint,
            "exit": self.exit_code if exit_code is None else exit_code,
        }

    def __str__(self) -> str:
        """Return the message, and on a second line the next step."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class DataError(BulkopsError):
    """The data must be fixed first."""

    exit_code = 1


class RefusedThroughout(DataError):
    """The server rejected records from all parts of a file for one reason and accepted none."""


class UsageError(BulkopsError):
    """The command or the configuration must be fixed first."""

    exit_code = 2


class InputUnreadable(UsageError):
    """A file is missing, is a folder, or cannot be read."""


class LedgerUnusable(UsageError):
    """The ledger cannot be read or written, and no job was started that could be resumed."""


class LimitExceeded(InputUnreadable):
    """An input exceeds a limit of bulkops; see `docs/reference/limits.md`."""


class Unreachable(UsageError):
    """No connection to the server is possible with this configuration. Nothing was sent."""


class Unfinished(BulkopsError):
    """The run stopped early. Resume the job, or run the command again if it created none."""

    exit_code = 3


class InDoubt(BulkopsError):
    """Reading back cannot determine the outcome of a request."""

    exit_code = 4


class LedgerLost(InDoubt):
    """The ledger disappeared during a job and no copy could be saved: the job cannot be resumed."""


class GuardRefused(BulkopsError):
    """A guard against lost or doubled rows stopped the command."""

    exit_code = 5


class FileChanged(GuardRefused):
    """The bytes of a job's file have changed since the job began."""


class InUse(GuardRefused):
    """Another process holds the lock, or has just changed what this one was about to change; run again later."""


class Interrupted(BulkopsError):
    """A signal ended the run; a started job can be resumed."""

    exit_code = 130


class NotDelivered(Unfinished):
    """The server did not receive or process the request, so it is safe to resend."""

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class ResponseTooLarge(Unfinished):
    """A response to a reading request exceeds a limit; the request is not repeated."""


class PageReceived(Unfinished):
    """A reading request of the API returned a page: a login page, a firewall or another server sent it.

    `shown` describes the page. Waiting does not help, so the request is repeated only once.
    """

    def __init__(self, where: str, shown: str) -> None:
        super().__init__(
            f"{where}: the server sent {shown}.",
            hint="This is not a response of the API. Check the base address, and whether this network requires a login "
            "or a proxy. Then resume the job, or run the command again if none began.",
        )


class OutcomeUnknown(Unfinished):
    """The request was sent and its outcome is unknown; `timed_out` if the response took too long.

    `retry_after` is the requested waiting time before the next request, in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        timed_out: bool = False,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.timed_out = timed_out
        self.retry_after = retry_after


class ServerRefused(Unfinished):
    """The server rejected a request (4xx).

    `lines` are the `source.line` values of the response, counted in the uploaded part.
    """

    def __init__(
        self, message: str, *, status: int, details: tuple[str, ...] = (), lines: tuple[int, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.details = tuple(map(redacted, details))
        self.lines = lines


class AccessRefused(UsageError):
    """The server rejected the key, or the ids in the path (401, 403, 404).

    `page` is true for an HTML page, which a firewall or a proxy may have sent instead of the API.
    """

    def __init__(self, message: str, *, status: int, hint: str | None = None, page: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.page = page


class TargetUnfit(UsageError):
    """The server rejects every request of an import: the ids name a target of another kind."""
