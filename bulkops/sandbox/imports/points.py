"""The import that adds loyalty points to profiles or cards."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from bulkops.sandbox.cells import bad, number, plain, short, text
from bulkops.sandbox.imports.engine import Importer, Run
from bulkops.sandbox.times import FOREVER, end_of_duration, instant, iso, seconds

SQL = """INSERT INTO point (profile, card, amount, startdate, expirydate, starts, ends, validity, subledger, reason,
  uuid, program, importid, created, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
MOST = Decimal("999999999999.99")


class Points(Importer):
    """Points of one program: profiles that are unknown are created, cards must exist."""

    entity = "LoyaltyPoints"
    required = ("amount",)
    optional = (
        "customerprofileid",
        "identifier",
        "startdate",
        "expirydate",
        "validityDuration",
        "subledgerid",
        "reason",
    )

    def __init__(self, run: Run, *, program: int) -> None:
        super().__init__(run)
        self.program = run.state.program(program)
        self.zone = run.state.zone(self.program)
        self.dates = run.instants()
        self.tail = (program, run.import_id, run.created, run.since)
        self.subledgers = self._known_subledgers()

    def _known_subledgers(self) -> set[str]:
        query = "SELECT DISTINCT subledger FROM point WHERE program = ?"
        used = self.run.connection.execute(query, (self.program.id,))
        return {*self.program.subledgers, *(row[0] for row in used)}

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        amount, profile, card, start, expiry, validity, subledger, reason = cells
        profile, card = self._owner(profile, card)
        points = self._amount(amount)
        self._subledger(subledger)
        short("reason", reason, most=255)
        if expiry and validity:
            raise bad("validityDuration", "it cannot be there together with expirydate")
        shown_start, starts = self._start(start)
        shown_end, ends = self._end(expiry, validity, starts)
        kept = validity if starts is None else ""
        begins = FOREVER if starts is None else seconds(starts)
        return (profile, card, points, shown_start, shown_end, begins, ends, kept, subledger, reason)

    def _owner(self, profile: str, card: str) -> tuple[str, str]:
        if profile and card and self.run.assumptions.both_keys == "error":
            raise bad("identifier", "it cannot be there together with customerprofileid")
        if not self.program.card_based:
            return text("customerprofileid", profile, most=255), ""
        text("identifier", card, most=108)
        query = "SELECT status FROM card WHERE program = ? AND identifier = ? AND until = ?"
        found = self.run.connection.execute(query, (self.program.id, card, FOREVER)).fetchone()
        if found is None:
            raise bad("identifier", f"the card {card!r} does not exist")
        if found[0] != "active" and self.run.assumptions.inactive_card == "error":
            raise bad("identifier", f"the card {card!r} is not active")
        return "", card

    def _amount(self, amount: str) -> str:
        settings = self.run.assumptions
        points = number("amount", amount, least=-MOST, most=MOST)
        if points <= 0 and settings.negative_amounts == "error":
            raise bad("amount", f"{amount} is not more than 0")
        if points != points.quantize(Decimal("0.01")) and settings.extra_decimals == "error":
            raise bad("amount", f"{amount} has more than two decimals")
        return plain(points)

    def _subledger(self, name: str) -> None:
        if not name:
            return
        short("subledgerid", name, most=64)
        if not self.program.allow_subledger:
            raise bad("subledgerid", "the program has no subledgers")
        if self.run.assumptions.unknown_subledger == "error" and name not in self.subledgers:
            raise bad("subledgerid", f"the subledger {name!r} does not exist")

    def _start(self, start: str) -> tuple[str, datetime | None]:
        """Return the start as shown and as an instant; None waits for activation."""
        if start in ("", "immediate"):
            return "immediate", self.run.now
        if start == "on_action":
            return "on_action", None
        shown = self.dates.read("startdate", start)
        return shown, instant(shown)

    def _end(self, expiry: str, validity: str, starts: datetime | None) -> tuple[str, float]:
        """Return the end as shown and in seconds; a duration counts from the start, once there is one."""
        if validity:
            try:
                end = end_of_duration(starts or self.run.now, validity, self.zone)
            except ValueError as problem:
                raise bad("validityDuration", str(problem)) from problem
            return ("unlimited", FOREVER) if starts is None else (iso(end), seconds(end))
        if expiry in ("", "unlimited"):
            return "unlimited", FOREVER
        shown = self.dates.expiry("expirydate", expiry)
        if starts is not None:
            self.dates.in_order(iso(starts) if starts > self.run.now else "", shown, "expirydate")
        return shown, seconds(instant(shown))

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        connection = self.run.connection
        if not self.program.card_based:
            connection.executemany(
                "INSERT OR IGNORE INTO profile (integration_id, created, imported) VALUES (?, ?, 1)",
                [(row[0], self.run.created) for row in rows],
            )
        connection.executemany(SQL, [(*row, str(uuid.uuid4()), *self.tail) for row in rows])
