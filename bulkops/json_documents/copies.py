"""The document of `copy`."""

from typing import Annotated, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, ErrorFacts, about
from bulkops.json_documents.files import RowBooksDocument
from bulkops.json_documents.reconciliations import ReconciliationDocument
from bulkops.json_documents.runs import StepResultDocument

# The functional form: `from` cannot be a name in the body of a class.
_Places = TypedDict(
    "_Places",
    {
        "from": Annotated[dict[str, int], about("Ids at the source.")],
        "to": Annotated[dict[str, int], about("Ids at the target.")],
    },
)


@with_config(CLOSED)
class CopyPlaceDocument(_Places):
    """The exported rows of one step."""

    contract: str
    options: Annotated[dict[str, str], about("Query options of the import.")]
    file: Annotated[str, about("The import file.")]
    books: RowBooksDocument
    notes: Annotated[list[str], about("Remarks about the export.")]


@with_config(CLOSED)
class CopyStepDocument(CopyPlaceDocument):
    """One step of a copy: its rows, its import, and the comparison of the target with the source."""

    result: NotRequired[Annotated[StepResultDocument, about("How the import ended; absent if it was not reached.")]]
    source_comparison: NotRequired[
        Annotated[ReconciliationDocument, about("The rows of the target, compared with those of the source.")]
    ]


@with_config(CLOSED)
class CopyDocument(TypedDict):
    """How a copy ended."""

    state: Literal["done", "stopped"]
    continued: Annotated[bool, about("Whether it continued with the exports of an earlier run.")]
    steps: list[CopyStepDocument]
    dry_run: NotRequired[Annotated[Literal[True], about("Nothing was sent.")]]
    error: NotRequired[Annotated[ErrorFacts, about("What ended the copy.")]]
