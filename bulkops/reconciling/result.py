"""What a reconciliation found: the verdict, the counts, examples. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING

from bulkops.readback.compare.keyed import Counts, Difference
from bulkops.reconciling.balances import Balance

if TYPE_CHECKING:
    import polars as pl

    from bulkops.json_documents.reconciliations import ReconciliationDocument


class Verdict(StrEnum):
    """What can be said of the rows that were sent."""

    PROVED = "proved"
    MISMATCH = "mismatch"
    UNPROVABLE = "unprovable"


@dataclass(frozen=True, kw_only=True, repr=False)
class Reconciliation:
    """A verdict with its reason. records = matched + missing + different, unless nothing could be compared.

    `unexpected` counts rows found that were not sent, and fails the verdict only if `unexpected_counts`, or where one
    import holds a row more often than it was sent; `others` are those of them that are no fault.
    `columns` gives the differences by column, `readings` how often the target was read, `notes` what was odd. `export`
    names the saved export it was compared with, if it was one, and `unchecked` the ids of the target that its rows
    did not confirm, each with the reason. `doubt` says why the differences prove nothing, if they do not.
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
    examples: tuple[Difference, ...] = ()
    readings: int = 0
    evidence: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    balances: tuple[Balance, ...] = ()
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
        """1 on a mismatch, or where a balance did not grow by what was sent, else 0."""
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
            "examples": [
                {
                    "class": example.kind,
                    "key": example.key,
                    "column": example.column,
                    "sent": example.sent,
                    "found": example.found,
                    "record": example.record,
                    "line": example.line,
                }
                for example in self.examples
            ],
        }
        if self.export:
            document["export"] = self.export
            document["unchecked"] = dict(self.unchecked)
        if self.doubt:
            document["doubt"] = self.doubt
        if self.balances:
            document["balances"] = [balance.to_json() for balance in self.balances]
        return document


def judge(counts: Counts, *, unexpected_counts: bool, unseen: tuple[str, ...]) -> tuple[Verdict, str]:
    """Return the verdict of a comparison and its reason.

    Copies too many under one import id count always. `unseen` are columns that were filled in the file and that the
    read-back does not have.
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
        return Verdict.UNPROVABLE, f"The read-back has no column for {', '.join(unseen)}; all else agrees."
    return Verdict.PROVED, f"All {counts.records:,} records were found as they were sent."


def judge_amounts(contract: str, *, records: int, amount: int | None, evidence: str) -> Reconciliation:
    """Return what can be said where nothing reads the rows back: only the amount in the answers can agree.

    `amount` is None where no answer is known.
    """
    if amount is not None and amount != records:
        return Reconciliation(
            contract=contract,
            verdict=Verdict.MISMATCH,
            reason=f"The server counted {amount:,} rows; {records:,} records were sent.",
            records=records,
            evidence=evidence,
        )
    agreed = "the amount in the answer agrees" if amount is not None else "no answer of an import is known"
    return Reconciliation(
        contract=contract,
        verdict=Verdict.UNPROVABLE,
        reason=f"The API has nothing that reads these rows back; {agreed}.",
        records=records,
        evidence=evidence,
    )
