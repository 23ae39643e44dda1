"""Compute the amounts that are still open from the bookings of a program.

An addition opens an amount from its start until its end. A subtraction takes from the open amounts of its owner and
subledger, the one that ends first before the others. That order is not documented, so the sums of each owner are
compared with the export of the balances, which the server computed.
"""
# ruff: noqa: S608 - only our own words and the contract's names enter the SQL

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from bulkops.disk import temporary_writes
from bulkops.errors import DataError
from bulkops.exporting.import_form import ImportForm
from bulkops.readback.compare.canonical import by_lower, cells_named
from bulkops.readback.compare.values import instants
from bulkops.sql import literal, quoted
from bulkops.wording import counted
from bulkops_validators.model.contract import BalanceExport, OpenAmounts

MEMORY = "400MB"
AMOUNT = "DECIMAL(30, 6)"
NEVER = "9999-12-31T23:59:59Z"
SHOWN = 3
"""Owners with other sums that a message names."""
EXPIRED = "expired or spent"
Lot = tuple[str, str, str, str, str, str, str, Decimal]
"""Owner column, owner, subledger, start, end, duration, reason and amount of an open amount."""


@dataclass(kw_only=True)
class OpenBook:
    """A database with the bookings of a program in a private folder, and the open amounts made from them.

    `now` is the instant of the balances, as `YYYY-MM-DDTHH:MM:SSZ`.
    """

    form: ImportForm
    folder: Path
    now: str
    _sql: duckdb.DuckDBPyConnection = field(init=False)
    _rule: OpenAmounts = field(init=False)

    def __post_init__(self) -> None:
        """Create the tables."""
        if self.form.readback.open_amounts is None:
            raise ValueError("The read-back has no open amounts.")
        self._rule = self.form.readback.open_amounts
        config: dict[str, Any] = {
            "memory_limit": MEMORY, "temp_directory": str(self.folder / "spill"), "threads": 2,
        }  # fmt: skip
        self._sql = duckdb.connect(str(self.folder / "open.duckdb"), config=config)
        self._sql.execute("SET enable_progress_bar = false")
        self._sql.execute(
            "CREATE TABLE booked (owner_column VARCHAR, owner VARCHAR, subledger VARCHAR, starts VARCHAR, "
            f"ends VARCHAR, duration VARCHAR, reason VARCHAR, amount {AMOUNT}, taken BOOLEAN, created VARCHAR, "
            "number HUGEINT)"
        )
        self._sql.execute(
            "CREATE TABLE lots (owner_column VARCHAR, owner VARCHAR, subledger VARCHAR, starts VARCHAR, ends VARCHAR, "
            f"duration VARCHAR, reason VARCHAR, amount {AMOUNT})"
        )

    def close(self) -> None:
        """Close the database."""
        self._sql.close()

    def add(self, frame: pl.DataFrame) -> None:
        """Add the bookings of a page; DataError for a kind of booking that is not documented, or a bad amount."""
        if frame.is_empty():
            return
        names, rule = by_lower(frame.columns), self._rule
        self.form.books.rows += frame.height
        kinds = cells_named(frame, names, rule.kind)
        odd = kinds.filter(~kinds.is_in([rule.addition, rule.subtraction]))
        if odd.len():
            raise DataError(
                f"The export has a transaction of type {odd[0]!r}; only {rule.addition} and {rule.subtraction} are "
                "known, so the open balances cannot be computed."
            )
        plain = ImportForm(self.form.contract, self.form.readback)  # balances have the untranslated names
        cells = plain.records(frame).with_columns(
            (kinds == rule.subtraction).alias("_taken"),
            instants(cells_named(frame, names, self.form.readback.created or "")).alias("_at"),
            cells_named(frame, names, rule.number).alias("_number"),
            cells_named(frame, names, rule.duration).alias("_duration"),
        )
        self._insert(cells)

    def _insert(self, cells: pl.DataFrame) -> None:
        owners = [each.column for each in self._rule.balances.values() if each.column in cells.columns]
        which = " ".join(f"WHEN {quoted(name)} <> '' THEN {literal(name)}" for name in owners)
        who = ", ".join(f"nullif({quoted(name)}, '')" for name in owners)
        optional = {name: quoted(name) if name in cells.columns else "''" for name in ("startdate", "subledgerid",
                                                                                   "expirydate", "reason")}  # fmt: skip
        begins = f"CASE WHEN {optional['startdate']} IN ('', 'immediate') THEN _at ELSE {optional['startdate']} END"
        ends = (
            f"CASE WHEN {optional['expirydate']} IN ('', 'unlimited') THEN '{NEVER}' ELSE {optional['expirydate']} END"
        )
        try:
            self._sql.execute(
                f"INSERT INTO booked SELECT CASE {which} END, coalesce({who}), {optional['subledgerid']}, {begins}, "
                f"{ends}, _duration, {optional['reason']}, abs(amount::{AMOUNT}), _taken OR amount::{AMOUNT} < 0, "
                f"_at, try_cast(_number AS HUGEINT) FROM {self._stored(cells)}"
            )
        except duckdb.ConversionException as error:
            raise DataError(f"The amount of a transaction cannot be read: {str(error).splitlines()[0]}") from None

    def _stored(self, frame: pl.DataFrame) -> str:
        """Write a frame to the folder, and return the SQL that reads it."""
        path = self.folder / "frame.parquet"
        with temporary_writes():
            frame.write_parquet(path, compression="lz4")
        return f"read_parquet({literal(str(path))})"

    def settle(self) -> None:
        """Compute the open amounts of all owners."""
        ledgers = "SELECT owner_column, owner, subledger FROM booked WHERE taken GROUP BY ALL"
        same = "USING (owner_column, owner, subledger)"
        additions = "SELECT b.owner_column, b.owner, b.subledger, starts, ends, duration, reason, amount FROM booked b"
        self._sql.execute(f"CREATE TABLE spending AS {ledgers}")
        self._sql.execute(f"INSERT INTO lots {additions} ANTI JOIN spending {same} WHERE ends > {literal(self.now)}")
        cursor = self._sql.cursor().execute(
            "SELECT owner_column, owner, subledger, starts, ends, duration, reason, amount, taken, created FROM booked "
            f"SEMI JOIN spending {same} ORDER BY owner_column, owner, subledger, created, number"
        )
        debts = 0
        left: list[Lot] = []
        for _, rows in groupby(_rows(cursor), key=lambda row: row[:3]):
            ledger = OwnerLots(self._rule.waiting)
            for row in rows:
                ledger.book(row)
            debts += bool(ledger.debt)
            left += ledger.open_at(self.now)
            if len(left) > 50_000:
                self._keep(left)
                left = []
        self._keep(left)
        if debts:
            self.form.books.notes.append(
                f"{counted(debts, 'ledger has', 'ledgers have')} a negative balance, which no import sets."
            )

    def _keep(self, lots: list[Lot]) -> None:
        if lots:
            frame = pl.DataFrame(
                lots,
                schema={
                    "owner_column": pl.String, "owner": pl.String, "subledger": pl.String, "starts": pl.String,
                    "ends": pl.String, "duration": pl.String, "reason": pl.String, "amount": pl.Decimal(30, 6),
                },
                orient="row",
            )  # fmt: skip
            self._sql.execute(f"INSERT INTO lots SELECT * FROM {self._stored(frame)}")

    def export_of_balances(self) -> BalanceExport | None:
        """Return the export with the balances of the owners; None without bookings, which show no owner.

        DataError if the bookings belong to profiles and to cards.
        """
        found = {row[0] for row in self._sql.execute("SELECT DISTINCT owner_column FROM booked").fetchall()}
        exports = [each for each in self._rule.balances.values() if each.column in found]
        if len(found) > 1 or (found and not exports):
            raise DataError("The export has transactions of profiles and of cards, or without an owner.")
        return exports[0] if exports else None

    def refuse_other_balances(
        self, frames: Iterable[pl.DataFrame], export: BalanceExport, subledger: str | None
    ) -> None:
        """Raise DataError if the open amounts of an owner have other sums than the server's balances.

        With `subledger`, only its balances are compared.
        """
        self._sql.execute(
            f"CREATE OR REPLACE TABLE said (owner VARCHAR, subledger VARCHAR, current {AMOUNT}, pending {AMOUNT})"
        )
        for frame in frames:
            names = by_lower(frame.columns)
            wanted = (export.owner, export.subledger, export.current, export.pending)
            columns = [cells_named(frame, names, name).alias(str(n)) for n, name in enumerate(wanted)]
            cells = self._stored(pl.DataFrame(columns))
            self._sql.execute(f"""INSERT INTO said SELECT "0", "1", nullif("2", ''), nullif("3", '') FROM {cells}""")
        active = f"starts <= {literal(self.now)} AND starts <> {literal(self._rule.waiting)}"
        chosen = "true" if subledger is None else f"coalesce(s.subledger, o.subledger) = {literal(subledger)}"
        query = (
            "WITH open AS (SELECT owner, subledger, "
            f"coalesce(sum(amount) FILTER ({active}), 0) AS current, "
            f"coalesce(sum(amount) FILTER (NOT ({active})), 0) AS pending "
            f"FROM lots WHERE owner_column = {literal(export.column)} GROUP BY ALL) "
            "SELECT coalesce(o.owner, s.owner), coalesce(o.subledger, s.subledger), "
            "coalesce(o.current, 0), coalesce(s.current, 0), coalesce(o.pending, 0), coalesce(s.pending, 0) "
            "FROM open o FULL JOIN said s ON o.owner = s.owner AND o.subledger = s.subledger "
            f"WHERE {chosen} AND (round(coalesce(o.current, 0), 2) <> round(greatest(coalesce(s.current, 0), 0), 2) "
            "OR round(coalesce(o.pending, 0), 2) <> round(coalesce(s.pending, 0), 2)) ORDER BY 1, 2"
        )
        different = self._sql.execute(query).fetchall()
        if different:
            raise DataError(
                f"{counted(len(different), 'balance differs', 'balances differ')} from those of the server: "
                f"{'; '.join(map(_difference, different[:SHOWN]))}. The open points cannot be computed, and nothing "
                "was written.",
                hint="Points may have changed meanwhile: try again when fewer customers are active.",
            )

    def records(self) -> Iterator[pl.DataFrame]:
        """Yield the open amounts as records: one for each owner, subledger, start, end and duration."""
        active = f"starts <= {literal(self.now)}"
        waiting = literal(self._rule.waiting)
        cursor = self._sql.cursor().execute(
            "SELECT owner_column, owner, subledger, "
            f"CASE WHEN starts = {waiting} THEN starts WHEN {active} THEN '' ELSE starts END AS shown_start, "
            f"CASE WHEN ends = '{NEVER}' THEN '' ELSE ends END AS shown_end, "
            f"CASE WHEN starts = {waiting} AND ends = '{NEVER}' THEN duration ELSE '' END AS shown_duration, "
            "CASE WHEN count(DISTINCT reason) = 1 THEN any_value(reason) ELSE '' END AS shown_reason, "
            "sum(amount) AS total, count(*) AS lots FROM lots "
            "GROUP BY owner_column, owner, subledger, shown_start, shown_end, shown_duration "
            "ORDER BY owner_column, owner, subledger, shown_end, shown_start, shown_duration"
        )
        books, count = self.form.books, 0
        open_lots = int((self._sql.execute("SELECT count(*) FROM lots").fetchone() or (0,))[0])
        if closed := books.rows - open_lots:
            books.left_out[EXPIRED] += closed
        owners = [each.column for each in self._rule.balances.values()]
        used = [str(row[0]) for row in self._sql.execute("SELECT DISTINCT owner_column FROM lots").fetchall()]
        owner = used[0] if used else owners[0]
        while rows := cursor.fetchmany(50_000):
            count += len(rows)
            yield _frame(rows, owner, self.form)
        if not count:
            yield _frame([], owner, self.form)
        books.records += count
        books.merged += open_lots - count


