"""The documents of `ledger`."""

from typing import Annotated

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, Sha256, about


@with_config(CLOSED)
class BackupDocument(TypedDict):
    """A backup of the ledger."""

    backup: Annotated[str, about("The archive.")]
    jobs: Count
    files: Annotated[Count, about("Files in the archive.")]
    bytes: Annotated[Count, about("Bytes before compression.")]
    sha256: Sha256


@with_config(CLOSED)
class ProblemDocument(TypedDict):
    """A problem of the ledger."""

    job: Annotated[str | None, about("The job; null for the ledger as a whole.")]
    message: str
    fatal: Annotated[bool, about("Whether answers of the ledger may be wrong; if not, it is a warning.")]


@with_config(CLOSED)
class LedgerCheckDocument(TypedDict):
    """The result of `ledger check`."""

    ledger: Annotated[str, about("The address of the ledger, without its password.")]
    jobs: Count
    problems: list[ProblemDocument]


@with_config(CLOSED)
class PruneDocument(TypedDict):
    """The files that `ledger prune` removed, or would remove."""

    jobs: Annotated[Count, about("Settled jobs of that age.")]
    files: list[str]
    bytes: Count
    removed: Annotated[bool, about("Whether the files were removed.")]
