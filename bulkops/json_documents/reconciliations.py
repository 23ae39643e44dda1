"""The document of `reconcile`, which a job keeps as well."""

from typing import Annotated, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, Sha256, about
from bulkops.json_documents.findings import OriginDocument

# The functional form: `class` cannot be a name in the body of a class.
_Class = TypedDict("_Class", {"class": Annotated[str, about("missing, different or unexpected.")]})


@with_config(CLOSED)
class DifferenceDocument(_Class):
    """One difference between a sent record and the row found."""

    key: Annotated[str, about("The key of the row.")]
    column: Annotated[str | None, about("The column that differs; null if the whole row is meant.")]
    sent: Annotated[str | None, about("The cell as it was sent.")]
    found: Annotated[str | None, about("The cell as it was found.")]
    record: Annotated[int | None, about("The record, from 1; null for a row that was not sent.")]
    line: Annotated[int | None, about("The physical line of the record, from 1.")]
    origin: NotRequired[Annotated[OriginDocument, about("The legacy row, if the file was mapped.")]]


@with_config(CLOSED)
class BalanceDocument(TypedDict):
    """The totals of one subledger before and after an import. Amounts are text, so that no digit is lost."""

    subledger: Annotated[str, about("The subledger; empty for the main ledger.")]
    before: str
    after: str
    sent: Annotated[str, about("The sum of the file.")]
    agrees: Annotated[bool, about("Whether the total grew by the sum of the file.")]


@with_config(CLOSED)
class SumDocument(TypedDict):
    """The amounts of one subledger, added up on both sides. Amounts are text, so that no digit is lost."""

    subledger: Annotated[str, about("The subledger; empty for the main ledger.")]
    sent: Annotated[str, about("The sum of the compared records.")]
    found: Annotated[str, about("The sum of the rows under the import ids of these records.")]
    agrees: Annotated[bool, about("Whether both sums are equal.")]


@with_config(CLOSED)
class SavedFrom(TypedDict):
    """The target that bulkops saved an export from."""

    address: str
    ids: Annotated[dict[str, int | str], about("The ids of the request.")]
    filters: Annotated[dict[str, str | list[str]], about("The filters that select rows, by option name.")]


@with_config(CLOSED)
class SavedExportDocument(TypedDict):
    """A saved export that a file was compared with."""

    path: str
    bytes: Count
    modified: Annotated[str, about("When the file was last changed, RFC 3339.")]
    sha256: Annotated[Sha256 | None, about("null if the file changed meanwhile.")]
    saved_from: Annotated[SavedFrom | None, about("null if bulkops did not save the file here.")]


@with_config(CLOSED)
class ProofDocument(TypedDict):
    """The time, place and sources of the comparison of a job."""

    at: Annotated[str, about("When the comparison ended, RFC 3339.")]
    began: Annotated[str, about("When it began, RFC 3339.")]
    bulkops: Annotated[str, about("The version of bulkops.")]
    host: Annotated[str, about("The name of the machine.")]
    address: Annotated[str, about("The address that was read; empty for a saved export.")]
    key: Annotated[str, about("The source of the key, never the key; empty for a saved export.")]
    export: Annotated[SavedExportDocument | None, about("The saved export; null if the target was read.")]


@with_config(CLOSED)
class ReconciliationDocument(TypedDict):
    """A file compared with the content of the target. records = matched + missing + different if rows were compared."""

    contract: str
    verdict: Literal["proved", "mismatch", "unprovable"]
    reason: Annotated[str, about("Why this is the verdict.")]
    records: Annotated[Count, about("Records of the file.")]
    matched: Annotated[Count, about("Records found as they were sent.")]
    missing: Annotated[Count, about("Records not found.")]
    different: Annotated[Count, about("Records found with other cells.")]
    unexpected: Annotated[Count, about("Rows found that were not sent.")]
    unexpected_counts: Annotated[bool, about("Whether unexpected rows make the verdict a mismatch.")]
    found: Annotated[Count, about("Rows read back.")]
    columns: Annotated[dict[str, int], about("Records that differ, by column.")]
    compared: Annotated[list[str], about("The columns compared.")]
    readings: Annotated[Count, about("How often the target was read.")]
    evidence: Annotated[str, about("The operation of the API that read the rows back; empty if there was none.")]
    files: Annotated[dict[str, str], about("Files written, by their content.")]
    notes: Annotated[list[str], about("What was unusual.")]
    examples: Annotated[list[DifferenceDocument], about("Examples of each class.")]
    export: NotRequired[Annotated[str, about("The saved export that the file was compared with.")]]
    unchecked: NotRequired[Annotated[dict[str, str], about("Ids that the export does not confirm, with the reason.")]]
    doubt: NotRequired[Annotated[str, about("Why the differences prove nothing.")]]
    sums: NotRequired[Annotated[list[SumDocument], about("Sums by subledger; only of points under known import ids.")]]
    balances: NotRequired[list[BalanceDocument]]
    proof: NotRequired[Annotated[ProofDocument, about("The circumstances of the comparison; only of a job.")]]