class OwnerLots:
    """The open amounts of one owner in one subledger while its bookings are applied in the order of their creation."""

    def __init__(self, waiting: str) -> None:
        self._waiting = waiting
        self._lots: list[list[Any]] = []
        self.debt = Decimal(0)

    def book(self, row: tuple[Any, ...]) -> None:
        """Apply one booking."""
        amount, taken, at = row[7:]
        if taken:
            self._take(amount, at)
            return
        paid = min(self.debt, amount) if row[3] <= at else Decimal(0)
        self.debt -= paid
        if amount > paid:
            self._lots.append([*row[:7], amount - paid])

    def _take(self, amount: Decimal, at: str) -> None:
        self.debt += self.take_from(None, amount, at)

    def take_from(self, reason: str | None, amount: Decimal, at: str) -> Decimal:
        """Take an amount from the lots with a reason, or from all of them; return the part that they do not have."""
        lots = (lot for lot in self._lots if self._active(lot, at) and reason in (None, lot[6]))
        for lot in sorted(lots, key=lambda lot: str(lot[4])):
            part = min(amount, lot[7])
            lot[7] -= part
            amount -= part
        return amount

    def _active(self, lot: list[Any], at: str) -> bool:
        return bool(lot[7] > 0 and lot[3] != self._waiting and lot[3] <= at < lot[4])

    def open_at(self, now: str) -> Iterator[Lot]:
        """Yield the amounts that are open, or will be, at an instant."""
        for lot in self._lots:
            if lot[7] > 0 and lot[4] > now:
                yield tuple(lot)


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(10_000):
        yield from rows


def _frame(rows: list[tuple[Any, ...]], owner: str, form: ImportForm) -> pl.DataFrame:
    """Return open amounts as records of the import file."""
    names = (owner, "amount", "startdate", "expirydate", "validityDuration", "subledgerid", "reason")
    order = (1, 7, 3, 4, 5, 2, 6)
    columns = {
        name: [f"{row[n].normalize():f}" if name == "amount" else row[n] for row in rows]
        for name, n in zip(names, order, strict=True)
    }
    frame = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
    return pl.DataFrame([form.translated(name, frame[name]) for name in form.contract.column_names if name in names])


def _difference(row: tuple[Any, ...]) -> str:
    owner, subledger, current, said, pending, said_pending = row
    place = f"{owner!r} in subledger {subledger!r}" if subledger else repr(owner)
    if round(current, 2) != round(max(said, Decimal(0)), 2):
        return f"{place} has {said:,.2f}, not {current:,.2f}"
    return f"{place} has {said_pending:,.2f} pending, not {pending:,.2f}"
