"""Find the points of an import that are still open, from all transactions of the program.

Which addition a subtraction takes from is not documented; the one that ends first is used first, as for a copy. If the
server shows a smaller balance than the transactions explain, the difference counts as spent from the imported points.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from itertools import groupby
from typing import Any

import polars as pl

from bulkops.errors import DataError, GuardRefused, UsageError
from bulkops.exporting.open_amounts import NEVER, OwnerLots
from bulkops.readback.compare.canonical import CREATED, IMPORT_ID, by_lower, cells_named, found_frame
from bulkops.readback.fetch.pages import read_pages
from bulkops.readback.fetch.rows import OPEN_END, read_file
from bulkops.readback.fetch.times import rfc3339
from bulkops.undoing.created_rows import read_balances
from bulkops.undoing.undo_context import UndoContext
from bulkops.upload.start import refuse_changed_file
from bulkops_validators.model.contract import OpenAmounts, ProgramKind, Readback

OWN = "own"
CENT = Decimal("0.01")
FIRST = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, kw_only=True)
class OwnerPoints:
    """The imported points of one owner in one subledger.

    `active` points can be deducted, `pending` ones not yet; `spent` ones were used, expired or deducted. `total` is the
    sum of all active points by the transactions. `until` is when the first active points of the import expire, and
    `last` the id of the last transaction.
    """

    owner: str
    subledger: str
    active: Decimal
    pending: Decimal
    spent: Decimal
    total: Decimal
    until: str
    last: str

    def deductible(self, balance: Decimal) -> Decimal:
        """Return the points to deduct if the server shows this balance: never more than it, in whole cents."""
        unexplained = max(Decimal(0), self.total - balance)
        return max(Decimal(0), min(self.active - unexplained, balance)).quantize(CENT, rounding=ROUND_DOWN)


def rule_of(readback: Readback) -> OpenAmounts:
    """Return how the transactions of a program become open amounts."""
    if readback.open_amounts is None:
        raise TypeError("Only transactions have open amounts.")
    return readback.open_amounts


def owner_points(context: UndoContext, marker: str) -> tuple[ProgramKind | None, list[OwnerPoints]]:
    """Return the kind of the program and the points of each owner that the job added; None without transactions.

    A subtraction with a name that begins with `marker` took back points of this job. DataError for a transaction that
    cannot be understood.
    """
    rows = _transactions(context, marker)
    kind = next((each for each in rule_of(context.readback).balances if (rows["kind"] == each.value).any()), None)
    now = server_now(context)
    found = []
    order = ["owner", "subledger", "created", "number"]
    for _, group in groupby(rows.sort(order).iter_rows(named=True), key=lambda row: (row["owner"], row["subledger"])):
        bookings = list(group)
        if any(row["own"] for row in bookings):
            found.append(points_of(bookings, rule_of(context.readback).waiting, now))
    return kind, found


def balances_of(context: UndoContext, kind: ProgramKind) -> dict[tuple[str, str], Decimal]:
    """Return the current balance of each owner and subledger, by the server."""
    export = rule_of(context.readback).balances[kind]
    found: dict[tuple[str, str], Decimal] = {}
    for frame in read_balances(context.client, export, context.ids):
        names = by_lower(frame.columns)
        cells = [cells_named(frame, names, name) for name in (export.owner, export.subledger, export.current)]
        found |= {(owner, ledger): _number(current) for owner, ledger, current in zip(*cells, strict=True)}
    return found


def transactions(context: UndoContext, *, since: str) -> Iterator[pl.DataFrame]:
    """Yield all transactions of the program since an instant, of every type."""
    readback = context.readback
    end = rfc3339(context.clock.now() + OPEN_END)
    params = {str(readback.after): since, str(readback.before): end}
    yield from read_pages(context.client, readback.path, context.ids, params, page_size=readback.page_size)


def _transactions(context: UndoContext, marker: str) -> pl.DataFrame:
    """Return the transactions of the owners in the job's file; of all owners if the file is missing."""
    own = [str(number) for number in context.ledger.imports_of(context.earlier.id)]
    wanted = _owners_in_file(context)
    frames = []
    for page in transactions(context, since=FIRST):
        rows = _booked(context, page, own, marker)
        frames.append(rows if wanted is None else rows.filter(pl.col("owner").hash().is_in(wanted.implode())))
    return pl.concat(frames)


