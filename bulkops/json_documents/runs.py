"""The document of `run`."""

from typing import Annotated, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, ErrorFacts, about
from bulkops.json_documents.findings import PreflightDocument
from bulkops.json_documents.jobs import ImportDocument

# The functional form: `import` cannot be a name in the body of a class.
_Import = TypedDict(
    "_Import",
    {"import": Annotated[ImportDocument | None, about("The import as `import --json` prints it; null if none began.")]},
)


@with_config(CLOSED)
class StepResultDocument(_Import):
    """How a step of a recipe ended."""

    number: Annotated[int, about("The step's number, from 1.")]
    contract: str
    file: str
    expect: Literal["done", "refused"]
    as_expected: Annotated[bool, about("Whether the step ended as the recipe expects.")]
    already_done_by: Annotated[str | None, about("The earlier job that did the step.")]
    resumed: Annotated[bool, about("Whether an earlier job was resumed.")]
    exit: Annotated[int, about("The exit code of the import.")]
    findings: Annotated[dict[str, int], about("Findings of the file by rule.")]
    preflight: NotRequired[Annotated[PreflightDocument, about("Why the step does not fit the account.")]]
    error: NotRequired[ErrorFacts]


@with_config(CLOSED)
class RecipeRunDocument(TypedDict):
    """How a recipe ended: its steps up to the first that did not end as expected."""

    recipe: Annotated[str, about("The recipe's name.")]
    state: Literal["done", "stopped"]
    steps: list[StepResultDocument]
    dry_run: NotRequired[Annotated[Literal[True], about("Nothing was sent.")]]
    error: NotRequired[Annotated[ErrorFacts, about("What ended the last step.")]]
