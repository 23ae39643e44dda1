"""The document of `report`."""

from typing import Annotated

from pydantic import Field, with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, about
from bulkops.json_documents.jobs import JobDocument

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
Row = Annotated[list[str], Field(min_length=3, max_length=3)]


@with_config(CLOSED)
class TimelineEntry(TypedDict):
    """A chunk with its times."""

    number: int
    first_record: int
    records: Count
    state: Annotated[str, about("The state in words: in doubt instead of in_doubt.")]
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
    said: Annotated[str, about("What the server, the evidence or a person said.")]


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


@with_config(CLOSED)
class ReportedJob(JobDocument):
    """A job with everything that the report shows."""

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


@with_config(CLOSED)
class ReportDocument(TypedDict):
    """A report of one job or several."""

    title: str
    made: Annotated[str, about("When the report was made, RFC 3339.")]
    version: Annotated[str, about("The version of bulkops.")]
    jobs: list[ReportedJob]
