"""Compare balance totals before and after an import with the sum of the file, for each subledger.

Balances also change without imports: points are spent, expire or become active. So current and pending balances are
added up, and a difference is a hint, not a proof. `run` proves the rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from bulkops.errors import DataError, UsageError
from bulkops.readback.compare.canonical import by_lower, canonical_ids
from bulkops.readback.fetch.saved import read_saved
from bulkops.reading.sources import file_source
from bulkops.reconciling.totals import SUBLEDGER, as_decimal, sums_of_file
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.json_documents.reconciliations import BalanceDocument

LEDGER, CURRENT, PENDING = "loyaltysubledger", "currentbalance", "pendingbalance"
PROGRAM = "loyaltyprogramid"


@dataclass(frozen=True, kw_only=True)
class SubledgerBalance:
    """The totals of one subledger before and after an import, and the sum of the file; blank for the main ledger."""

    subledger: str
    before: Decimal
    after: Decimal
    sent: Decimal

    @property
    def agrees(self) -> bool:
        """Whether the total grew by the sum of the file."""
        return self.after - self.before == self.sent

    def to_json(self) -> "BalanceDocument":
        """Return the balance as in `reconcile --json`; numbers are text, so that no digit is lost."""
        return {
            "subledger": self.subledger,
            "before": f"{self.before:f}",
            "after": f"{self.after:f}",
            "sent": f"{self.sent:f}",
            "agrees": self.agrees,
        }


def check_balances(
    contract: Contract, source: Path, *, before: Path, after: Path, ids: Mapping[str, int] | None = None
) -> tuple[SubledgerBalance, ...]:
    """Return the balance of every subledger that occurs; `before` and `after` are balances exports.

    UsageError if the contract adds nothing to balances. DataError if a file is not a balances export, may be
    incomplete, or belongs to another program than that of `ids`.
    """
    amount = contract.amount_column
    if amount is None or SUBLEDGER not in contract.column_names:
        raise UsageError(f"{contract.name} adds nothing to balances.")
    sent = sums_of_file(source, amount, strict=True)
    program = (ids or {}).get("program")
    columns = frozenset({LEDGER, CURRENT})
    totals = [
        total_balances(read_saved(file_source(path), columns), name=str(path), program=program)
        for path in (before, after)
    ]
    if totals[0].pending != totals[1].pending:
        raise DataError(
            f"Only one of {before} and {after} has the column {PENDING}, so their totals cannot be compared.",
            hint="Save both with the same --balances.",
        )
    old, new = (total.by_subledger for total in totals)
    nothing = Decimal(0)
    return tuple(
        SubledgerBalance(
            subledger=ledger,
            before=old.get(ledger, nothing),
            after=new.get(ledger, nothing),
            sent=sent.get(ledger, nothing),
        )
        for ledger in sorted({*old, *new, *sent})
    )


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Totals by subledger, and whether they include pending balances, which an export contains only on request."""

    by_subledger: Mapping[str, Decimal]
    pending: bool


def total_balances(frames: Iterable[pl.DataFrame], *, name: str, program: int | None = None) -> Totals:
    """Return the sum of current and pending balances of an export for each subledger; `name` is for messages.

    DataError if a balance is not a number, or belongs to another program.
    """
    totals: dict[str, Decimal] = defaultdict(Decimal)
    pending, rows = False, 0
    for frame in frames:
        names = by_lower(frame.columns)
        if missing := [c for c in (LEDGER, CURRENT) if c not in names]:
            raise DataError(
                f"{name} has no column {missing[0]!r}.",
                hint="Save it with `bulkops export customer-balances` or `card-balances`.",
            )
        rows += frame.height
        _refuse_other_program(frame, names, program, name)
        for column in (c for c in (CURRENT, PENDING) if c in names):
            pairs = frame.group_by(names[LEDGER], names[column]).len()
            for ledger, text, count in pairs.iter_rows():
                if column == PENDING and not text.strip():
                    continue
                number = as_decimal(text)
                if number is None:
                    raise DataError(f"{name}: {names[column]} {text!r} is not a number.")
                pending |= column == PENDING
                totals[str(ledger)] += number * count
    return Totals(by_subledger=dict(totals), pending=pending or not rows)


def _refuse_other_program(frame: pl.DataFrame, names: Mapping[str, str], program: int | None, name: str) -> None:
    if program is None or PROGRAM not in names:
        return
    shown = set(canonical_ids(frame.get_column(names[PROGRAM])).unique()) - {"", str(program)}
    if shown:
        raise DataError(
            f"{name} belongs to another program: --program is {program}, its rows show {min(shown)}.",
            hint="Give the balances exports of this program.",
        )
