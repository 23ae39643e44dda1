"""The documents of `import` and `jobs`."""

from typing import Annotated, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, ErrorFacts, Sha256, about
from bulkops.json_documents.findings import PreflightDocument, ValidationDocument
from bulkops.json_documents.reconciliations import ReconciliationDocument

JobState = Literal["done", "unfinished", "in_doubt", "refused", "cancelled"]
Mode = Literal["create", "append", "upsert", "replace", "undo"]
ChunkState = Literal[
    "pending", "sending", "resent", "accepted", "refused", "rejected", "in_doubt", "divided", "skipped"
]


@with_config(CLOSED)
class TargetDocument(TypedDict):
    """The destination of a job."""

    base_url: Annotated[str, about("The address of the deployment, or the name of the embedded sandbox.")]
    ids: Annotated[dict[str, int], about("The ids that name the destination: application, campaign, program …")]


@with_config(CLOSED)
class FileDocument(TypedDict):
    """The file of a job."""

    path: str
    sha256: Sha256
    bytes: Count
    records: Annotated[Count, about("Records without the header.")]


@with_config(CLOSED)
class SourceDocument(FileDocument):
    """The file that a job's own file is a part of: without records that were sent before or that the target has."""

    sent_before: Annotated[Count, about("Records that were sent before.")]
    sent_by: Annotated[dict[str, int], about("These records by the job that sent them.")]
    at_target: NotRequired[Annotated[Count, about("Records that the target has with equal values.")]]
    different_at_target: NotRequired[
        Annotated[Count, about("Records not sent because the target has them with other values.")]
    ]


@with_config(CLOSED)
class BooksDocument(TypedDict):
    """Numbers of records by state; `input` is the sum of the others."""

    input: Count
    accepted: Count
    skipped: Count
    rejected: Count
    in_doubt: Count
    pending: Count


@with_config(CLOSED)
class ReasonDocument(TypedDict):
    """Why the server refused records."""

    reason: Annotated[str, about("The server's message; … replaces values that differ between records.")]
    records: Annotated[Count, about("Records refused for this reason.")]


@with_config(CLOSED)
class ChunkDocument(TypedDict):
    """A chunk: whole records that one request sends."""

    number: Annotated[int, about("The chunk's number, from 1.")]
    first_record: Annotated[int, about("Its first record, from 1.")]
    records: Count
    bytes: Annotated[Count, about("Bytes, with the header.")]
    sha256: Annotated[str, about("SHA-256 of its bytes, with the header.")]
    state: ChunkState
    import_id: Annotated[int | None, about("The import's id at the server; null until the server reported one.")]
    attempts: Annotated[Count, about("Requests sent.")]
    amount: Annotated[int | None, about("Rows that the server reported.")]
    message: NotRequired[Annotated[str, about("Details about the state.")]]


@with_config(CLOSED)
class UndoDocument(TypedDict):
    """The rows or points that an undo removes and leaves, before its first request."""

    records: Annotated[Count, about("Rows, or owners of points, that the undo removes.")]
    requests: Count
    least_seconds: Annotated[float, about("The minimum time of the requests under the rate limit.")]
    used: Annotated[Count, about("Rows among them that are in use: redeemed codes, cards with points.")]
    changed: Annotated[Count, about("Rows among them with other values than the import sent.")]
    kept_used: Annotated[Count, about("Rows in use that stay, without --also used.")]
    kept_changed: Annotated[Count, about("Changed rows that stay, without --also changed.")]
    gone: Annotated[Count, about("Accepted records of the job without a row now.")]
    others: Annotated[
        Count, about("Records of the job with a row that another import created, or that existed before.")
    ]
    foreign: Annotated[Count, about("Rows with an import id of the job that its file does not contain; they stay.")]
    amount: Annotated[str | None, about("Points that the undo deducts, as text; null for rows.")]
    pending_amount: Annotated[str | None, about("Imported points that are not active yet; they stay.")]
    spent_amount: Annotated[str | None, about("Imported points that were spent, expired or taken back.")]


@with_config(CLOSED)
class JobFigures(TypedDict):
    """A job without its chunks."""

    job: Annotated[str, about("The job's name.")]
    contract: str
    mode: Mode
    state: JobState
    created: Annotated[str, about("When the job was made, RFC 3339.")]
    target: TargetDocument
    options: Annotated[dict[str, str], about("The contract's query options, by option name.")]
    file: FileDocument
    records: BooksDocument
    reconciliation: Annotated[ReconciliationDocument | None, about("The last comparison with the target.")]
    refusals: NotRequired[Annotated[list[ReasonDocument], about("Reasons of rejected records, most frequent first.")]]
    source: NotRequired[SourceDocument]
    undo: NotRequired[UndoDocument]
    undoes: NotRequired[Annotated[str, about("In mode undo: the job that created the removed rows.")]]
    restored_by: NotRequired[Annotated[str, about("In mode undo: the job that restored changed rows before it.")]]


@with_config(CLOSED)
class JobDocument(JobFigures):
    """A job with its chunks; divided chunks are left to their parts."""

    chunks: list[ChunkDocument]


