"""The documents of `inbox` and `inbox status`."""

from typing import Annotated, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, ErrorFacts, about

FileState = Literal["imported", "skipped", "quarantined", "partial", "waiting", "failed"]
PassState = Literal["done", "refused", "failed", "unfinished", "in_doubt", "guarded", "busy", "interrupted"]


@with_config(CLOSED)
class InboxBooks(TypedDict):
    """Records of a file by state; `input` is the sum of the others."""

    input: int
    accepted: int
    skipped: Annotated[int, about("Sent before, or already equal at the target.")]
    rejected: Annotated[int, about("Rejected by the server.")]
    quarantined: Annotated[int, about("Not sent, because of findings.")]
    in_doubt: int
    pending: int


@with_config(CLOSED)
class InboxFileDocument(TypedDict):
    """The result of a file."""

    inbox: str
    path: Annotated[str, about("The file in the inbox.")]
    sha256: Annotated[str | None, about("Of the file as it was dropped; null if it was not read.")]
    contract: str | None
    state: FileState
    job: Annotated[str | None, about("The last job of the file.")]
    records: InboxBooks
    archived_to: Annotated[str | None, about("The verified copy; null while the file is in the inbox.")]
    reason: str | None
    exit: int
    hint: NotRequired[Annotated[str, about("What to do.")]]
    jobs: NotRequired[Annotated[list[str], about("All jobs of the file, if it has several.")]]
    verdict: NotRequired[Annotated[str, about("Of the reconciliation.")]]
    findings: NotRequired[Annotated[dict[str, int], about("Findings by rule.")]]
    corrects: NotRequired[Annotated[str, about("The file with the rejected records that this file corrects.")]]
    rejected_file: NotRequired[Annotated[str, about("The records to correct and drop again.")]]


@with_config(CLOSED)
class ExpectationDocument(TypedDict):
    """An expectation that was checked."""

    inbox: str
    pattern: str
    kind: Literal["due", "records"]
    state: Literal["met", "late", "missed"]
    fails: Annotated[bool, about("Whether it changes the exit code.")]
    text: str


@with_config(CLOSED)
class InboxFigures(TypedDict):
    """The totals of one inbox."""

    inbox: str
    state: PassState
    exit: int
    files: dict[FileState, int]
    records: InboxBooks
    error: NotRequired[ErrorFacts]


@with_config(CLOSED)
class InboxDocument(TypedDict):
    """One pass: over one inbox, or over all."""

    inbox: Annotated[str | None, about("The inbox; null for several.")]
    began: str
    ended: str
    inboxes: list[InboxFigures]
    files: list[InboxFileDocument]
    expectations: list[ExpectationDocument]
    notes: list[str]
    state: PassState
    exit: int
    dry_run: NotRequired[Literal[True]]


@with_config(CLOSED)
class PendingCorrection(TypedDict):
    """Rejected records that were not dropped again yet."""

    inbox: str
    path: Annotated[str, about("The file that they come from.")]
    records: int
    mark: Annotated[str, about("The mark in the name of their file.")]


@with_config(CLOSED)
class LastPass(TypedDict):
    """The last pass of an inbox."""

    inbox: str
    began: str
    ended: Annotated[str | None, about("Null if it is running, or was killed.")]
    exit: int | None


@with_config(CLOSED)
class InboxStatusDocument(TypedDict):
    """The files that wait in the inboxes, are stuck, or are overdue."""

    inbox: str | None
    files: list[InboxFileDocument]
    expectations: list[ExpectationDocument]
    corrections: list[PendingCorrection]
    passes: list[LastPass]
    exit: int
