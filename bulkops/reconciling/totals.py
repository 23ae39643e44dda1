"""Sum the amounts of a file by subledger, with exact decimals."""

from collections import defaultdict
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl

from bulkops.errors import DataError
from bulkops.readback.compare.canonical import by_lower
from bulkops.readback.fetch.rows import read_file
from bulkops_validators.model.cells import Number
from bulkops_validators.model.contract import Contract, Mode

SUBLEDGER = "subledgerid"


def amount_column(contract: Contract) -> str | None:
    """Return the column of amounts that an import adds to balances; None if the contract adds no amounts."""
    if contract.mode is not Mode.APPEND:
        return None
    return next((c.name for c in contract.columns if isinstance(c.cell, Number)), None)


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
