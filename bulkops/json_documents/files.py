"""The documents of `plan`, `split` and `export`."""

from typing import Annotated, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, Sha256, about


@with_config(CLOSED)
class Cost(TypedDict):
    """Requests, and the seconds that the rate limit makes them take."""

    requests: Count
    least_seconds: Annotated[float, about("The shortest time under the rate limit.")]


@with_config(CLOSED)
class PlannedChunk(TypedDict):
    """A chunk that an import would send."""

    number: Annotated[int, about("The chunk's number, from 1.")]
    first_record: Annotated[int, about("Its first record, from 1.")]
    records: Count
    bytes: Annotated[Count, about("Bytes, with the header.")]


@with_config(CLOSED)
class PlanDocument(TypedDict):
    """How a file would be cut into requests."""

    contract: str
    records: Annotated[Count, about("Records without the header.")]
    bytes: Count
    sha256: Sha256
    requests: Count
    least_seconds: Annotated[float, about("The shortest time under the rate limit.")]
    verify: Annotated[Cost, about("The cost of reading the rows back; 0 if the API cannot read them back.")]
    chunks: list[PlannedChunk]


@with_config(CLOSED)
class WrittenChunk(TypedDict):
    """A chunk written as a file."""

    number: Annotated[int, about("The chunk's number, from 1.")]
    path: str
    records: Count
    bytes: Annotated[Count, about("Bytes, with the header.")]
    sha256: Sha256


@with_config(CLOSED)
class SplitDocument(TypedDict):
    """The files that `split` wrote."""

    contract: str
    records: Annotated[Count, about("Records without the header.")]
    chunks: list[WrittenChunk]


@with_config(CLOSED)
class RowBooksDocument(TypedDict):
    """The rows of an export that became records of an import file: rows = records + merged + left out."""

    rows: Annotated[Count, about("Rows of the export.")]
    records: Annotated[Count, about("Records of the import file.")]
    merged: Annotated[Count, about("Rows that are part of the record of another row.")]
    left_out: Annotated[dict[str, int], about("Rows that are in no record, by reason.")]
    changed: Annotated[Count, about("Records with only the rest of a limit.")]
    lost: Annotated[dict[str, int], about("Filled cells that no import can set, by column.")]


@with_config(CLOSED)
class ExportDocument(TypedDict):
    """The files of an export, and the facts about it."""

    what: Annotated[str, about("The name of the export.")]
    files: Annotated[list[str], about("The files written.")]
    records: Annotated[int | None, about("Rows without the header; null if they were not counted.")]
    bytes: Annotated[Count, about("Bytes of the responses.")]
    attempts: Annotated[Count, about("Requests sent.")]
    notes: Annotated[list[str], about("What was unusual.")]
    books: NotRequired[Annotated[RowBooksDocument, about("With --for-import.")]]
    errors: NotRequired[Annotated[Count, about("With --for-import: findings that would stop the import.")]]
