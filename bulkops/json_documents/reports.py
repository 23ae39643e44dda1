"""The document of `report`."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, about
from bulkops.json_documents.jobs import JobDocument
from bulkops.json_documents.runs import MappedFromDocument

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
Row = Annotated[list[str], Field(min_length=3, max_length=3)]


@with_config(CLOSED)
class TimelineEntry(TypedDict):
    """A chunk with its times."""

    number: int
    first_record: int
    records: Count
    state: Annotated[str, about("The state in words: in doubt instead of in_doubt.")]
    undecided: Annotated[bool, about("Whether the evidence was read and a person must decide.")]
    import_id: int | None
    attempts: Count
    sent: Annotated[str | None, about("When it was first sent, RFC 3339.")]
    ended: Annotated[str | None, about("When it was settled, RFC 3339.")]
    seconds: Annotated[float | None, about("The time between the two.")]
    sha256: str
    message: str


@with_config(CLOSED)
class StepDocument(TypedDict):
    """Something unusual that happened."""

    at: Annotated[str, about("When, RFC 3339.")]
    chunk: Annotated[int | None, about("The chunk's number; null for the job.")]
    what: str
    detail: str
    said: Annotated[str, about("The message of the server, the evidence or a person.")]


@with_config(CLOSED)
class SettingsDocument(TypedDict, total=False):
    """How a job was run; a newer version may have written more of them."""

    settle: Annotated[float, about("Seconds between two equal read-backs.")]
    response_timeout: Annotated[float | None, about("Seconds to wait for a response; null for the default.")]
    concurrency: int
    isolate: bool
    isolate_requests: int
    max_errors: str | None
    max_removals: str | None
    target_name: str | None
    accept: Annotated[list[str], about("Rules that did not stop the import.")]
    address: Annotated[str, about("The address that requests go to, if it is not that of the target.")]
    sent_header: Annotated[str, about("The header that was sent, if it is not that of the file.")]


@with_config(CLOSED)
class SignDocument(TypedDict):
    """Whether to sign, and why."""

    verdict: Literal["sign", "sign_with_reservations", "do_not_sign"]
    sentence: Annotated[str, about("The verdict with its reasons.")]
    objections: Annotated[list[str], about("Reasons not to sign.")]
    reservations: Annotated[list[str], about("Facts that the signature does not cover.")]


@with_config(CLOSED)
class ChoiceDocument(TypedDict):
    """One way to settle a decision."""

    when: Annotated[str, about("When to choose it.")]
    command: str


@with_config(CLOSED)
class DecisionDocument(TypedDict):
    """An open point of a job."""

    what: str
    choices: list[ChoiceDocument]
    said: Annotated[str, about("The message of the server or of the evidence; empty if there is none.")]


@with_config(CLOSED)
class RejectionReason(TypedDict):
    """A reason of rejected records."""

    message: Annotated[str, about("The server's message; … replaces values that differ between records.")]
    records: Count
    places: Annotated[list[str], about("The places of the first records.")]
    more: Annotated[Count, about("Number of further rejections; their places are not listed.")]
    together: Annotated[bool, about("Whether records were rejected with others of their request and may be valid.")]


@with_config(CLOSED)
class JobFactsDocument(JobDocument):
    """The facts about a job that a report shows."""

    balanced: Annotated[bool, about("Whether the records of all states add up to the input.")]
    timeline: list[TimelineEntry]
    progress: Annotated[list[Pair], about("Seconds since the first request; records accepted.")]
    doubts: list[StepDocument]
    rejected: Annotated[list[Row], about("Line, records and message of rejected records.")]
    findings: Annotated[dict[str, int] | None, about("Findings by rule; null if the file was not checked again.")]
    sums: Annotated[dict[str, str], about("Amounts by subledger, as text.")]
    notes: list[str]
    settings: SettingsDocument
    ended: Annotated[str | None, about("When the last chunk was settled, RFC 3339.")]
    mapping: NotRequired[Annotated[MappedFromDocument, about("The legacy rows behind a mapped file.")]]


@with_config(CLOSED)
class ReportedJob(JobFactsDocument):
    """A job with everything that the report shows."""

    sign: SignDocument
    decisions: Annotated[list[DecisionDocument], about("Open points in the order in which to settle them.")]
    reasons: Annotated[list[RejectionReason], about("Rejected records by reason, the most frequent first.")]


@with_config(CLOSED)
class ReportDocument(TypedDict):
    """A report of one job or several."""

    title: str
    made: Annotated[str, about("When the report was made, RFC 3339.")]
    version: Annotated[str, about("The version of bulkops.")]
    sign: Annotated[SignDocument, about("The verdict on all jobs.")]
    jobs: list[ReportedJob]
