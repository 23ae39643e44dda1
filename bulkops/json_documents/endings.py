"""The document that `[on_end]` of the configuration receives when a job, a recipe or a pass ends."""

from typing import Annotated, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, about
from bulkops.json_documents.jobs import BooksDocument, JobState

EndState = Literal["done", "problems", "failed", "unfinished", "in_doubt", "refused", "interrupted"]


@with_config(CLOSED)
class EndedJob(TypedDict):
    """A job that the command ran."""

    job: Annotated[str, about("The job's name.")]
    contract: str
    state: JobState
    file: Annotated[str, about("The path of its file.")]
    records: BooksDocument
    verdict: Annotated[str | None, about("The verdict of its reconciliation; null if there was none.")]


@with_config(CLOSED)
class Complaint(TypedDict):
    """An error that the command printed, or the reason of a file of an inbox."""

    message: str
    hint: Annotated[str | None, about("What to do next.")]


@with_config(CLOSED)
class EndDocument(TypedDict):
    """How a command ended that imports: `import`, `run`, `inbox` (each pass), `jobs resume` or `jobs undo`."""

    text: Annotated[str, about("The result in one or more sentences; chat services show a key of this name.")]
    command: Annotated[str, about("The command, without its arguments.")]
    recipe: NotRequired[Annotated[str, about("The recipe of `run`.")]]
    state: Annotated[EndState, about("The meaning of the exit code.")]
    exit: Annotated[int, about("The exit code of the command or pass.")]
    ended: Annotated[str, about("When it ended, RFC 3339, UTC.")]
    seconds: Annotated[float, about("How long it took.")]
    host: Annotated[str, about("The machine that ran it.")]
    bulkops: Annotated[str, about("The version.")]
    records: Annotated[BooksDocument, about("The sums of all jobs.")]
    jobs: list[EndedJob]
    errors: list[Complaint]
