"""The document of `init`."""

from typing import Annotated, Literal

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, about


@with_config(CLOSED)
class CandidateDocument(TypedDict):
    """A possible mapping of an import column."""

    source: Annotated[str, about("The source column.")]
    sql: Annotated[str, about("The expression.")]
    why: Annotated[str, about("The reasons for it, with counts.")]


@with_config(CLOSED)
class FieldDocument(TypedDict):
    """The proposed mapping of an import column."""

    column: str
    required: bool
    state: Annotated[
        Literal["certain", "undecided", "missing"],
        about("`undecided`: there are several possibilities; `missing`: no source column fills a required column."),
    ]
    source: Annotated[str | None, about("The source column of a certain mapping.")]
    sql: Annotated[str | None, about("The expression of a certain mapping.")]
    assumed: Annotated[str | None, about("The facts that the file cannot prove, such as the time zone.")]
    why: Annotated[str, about("The basis of the mapping, with counts.")]
    candidates: list[CandidateDocument]


@with_config(CLOSED)
class ProposedStepDocument(TypedDict):
    """A proposed step of the recipe."""

    table: Annotated[str, about("The file, sheet or table of a database.")]
    tool: Annotated[str | None, about("The tool that writes the headers of the table.")]
    rows: Annotated[Count, about("The rows that were read.")]
    complete: Annotated[bool, about("Whether all rows were read.")]
    notes: Annotated[list[str], about("How the table is written.")]
    contract: str
    certain: Annotated[bool, about("Whether no other contract is as likely.")]
    other_contracts: list[str]
    import_format: Annotated[bool, about("Whether the file can be imported as it is.")]
    fields: list[FieldDocument]
    unused: Annotated[list[str], about("Source columns that the step does not use.")]
    undecided_sources: Annotated[list[str], about("Source columns that only undecided columns could use.")]
    where: Annotated[str | None, about("The condition that skips rows, such as a last row with totals.")]
    problem: Annotated[str | None, about("The error that ended the reading early.")]


@with_config(CLOSED)
class ProposalDocument(TypedDict):
    """The columns that `init` recognised, and the text that it proposes."""

    kind: Annotated[Literal["recipe", "configuration"], about("The kind of `text`: a recipe, or a bulkops.toml.")]
    text: str
    output: Annotated[str | None, about("The file that was written.")]
    steps: list[ProposedStepDocument]
    unknown: Annotated[list[str], about("Tables that fit no contract.")]
    decisions: Annotated[Count, about("How many things a person has to decide.")]
    next: Annotated[str, about("The command to run next.")]
