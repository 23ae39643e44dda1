"""The result of a reconciliation: verdict, counts, examples. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING

from bulkops.readback.compare.keyed import RowCounts, RowDifference
from bulkops.reconciling.balances import SubledgerBalance
from bulkops.reconciling.totals import SubledgerSum

if TYPE_CHECKING:
    import polars as pl

    from bulkops.json_documents.reconciliations import DifferenceDocument, ReconciliationDocument


class Verdict(StrEnum):
    """Whether the comparison proves that the target contains the sent records."""

    PROVED = "proved"
    MISMATCH = "mismatch"
    UNPROVABLE = "unprovable"


@dataclass(frozen=True, kw_only=True, repr=False)
class Reconciliation:
    """A verdict with its reason. records = matched + missing + different, unless nothing could be compared.

    `unexpected` counts found rows that were not sent. They cause a mismatch only if `unexpected_counts` is true, or if
    one import contains a row more often than it was sent; `others` counts the unexpected rows that are harmless.
    `columns` counts the differences by column. `readings` is the number of read-backs. `notes` are warnings. `export`
    is the path of the saved export, blank for a target. `sums` are the amounts by subledger. `unchecked` are the ids of
    the target that the rows did not confirm, each with the reason. `doubt` says why the differences
    prove nothing; blank if they do.
    """

    contract: str
    verdict: Verdict
    reason: str
    records: int
    matched: int = 0
    missing: int = 0
    different: int = 0
    unexpected: int = 0
    unexpected_counts: bool = False
    others: int = 0
    found: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    compared: tuple[str, ...] = ()
    examples: tuple[RowDifference, ...] = ()
    readings: int = 0
    evidence: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    balances: tuple[SubledgerBalance, ...] = ()
    sums: tuple[SubledgerSum, ...] = ()
    export: str = ""
    unchecked: Mapping[str, str] = field(default_factory=dict)
    doubt: str = ""

    def to_frame(self) -> "pl.DataFrame":
        """Return the examples as a polars frame: class, key, column, sent, found, record, line."""
        import polars as pl

        columns = {"class": pl.String, "key": pl.String, "column": pl.String, "sent": pl.String, "found": pl.String}
        schema = {**columns, "record": pl.Int64, "line": pl.Int64}
        return pl.DataFrame(self.to_json()["examples"], schema=schema)

    def __repr__(self) -> str:
        counts = f"{self.matched:,} matched, {self.missing:,} missing, {self.different:,} different"
        return f"Reconciliation({self.contract}: {self.verdict.value}; {counts} of {self.records:,} records)"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p><p>{escape(self.reason)}</p>{self.to_frame()._repr_html_()}"

    @property
    def exit_code(self) -> int:
        """1 on a mismatch, or if a balance did not grow by the sum of the file; otherwise 0."""
        agree = all(balance.agrees for balance in self.balances)
        return 0 if agree and self.verdict is not Verdict.MISMATCH else 1

    def to_json(self) -> "ReconciliationDocument":
        """Return the document of `reconcile --json`."""
        document: ReconciliationDocument = {
            "contract": self.contract,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "records": self.records,
            "matched": self.matched,
            "missing": self.missing,
            "different": self.different,
            "unexpected": self.unexpected,
            "unexpected_counts": self.unexpected_counts,
            "found": self.found,
            "columns": dict(self.columns),
            "compared": list(self.compared),
            "readings": self.readings,
            "evidence": self.evidence,
            "files": dict(self.files),
            "notes": list(self.notes),
            "examples": [_difference(example) for example in self.examples],
        }
        if self.export:
            document["export"] = self.export
            document["unchecked"] = dict(self.unchecked)
        if self.doubt:
            document["doubt"] = self.doubt
        if self.sums:
            document["sums"] = [each.to_json() for each in self.sums]
        if self.balances:
            document["balances"] = [balance.to_json() for balance in self.balances]
        return document


def _difference(example: RowDifference) -> "DifferenceDocument":
    document: DifferenceDocument = {
        "class": example.kind,
        "key": example.key,
        "column": example.column,
        "sent": example.sent,
        "found": example.found,
        "record": example.record,
        "line": example.line,
    }
    if example.origin is not None:
        document["origin"] = example.origin.to_json()
    return document


def judge(counts: RowCounts, *, unexpected_counts: bool, unseen: tuple[str, ...]) -> tuple[Verdict, str]:
    """Return the verdict of a comparison and its reason.

    Surplus copies under one import id always count. `unseen` are columns that the file fills and the read-back lacks.
    """
    troubles = [
        f"{number:,} {word}"
        for number, word in (
            (counts.missing, "missing"),
            (counts.different, "different"),
            (counts.unexpected if unexpected_counts else counts.doubled, "unexpected"),
        )
        if number
    ]
    if troubles:
        return Verdict.MISMATCH, f"Of {counts.records:,} records: {', '.join(troubles)}."
    if unseen:
        return Verdict.UNPROVABLE, f"The read-back has no column for {', '.join(unseen)}; all other columns agree."
    return Verdict.PROVED, f"All {counts.records:,} records were found as they were sent."


def judge_amounts(contract: str, *, records: int, amount: int | None, evidence: str) -> Reconciliation:
    """Return the result for a contract without a read-back, which can only compare the amount in the responses.

    `amount` is None if no response is known.
    """
    if amount is not None and amount != records:
        return Reconciliation(
            contract=contract,
            verdict=Verdict.MISMATCH,
            reason=f"The server counted {amount:,} rows; {records:,} records were sent.",
            records=records,
            evidence=evidence,
        )
    agreed = "the amount in the response agrees" if amount is not None else "no response of an import is known"
    return Reconciliation(
        contract=contract,
        verdict=Verdict.UNPROVABLE,
        reason=f"The API cannot read these rows back; {agreed}.",
        records=records,
        evidence=evidence,
    )
