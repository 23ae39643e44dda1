"""The documents of `validate`, `check` and `fix`, and the findings of a preflight."""

from typing import Annotated, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, about


@with_config(CLOSED)
class OriginDocument(TypedDict):
    """The legacy row that a mapped record comes from."""

    file: Annotated[str, about("The file, or the address of the database.")]
    sheet: Annotated[str | None, about("The sheet of a workbook, or the table of a database.")]
    unit: Annotated[str, about("The unit of `line`: line, row or record.")]
    line: Annotated[int, about("The line, row or record, from 1.")]
    rows: Annotated[int, about("The number of legacy rows behind the record; `line` is the first.")]


@with_config(CLOSED)
class FindingDocument(TypedDict):
    """One rule broken at one place."""

    code: Annotated[str, about("The rule's code, such as COD203.")]
    name: Annotated[str, about("The rule's name.")]
    severity: Literal["error", "warning"]
    message: Annotated[str, about("What is wrong.")]
    record: Annotated[int | None, about("The record, from 1 without the header; null for the header or the file.")]
    line: Annotated[int | None, about("The physical line on which the record begins, from 1.")]
    byte: Annotated[int | None, about("The offset of the cell or the defect in the content, from 0.")]
    column: Annotated[str | None, about("The column's name; null if the finding is about no single cell.")]
    field: Annotated[int | None, about("The column's position, from 1.")]
    value: Annotated[str | None, about("The cell.")]
    help: Annotated[str, about("What to do.")]
    repair: Annotated[
        Literal["safe", "unsafe", "option", "none"], about("The kind of repair that `bulkops fix` offers.")
    ]
    origin: NotRequired[Annotated[OriginDocument, about("The legacy row, if the file was mapped.")]]
    explains: NotRequired[Annotated[Count, about("Other findings that follow from this one; they are not listed.")]]


@with_config(CLOSED)
class FileFindings(TypedDict):
    """The findings of one file."""

    path: str
    contract: Annotated[str, about("The contract that the file was checked against.")]
    records: Annotated[Count, about("Records without the header.")]
    bytes: Annotated[Count, about("Bytes of the content, decompressed.")]
    sha256: Annotated[str, about("SHA-256 of the content, decompressed; empty if the file could not be read.")]
    errors: Annotated[Count, about("Findings that are errors, counted exactly.")]
    warnings: Annotated[Count, about("Findings that are warnings, counted exactly.")]
    counts: Annotated[dict[str, int], about("Findings by the rule's code, counted exactly.")]
    findings: Annotated[list[FindingDocument], about("Examples in file order, at most 1,000 of each rule.")]
    unreadable: NotRequired[Annotated[str, about("Why the file could not be read.")]]
    suppressed: NotRequired[Annotated[Count, about("Findings that the baseline accepts; they are not in the counts.")]]
    stopped: NotRequired[Annotated[Literal[True], about("The check stopped at --max-errors; the rest is unchecked.")]]


@with_config(CLOSED)
class SnapshotSource(TypedDict):
    """The snapshot of an account that files were compared with."""

    path: str
    base_url: Annotated[str, about("The address of the deployment.")]
    read_at: Annotated[str, about("When the account was read, RFC 3339.")]
    age_seconds: Annotated[int, about("The age of the snapshot.")]
    not_read: Annotated[list[str], about("Parts of the account that could not be read, with the reason.")]


@with_config(CLOSED)
class ValidationDocument(TypedDict):
    """The findings of all files of one call."""

    files: list[FileFindings]
    errors: Annotated[Count, about("Errors in all files.")]
    warnings: Annotated[Count, about("Warnings in all files.")]
    unused_baseline: NotRequired[Annotated[list[str], about("Entries of the baseline that no finding matched.")]]
    account: NotRequired[Annotated[SnapshotSource, about("The snapshot given with --account.")]]


@with_config(CLOSED)
class PreflightDocument(TypedDict):
    """How an import fits the account of its target, compared before anything is sent."""

    target: Annotated[dict[str, str], about("The name behind each id of the target.")]
    requests: Annotated[Count, about("Requests sent to read the account.")]
    not_checked: Annotated[list[str], about("Parts of the account that could not be read, with the reason.")]
    errors: Count
    warnings: Count
    counts: Annotated[dict[str, int], about("Findings by the rule's code.")]
    findings: list[FindingDocument]


@with_config(CLOSED)
class RemainingFindings(TypedDict):
    """The findings that remain in a repaired copy."""

    errors: Count
    warnings: Count
    counts: Annotated[dict[str, int], about("Findings by the rule's code.")]


@with_config(CLOSED)
class FixDocument(TypedDict):
    """The changes that `fix` made in its copy."""

    output: Annotated[str, about("The repaired copy.")]
    changes: Annotated[str, about("The file that lists every change, one JSON object a line.")]
    records: Annotated[Count, about("Records read.")]
    changed: Annotated[Count, about("Records changed.")]
    removed: Annotated[Count, about("Records removed.")]
    counts: Annotated[dict[str, int], about("Changes by the code of the rule that they repair.")]
    left: RemainingFindings
