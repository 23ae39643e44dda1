"""Imports about a program's members: tiers, join dates and cards."""

import json
import re
from typing import Any

from bulkops.sandbox.answers import ApiError
from bulkops.sandbox.cells import bad, short, text
from bulkops.sandbox.csv_input import RowError
from bulkops.sandbox.imports.engine import Importer, Run, retire
from bulkops.sandbox.times import FOREVER, iso

IDENTIFIER = re.compile(r"[A-Za-z0-9._%+@-]{4,108}")
CARD_SQL = """INSERT INTO card (identifier, status, profiles, attributes, program, batchid, importid, created,
  modified, since, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class Tiers(Importer):
    """Puts existing customers into tiers of a program with advanced tiers."""

    entity = "LoyaltyTier"
    required = ("customerprofileid", "tiername")
    optional = ("subledgerid", "expirydate")

    def __init__(self, run: Run, *, program: int) -> None:
        super().__init__(run)
        self.program = run.state.program(program)
        self.dates = run.instants()
        if self.program.card_based or not self.program.tiers:
            raise ApiError(400, f"Import Error: the program {program} has no advanced tiers")

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        profile, tier, subledger, expiry = cells
        text("customerprofileid", profile, most=1000)
        if not self.run.knows_profile(profile):
            raise bad("customerprofileid", f"the profile {profile!r} does not exist")
        if tier not in self.program.tiers:
            raise bad("tiername", f"the tier {tier!r} does not exist")
        if subledger and not self.program.allow_subledger:
            raise bad("subledgerid", "the program has no subledgers")
        short("subledgerid", subledger, most=64)
        return subledger, profile, tier, self.dates.expiry("expirydate", expiry)

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        connection, now = self.run.connection, iso(self.run.now)
        where = "program = :program AND subledger = :subledger AND profile = :profile"
        for subledger, profile, tier, expiry in rows:
            key = {"program": self.program.id, "subledger": subledger, "profile": profile}
            held = connection.execute(
                f"SELECT tiername, startdate FROM tier WHERE {where} AND until = :forever",  # noqa: S608
                {**key, "forever": FOREVER},
            ).fetchone()
            start = held["startdate"] if held and held["tiername"] == tier else now
            retire(self.run, "tier", where, key)
            connection.execute(
                "INSERT INTO tier (program, subledger, profile, tiername, startdate, expirydate, since, until)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key.values(), tier, start, expiry, self.run.since, FOREVER),
            )


class JoinDates(Importer):
    """Sets when existing customers joined a profile-based program; one unknown customer fails the import.

    The column of the date was `newjoindate` until release 26.19 and is `joindate` since.
    """

    entity = "LoyaltyJoinDate"
    required = ("customerprofileid", "joindate")

    def __init__(self, run: Run, *, program: int) -> None:
        super().__init__(run)
        column = run.assumptions.join_date_column
        if column == "either":
            self.earlier_names = {"newjoindate": "joindate"}
        else:
            self.required = ("customerprofileid", column)
        self.program = run.state.program(program)
        self.dates = run.instants()
        if self.program.card_based:
            raise ApiError(400, f"Import Error: the program {program} is not profile-based")

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        profile, joined = cells
        text("customerprofileid", profile, most=1000)
        if not self.run.knows_profile(profile):
            raise bad("customerprofileid", f"the profile {profile!r} does not exist")
        column = self.required[1]
        return profile, self.dates.read(column, text(column, joined))

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        for profile, joined in rows:
            key = {"program": self.program.id, "profile": profile}
            retire(self.run, "join_date", "program = :program AND profile = :profile", key)
            self.run.connection.execute(
                "INSERT INTO join_date (program, profile, joined, since, until) VALUES (?, ?, ?, ?, ?)",
                (*key.values(), joined, self.run.since, FOREVER),
            )


class Cards(Importer):
    """Cards of a card-based program; fewer than 500,000 in a file."""

    entity = "LoyaltyCard"
    required = ("identifier", "state")
    optional = ("customerprofileids", "attributes")
    most = 499_999

    def __init__(self, run: Run, *, program: int) -> None:
        super().__init__(run)
        self.program = run.state.program(program)
        if not self.program.card_based:
            raise ApiError(400, f"Import Error: the program {program} is not card-based")
        self.attributes = run.attributes("LoyaltyCard", program=program)
        self.batch = run.batch_id()
        self.seen: set[str] = set()

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        identifier, state, owners, attributes = cells
        if IDENTIFIER.fullmatch(identifier) is None:
            raise bad("identifier", f"{identifier!r} is not 4 to 108 of the characters A-Z a-z 0-9 . _ % + @ -")
        if state not in ("active", "inactive"):
            raise bad("state", f"{state!r} is neither active nor inactive")
        profiles = [owner for owner in owners.split(";") if owner]
        self._check_owners(profiles)
        return identifier, state, json.dumps(profiles, ensure_ascii=False), self.attributes.read(attributes)

    def _check_owners(self, profiles: list[str]) -> None:
        most = self.program.users_per_card
        if most and len(profiles) > most:
            raise bad("customerprofileids", f"a card of this program has at most {most} profiles")
        for profile in profiles:
            short("customerprofileids", profile, most=1000)
            if self.run.assumptions.unknown_card_holder == "refuse" and not self.run.knows_profile(profile):
                raise bad("customerprofileids", f"the profile {profile!r} does not exist")

    def judge(self, rows: list[tuple[Any, ...]]) -> dict[int, RowError | None]:
        """Refuse or skip what is there already, or twice in the file."""
        existing = self.run.assumptions.existing_card
        verdicts: dict[int, RowError | None] = {}
        for position, row in enumerate(rows):
            identifier = row[0]
            if identifier in self.seen:
                verdicts[position] = RowError(
                    "Duplicate value", f"identifier: the card {identifier!r} is twice in the file"
                )
            elif self._exists(identifier) and existing != "update":
                details = f"identifier: the card {identifier!r} is already there"
                verdicts[position] = None if existing == "skip" else RowError("Duplicate value", details)
            self.seen.add(identifier)
        return verdicts

    def _exists(self, identifier: str) -> bool:
        query = "SELECT 1 FROM card WHERE program = ? AND identifier = ? AND until = ?"
        values = (self.program.id, identifier, FOREVER)
        return self.run.connection.execute(query, values).fetchone() is not None

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        run = self.run
        updating = run.assumptions.existing_card == "update"
        head, tail = (self.program.id, self.batch, run.import_id), (run.created, run.since, FOREVER)
        values = [(*row, *head, self._retired(row[0]) if updating else run.created, *tail) for row in rows]
        run.connection.executemany(CARD_SQL, values)

    def _retired(self, identifier: str) -> str:
        """End what is known of a card and return when it was made; now, if it is new."""
        where = "program = :program AND identifier = :identifier AND until = :forever"
        key = {"program": self.program.id, "identifier": identifier, "forever": FOREVER}
        found = self.run.connection.execute(f"SELECT created FROM card WHERE {where}", key).fetchone()  # noqa: S608
        retire(self.run, "card", where, key)
        return str(found["created"]) if found else self.run.created
