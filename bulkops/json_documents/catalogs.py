"""The documents of `rules`, `contracts`, `recipes`, `schema` and `sandbox`."""

from typing import Annotated, Literal

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, about


@with_config(CLOSED)
class RuleDocument(TypedDict):
    """One check of the validator."""

    code: Annotated[str, about("The code, such as COD203.")]
    name: str
    family: Annotated[str, about("The group of rules.")]
    severity: Literal["error", "warning"]
    summary: str
    why: str
    bad: Annotated[str, about("An example of the defect, as in a file.")]
    good: Annotated[str, about("The same without the defect.")]
    fix: Annotated[str, about("What to do.")]
    repair: Annotated[
        Literal["safe", "unsafe", "option", "none"], about("The kind of repair that `bulkops fix` offers.")
    ]


@with_config(CLOSED)
class ColumnDocument(TypedDict):
    """A column of a contract."""

    name: str
    type: Annotated[str, about("The kind of cell.")]
    required: bool
    earlier_names: Annotated[list[str], about("Names of the column in earlier releases of the API.")]
    default: Annotated[str | None, about("The meaning of a blank cell.")]
    cell: Annotated[str, about("The form of a filled cell.")]
    about: str
    example: str
    sources: Annotated[dict[str, str], about("The source of each fact.")]


@with_config(CLOSED)
class LimitsDocument(TypedDict):
    """The limits of one request."""

    bytes: int
    recommended_bytes: Annotated[int | None, about("The size that the documentation of the API recommends.")]
    records: int | None
    source: str


@with_config(CLOSED)
class RouteDocument(TypedDict):
    """An endpoint of the import."""

    operation: Annotated[str, about("The operation of the API.")]
    path: str
    ids: Annotated[list[str], about("The ids that its path needs.")]
    success: Annotated[int, about("The HTTP status of success.")]
    readback: Annotated[str | None, about("The operation that reads the rows back.")]


@with_config(CLOSED)
class OptionDocument(TypedDict):
    """A query option of the import."""

    name: Annotated[str, about("The option of the command line.")]
    parameter: Annotated[str | None, about("The parameter of the request; null if it renames a column.")]
    column: Annotated[str | None, about("The column that it renames; null if it sets a parameter.")]
    about: str
    default: Annotated[str | None, about("The value without the option.")]


@with_config(CLOSED)
class OperationDocument(TypedDict):
    """An operation of the API."""

    operation: Annotated[str, about("Its name.")]
    method: str
    path: str


@with_config(CLOSED)
class ContractDocument(TypedDict):
    """The definition of one import."""

    name: str
    title: str
    mode: Literal["create", "append", "upsert", "replace"]
    effect: Annotated[str, about("The effect of the import on existing data.")]
    columns: list[ColumnDocument]
    limits: LimitsDocument
    rules: Annotated[list[str], about("Rules across cells.")]
    routes: list[RouteDocument]
    options: list[OptionDocument]
    operations: Annotated[dict[str, list[OperationDocument]], about("The operations requested, by command.")]
    evidence: Annotated[str, about("The evidence that settles a chunk in doubt and proves an import.")]
    notes: list[str]


@with_config(CLOSED)
class DescriptionDifferenceDocument(TypedDict):
    """A difference between bulkops and a description of the API."""

    kind: str
    where: Annotated[str, about("The contract or export.")]
    operation: Annotated[str, about("Method and path.")]
    name: Annotated[str, about("The column or parameter; empty if there is none.")]
    ours: Annotated[str, about("The value of bulkops; empty if there is none.")]
    theirs: Annotated[str, about("The value of the description; empty if there is none.")]
    message: str


@with_config(CLOSED)
class DescriptionComparisonDocument(TypedDict):
    """The contracts and exports compared with a description of the API."""

    source: Annotated[str, about("The description.")]
    version: Annotated[str, about("Its version; empty if it has none.")]
    described: Annotated[Count, about("Operations described.")]
    compared: Annotated[Count, about("Operations compared.")]
    differences: list[DescriptionDifferenceDocument]
    unchecked: Annotated[list[str], about("Parts that could not be compared.")]


@with_config(CLOSED)
class RecipeSummary(TypedDict):
    """A recipe that bulkops ships."""

    name: str
    about: str
    steps: Annotated[int, about("How many steps it has.")]


@with_config(CLOSED)
class SchemaSummary(TypedDict):
    """A document that has a schema."""

    name: Annotated[str, about("The word for `bulkops schema NAME`.")]
    about: str


@with_config(CLOSED)
class SandboxDocument(TypedDict):
    """The address of a sandbox."""

    url: str
    port: int
    key: Annotated[str | None, about("The only key accepted; null if any is.")]
