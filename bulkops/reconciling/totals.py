"""Sum amounts by subledger, with exact decimals: those of a file, and those of both sides of a comparison."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from bulkops.errors import DataError
from bulkops.readback.compare.canonical import by_lower
from bulkops.readback.compare.staging import FOUND, SENT, RowSets
from bulkops.readback.fetch.rows import read_file
from bulkops.sql import quoted
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.json_documents.reconciliations import SumDocument

SUBLEDGER = "subledgerid"


@dataclass(frozen=True, kw_only=True)
class SubledgerSum:
    """The amounts of one subledger in the compared records and in their rows; blank for the main ledger."""

    subledger: str
    sent: Decimal
    found: Decimal

    def to_json(self) -> "SumDocument":
        """Return the sums as in `reconcile --json`; numbers are text, so that no digit is lost."""
        return {
            "subledger": self.subledger,
            "sent": f"{self.sent.normalize():f}",
            "found": f"{self.found.normalize():f}",
            "agrees": self.sent == self.found,
        }


def staged_sums(sets: RowSets, contract: Contract) -> tuple[SubledgerSum, ...]:
    """Return the sums of both sides of a comparison by subledger, as SQL adds them up.

    Nothing if the contract has no amounts, or if the found rows include those of other imports.
    """
    amount = summed_column(sets, contract)
    if amount is None:
        return ()
    sent, found = (added(sums_of_table(sets, side, amount), sets.aside.sums.get(side, {})) for side in (SENT, FOUND))
    nothing = Decimal(0)
    return tuple(
        SubledgerSum(subledger=name, sent=sent.get(name, nothing), found=found.get(name, nothing))
        for name in sorted({*sent, *found})
    )


def summed_column(sets: RowSets, contract: Contract) -> str | None:
    """Return the column of amounts to add up; None without amounts, or if rows of other imports may be found too."""
    amount = contract.amount_column
    return amount if amount is not None and amount in sets.columns and sets.own_ids else None


def sums_of_table(sets: RowSets, table: str, amount: str) -> dict[str, Decimal]:
    """Return the sum of the amounts in a table for each subledger."""
    ledger = f"coalesce({quoted(SUBLEDGER)}, '')" if SUBLEDGER in sets.columns else "''"
    number = f"sum(TRY_CAST({quoted(amount)} AS DECIMAL(38, 9)))::VARCHAR"
    rows = sets.run(f"SELECT {ledger}, {number} FROM {table} GROUP BY 1")  # noqa: S608 - our own names
    return {name: Decimal(total or 0) for name, total in rows}


def added(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return the sums of two parts by subledger."""
    nothing = Decimal(0)
    return {name: one.get(name, nothing) + other.get(name, nothing) for name in {*one, *other}}


def sums_of_file(path: Path, amount: str, *, strict: bool = False) -> dict[str, Decimal]:
    """Return the sum of a column for each subledger; the main ledger has a blank name.

    Cells that are not numbers are skipped; with `strict` they raise DataError.
    """
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for frame in read_file(path):
        names = by_lower(frame.columns)
        if amount.lower() not in names:
            continue
        ledger = pl.col(names[SUBLEDGER]) if SUBLEDGER in names else pl.lit("")
        counted = frame.group_by(ledger.alias("ledger"), pl.col(names[amount.lower()]).alias("amount")).len()
        for subledger, text, count in counted.iter_rows():
            number = as_decimal(text)
            if number is None and strict:
                raise DataError(f"{path}: {amount} {text!r} is not a number, so the balances cannot be added up.")
            totals[str(subledger)] += (number or 0) * count
    return dict(sorted(totals.items()))


def as_decimal(text: str) -> Decimal | None:
    """Return a text as a decimal number; None if it is not a finite number."""
    try:
        number = Decimal(text.strip()) if text.isascii() else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None