def _owners_in_file(context: UndoContext) -> pl.Series | None:
    """Return the digests of the owners in the job's file; None if it is missing or was changed."""
    columns = [each.column for each in rule_of(context.readback).balances.values()]
    try:
        refuse_changed_file(context.earlier, context.ledger)
        parts = [
            cells_named(frame, by_lower(frame.columns), column).hash()
            for frame in read_file(context.earlier.file_path)
            for column in columns
        ]
    except (GuardRefused, UsageError):
        return None
    return pl.concat(parts).unique()


def _booked(context: UndoContext, page: pl.DataFrame, own: list[str], marker: str) -> pl.DataFrame:
    """Return the bookings of a page: owner, kind, subledger, start, end, amount, and the marks of this job."""
    names, readback = by_lower(page.columns), context.readback
    rule = rule_of(readback)
    types = cells_named(page, names, rule.kind)
    odd = types.filter(~types.is_in([rule.addition, rule.subtraction]))
    if odd.len():
        raise DataError(f"The program has a transaction of the unknown type {odd[0]!r}. Nothing was deducted.")
    taken = types == rule.subtraction
    owners = [(pl.col(each.column), pl.lit(kind.value)) for kind, each in rule.balances.items()]
    start, end, created = pl.col("startdate"), pl.col("expirydate"), pl.col(CREATED)
    return found_frame(readback, page).select(
        owner=pl.coalesce(pl.when(owner != "").then(owner) for owner, _ in owners).fill_null(""),
        kind=pl.coalesce(pl.when(owner != "").then(kind) for owner, kind in owners),
        subledger=pl.col("subledgerid"),
        starts=pl.when(start == "immediate").then(created).otherwise(start),
        ends=pl.when(end == "unlimited").then(pl.lit(NEVER)).otherwise(end),
        amount=pl.col("amount"),
        created=created,
        number=cells_named(page, names, rule.number).cast(pl.Int64, strict=False),
        taken=taken,
        own=~taken & pl.col(IMPORT_ID).is_in(own),
        undone=taken & pl.col("reason").fill_null("").str.starts_with(marker),
    )


def points_of(bookings: list[dict[str, Any]], waiting: str, now: str) -> OwnerPoints:
    """Return the imported points of one owner in one subledger, from its bookings in their order."""
    lots, imported = OwnerLots(waiting), Decimal(0)
    for row in bookings:
        amount = _number(row["amount"])
        taken = row["taken"] or amount < 0
        if row["own"]:
            imported += amount
        if row["undone"]:
            amount = lots.take_from(OWN, abs(amount), row["created"])
        lots.book(
            ("", row["owner"], row["subledger"], row["starts"], row["ends"], "", OWN if row["own"] else "", abs(amount),
             taken, row["created"])
        )  # fmt: skip
    still = list(lots.open_at(now))
    active = [lot for lot in still if lot[3] != waiting and lot[3] <= now]
    own = [lot for lot in active if lot[6] == OWN]
    mine = total(lot[7] for lot in own)
    pending = total(lot[7] for lot in still if lot[6] == OWN and lot not in active)
    return OwnerPoints(
        owner=bookings[0]["owner"],
        subledger=bookings[0]["subledger"],
        active=mine,
        pending=pending,
        spent=imported - mine - pending,
        total=total(lot[7] for lot in active),
        until=min((lot[4] for lot in own), default=NEVER),
        last=str(max((row["number"] or 0 for row in bookings), default=0)),
    )


def server_now(context: UndoContext) -> str:
    """Return the server's present time as canonical text."""
    return rfc3339(context.clock.now() + (context.client.server_offset or timedelta()))


def _number(text: str) -> Decimal:
    try:
        return Decimal(text or 0)
    except InvalidOperation:
        raise DataError(f"The amount {text[:40]!r} of a transaction or balance is not a number.") from None


def total(points: Iterable[Decimal]) -> Decimal:
    """Return a sum of amounts."""
    return sum(points, Decimal(0))
