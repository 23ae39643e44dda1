"""Every exception of bulkops, grouped by what the caller should do.

BulkopsError
├── DataError              mend the file                                  exit 1
│   └── RefusedThroughout  the server refuses every record for one reason
├── UsageError             mend the call or the configuration             exit 2
│   ├── InputUnreadable    the file is not there or cannot be read
│   ├── LedgerUnusable     the ledger cannot be read or written
│   │   └── LimitExceeded  it is larger than bulkops processes; the hint names the option
│   ├── AccessRefused      the server refused the key or the ids (401, 403, 404)
│   ├── TargetUnfit        the server refuses any import of this kind at this target
│   └── Unreachable        no connection is possible with this address, certificate or proxy
├── Unfinished             resume the job, or run the command again       exit 3
│   ├── NotDelivered       the request never reached the server: safe to send again
│   ├── ResponseTooLarge   a response to a reading request exceeds a limit: another attempt would not help
│   ├── OutcomeUnknown     the request left and no readable answer came
│   └── ServerRefused      the server answered with a refusal
├── InDoubt                a person must decide: `bulkops jobs resolve`   exit 4
│   └── LedgerLost         the ledger is gone under a running job
├── GuardRefused           lift the guard with its own option             exit 5
│   └── FileChanged        the file is no longer the one the job began with
└── Interrupted            a signal ended the run; it can be resumed      exit 130
"""

from typing import TYPE_CHECKING, ClassVar

from bulkops.redaction import redacted

if TYPE_CHECKING:
    from bulkops.json_documents.common import ErrorFacts


class BulkopsError(Exception):
    """Base of every error a command turns into one message and an exit code; no key is in its texts."""

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
        """Return what happened, and on a second line what to do next."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class DataError(BulkopsError):
    """The data must be mended before it can go on."""

    exit_code = 1


class RefusedThroughout(DataError):
    """The server refused records from all over a file for one reason and accepted none."""


class UsageError(BulkopsError):
    """The call or the configuration must be mended."""

    exit_code = 2


class InputUnreadable(UsageError):
    """A file is missing, is a folder, or cannot be read."""


class LedgerUnusable(UsageError):
    """The ledger cannot be read or written, and no job has begun that could be resumed."""


class LimitExceeded(InputUnreadable):
    """An input is larger, deeper or longer than bulkops processes; see `docs/reference/limits.md`."""


class Unreachable(UsageError):
    """No connection to the server is possible until the configuration is corrected: nothing was sent."""


class Unfinished(BulkopsError):
    """The run stopped early and can go on: resume the job, or run the command again where there is no job."""

    exit_code = 3


class InDoubt(BulkopsError):
    """What happened on the server cannot be settled by reading back."""

    exit_code = 4


class LedgerLost(InDoubt):
    """The ledger is gone under a running job, and no copy of it could be kept: nothing can be resumed."""


class GuardRefused(BulkopsError):
    """A guard against loss or doubling said no."""

    exit_code = 5


class FileChanged(GuardRefused):
    """The file of a job does not have the bytes that the job began with."""


class Interrupted(BulkopsError):
    """A signal ended the run; what was begun can be resumed."""

    exit_code = 130


class NotDelivered(Unfinished):
    """The server did not take the request in, so it is safe to send again."""

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class ResponseTooLarge(Unfinished):
    """A response to a reading request exceeds a limit; it is not requested again."""


class OutcomeUnknown(Unfinished):
    """The request left and its outcome is not known; `timed_out` if the server took too long.

    `retry_after` are the seconds that the response asks to wait before the next request.
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
    """The server answered a request with a refusal (4xx).

    `lines` are the `source.line` values of the answer as integers, counted in the uploaded part.
    """

    def __init__(
        self, message: str, *, status: int, details: tuple[str, ...] = (), lines: tuple[int, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.details = tuple(map(redacted, details))
        self.lines = lines


class AccessRefused(UsageError):
    """The key, or the ids in the path, were refused (401, 403, 404).

    `page` says that the response was an HTML page: a firewall or a proxy may have sent it instead of the API.
    """

    def __init__(self, message: str, *, status: int, hint: str | None = None, page: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.page = page


class TargetUnfit(UsageError):
    """The server refuses each request of an import as a whole: the ids name a target of another kind."""
