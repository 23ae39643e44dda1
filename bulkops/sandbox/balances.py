"""Balances of a program's points at an instant, one ledger at a time."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

ZERO = Decimal(0)
ADDITION, SUBTRACTION = "addition", "subtraction"


@dataclass(frozen=True)
class Balance:
    """The points of one owner in one ledger. Only a deduction spends points here."""

    owner: str
    subledger: str
    current: Decimal
    pending: Decimal
    expired: Decimal
    spent: Decimal


def balances(points: Iterable[sqlite3.Row], at: float) -> Iterator[Balance]:
    """Yield a balance for each run of rows with the same `owner` and `subledger`.

    Points are pending until they start (or while they wait for an action), expired once they ended. `remaining` is the
    part of an addition that is not deducted; null for all of it.
    """
    for (owner, subledger), rows in groupby(points, key=lambda row: (row["owner"], row["subledger"])):
        current = pending = expired = spent = ZERO
        for row in rows:
            amount = Decimal(row["amount"] if row["remaining"] is None else row["remaining"])
            if row["kind"] == SUBTRACTION:
                spent += amount
            elif row["ends"] <= at:
                expired += amount
            elif row["starts"] > at:
                pending += amount
            else:
                current += amount
        yield Balance(owner, subledger, current, pending, expired, spent)
