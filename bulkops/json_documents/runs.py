"""The document of `run`."""

from typing import Annotated, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, ErrorFacts, about
from bulkops.json_documents.files import Cost
from bulkops.json_documents.findings import OriginDocument, PreflightDocument
from bulkops.json_documents.jobs import ImportDocument


@with_config(CLOSED)
class MappedSource(TypedDict):
    """A file, sheet or table that was mapped."""

    file: Annotated[str, about("The file, or the address of the database.")]
    sheet: str | None
    sha256: Annotated[str | None, about("SHA-256 of the content; null for a database.")]


@with_config(CLOSED)
class MappedRows(TypedDict):
    """The source rows of a step: `source` = `used` + `left_out`."""

    source: Annotated[Count, about("Rows of the source.")]
    used: Annotated[Count, about("Rows that are in a record.")]
    left_out: Annotated[Count, about("Rows skipped by a condition, an inner join or an empty list.")]


@with_config(CLOSED)
class MappedFromDocument(TypedDict):
    """The legacy rows behind a mapped file."""

    sources: list[MappedSource]
    rows: MappedRows
    records: Annotated[Count, about("Records of the mapped file.")]


@with_config(CLOSED)
class ControlDocument(TypedDict):
    """A control total of a step, as decimal text."""

    name: Annotated[str, about("rows, source_rows, or the SQL aggregate.")]
    group: Annotated[str | None, about("The value of the column, for a total by column.")]
    expected: str
    found: str | None
    agrees: bool


@with_config(CLOSED)
class MappingDocument(MappedFromDocument):
    """How the source of a step became a file in the import format."""

    file: Annotated[str, about("The mapped file.")]
    sha256: Annotated[str, about("SHA-256 of the mapped file.")]
    controls: list[ControlDocument]
    sums: Annotated[dict[str, str], about("Amounts by subledger, as decimal text; empty without amounts.")]


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
    mapping: NotRequired[Annotated[MappingDocument, about("The mapping of a step with a source.")]]
    preflight: NotRequired[Annotated[PreflightDocument, about("Why the step does not fit the account.")]]
    error: NotRequired[ErrorFacts]


@with_config(CLOSED)
class RecipeRunDocument(TypedDict):
    """How a recipe ended: its steps up to the first that did not end as expected."""

    recipe: Annotated[str, about("The recipe's name.")]
    state: Literal["done", "stopped"]
    steps: list[StepResultDocument]
    dry_run: NotRequired[Annotated[Literal[True], about("Nothing was sent.")]]
    error: NotRequired[Annotated[ErrorFacts, about("The error that ended the last step.")]]


@with_config(CLOSED)
class LegacyRow(TypedDict):
    """A mapped record beside its source row."""

    origin: OriginDocument
    source: Annotated[dict[str, str | None], about("The cells of the source row that the step uses.")]
    mapped: Annotated[dict[str, str | None], about("The cells of the record.")]


@with_config(CLOSED)
class MappedStepDocument(TypedDict):
    """A step that was mapped."""

    number: Annotated[int, about("The step's number, from 1.")]
    contract: str
    mapping: NotRequired[MappingDocument]
    rows: NotRequired[Annotated[list[LegacyRow], about("With --head: the first records.")]]


@with_config(CLOSED)
class MapDocument(TypedDict):
    """The mapped steps of a recipe."""

    recipe: Annotated[str, about("The recipe's name.")]
    steps: list[MappedStepDocument]


@with_config(CLOSED)
class PlannedStepDocument(TypedDict):
    """The plan of a step."""

    number: Annotated[int, about("The step's number, from 1.")]
    contract: str
    file: str
    records: Annotated[Count, about("Records without the header.")]
    bytes: Count
    requests: Count
    least_seconds: Annotated[float, about("The shortest time of the upload under the rate limit.")]
    verify: Annotated[Cost, about("The cost of the reconciliation; 0 if the step has none.")]
    mapping: NotRequired[MappingDocument]
    preflight: NotRequired[Annotated[PreflightDocument, about("The findings of a comparison with a snapshot.")]]


@with_config(CLOSED)
class RunPlanDocument(TypedDict):
    """The plan of a recipe; the sums are those of its steps."""

    recipe: Annotated[str, about("The recipe's name.")]
    steps: list[PlannedStepDocument]
    requests: Annotated[Count, about("Requests, with those of the reconciliations.")]
    bytes: Count
    least_seconds: Annotated[float, about("The shortest time, with the reconciliations.")]