@with_config(CLOSED)
class JobListDocument(TypedDict):
    """Jobs, the newest first."""

    jobs: list[JobFigures]


@with_config(CLOSED)
class EventDocument(TypedDict):
    """Something that happened to a job or a chunk. Which keys it has depends on its kind."""

    at: Annotated[str, about("When, RFC 3339.")]
    chunk: Annotated[int | None, about("The chunk's number; null for the job.")]
    kind: Annotated[str, about("What happened.")]
    state: NotRequired[Annotated[ChunkState, about("The chunk's state from then on.")]]
    into: NotRequired[Annotated[list[int], about("The chunks that the chunk was divided into.")]]
    runs: NotRequired[
        Annotated[dict[str, list[tuple[int, int]]], about("Records of parts with gaps: first record and count.")]
    ]
    chunks: NotRequired[Annotated[int, about("Chunks of the plan.")]]
    attempt: NotRequired[int]
    clock_offset: NotRequired[Annotated[float | None, about("Seconds by which the server's clock is ahead.")]]
    message: NotRequired[str]
    reason: NotRequired[str]
    note: NotRequired[str]
    bytes: NotRequired[Annotated[int, about("Bytes of the request.")]]
    status: NotRequired[Annotated[int | None, about("HTTP status.")]]
    import_id: NotRequired[Annotated[int | None, about("The import at the server.")]]
    amount: NotRequired[Annotated[int | None, about("Rows that the server reported.")]]
    details: NotRequired[Annotated[list[str], about("The server's messages about single records.")]]
    lines: NotRequired[Annotated[list[int], about("Lines of the request that the server named.")]]
    waited: NotRequired[Annotated[float, about("Seconds between the last byte sent and the end of the wait.")]]
    verdict: NotRequired[Annotated[str, about("The verdict of the rows read back.")]]
    rows: NotRequired[Annotated[int, about("Rows read back.")]]
    read_at: NotRequired[Annotated[str, about("When they were read, RFC 3339.")]]
    missing: NotRequired[int]
    different: NotRequired[int]
    unexpected: NotRequired[int]
    probes: NotRequired[Annotated[int, about("Parts that are single records, sent first.")]]
    decision: NotRequired[Annotated[str, about("The decision of a person.")]]
    added: NotRequired[int]
    changed: NotRequired[int]
    removed: NotRequired[int]
    kept: NotRequired[int]
    held: NotRequired[int]
    job: NotRequired[Annotated[str, about("The job that the import belongs to.")]]


@with_config(CLOSED)
class JobWithHistory(JobDocument):
    """A job as `jobs show` prints it."""

    rejected_file: NotRequired[Annotated[str, about("The rejected records; the reasons are beside it.")]]
    before_file: NotRequired[Annotated[str, about("The rows before the job, which `jobs undo` or an import restores.")]]
    history: NotRequired[Annotated[list[EventDocument], about("Everything that happened; with --history.")]]


@with_config(CLOSED)
class RunDocument(JobDocument):
    """A job after a run, with the error that ended the run early."""

    rejected_file: NotRequired[Annotated[str, about("The rejected records; the reasons are beside it.")]]
    error: NotRequired[Annotated[ErrorFacts, about("The error that ended the run, or its proof, early.")]]
    preflight: NotRequired[Annotated[PreflightDocument, about("If records were pending: how they fit the account.")]]


@with_config(CLOSED)
class ImportDocument(TypedDict):
    """An import. `job` is null if no job was created: the file has errors, nothing new, or it is a dry run."""

    job: str | None
    contract: str
    mode: Mode
    state: JobState
    created: NotRequired[Annotated[str, about("When the job was made, RFC 3339.")]]
    target: Annotated[TargetDocument | None, about("null if the file was refused before the target was opened.")]
    options: NotRequired[Annotated[dict[str, str], about("The contract's query options, by option name.")]]
    file: FileDocument
    records: BooksDocument
    chunks: list[ChunkDocument]
    reconciliation: ReconciliationDocument | None
    refusals: NotRequired[Annotated[list[ReasonDocument], about("Reasons of rejected records, most frequent first.")]]
    source: NotRequired[SourceDocument]
    rejected_file: NotRequired[Annotated[str, about("The rejected records; the reasons are beside it.")]]
    error: NotRequired[Annotated[ErrorFacts, about("The error that ended the run, or its proof, early.")]]
    dry_run: NotRequired[Annotated[Literal[True], about("Nothing was sent, and the ledger has no job.")]]
    validation: NotRequired[Annotated[ValidationDocument, about("The errors for which the file was refused.")]]
    preflight: NotRequired[Annotated[PreflightDocument, about("How the file fits the account, if that was read.")]]


@with_config(CLOSED)
class FailedJob(TypedDict):
    """A job that could not be resumed."""

    job: str
    error: ErrorFacts


@with_config(CLOSED)
class ResumedJobs(TypedDict):
    """The jobs that `jobs resume --all` resumed, the oldest first."""

    jobs: list[RunDocument | FailedJob]
