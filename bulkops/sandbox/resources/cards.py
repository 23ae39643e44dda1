"""Cards of a loyalty program: their import, export, list and deletion."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.balances import Balance, balances
from bulkops.sandbox.cells import bad, short
from bulkops.sandbox.csv_input import RowError
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import (
    Where,
    date_printer,
    page,
)
from bulkops.sandbox.import_engine import Importer, Run, retire
from bulkops.sandbox.parameters import (
    DATES,
    PAGE,
    at_least,
    between,
    free,
    window,
)
from bulkops.sandbox.resource import CARD, PROGRAM, Operation, Resource
from bulkops.sandbox.resources.programs import program_of_kind
from bulkops.sandbox.responses import ApiError, cell, csv_response, json_response, quoted
from bulkops.sandbox.times import FOREVER
from bulkops.sandbox.world import Program

IDENTIFIER = re.compile(r"[A-Za-z0-9._%+@-]{4,108}")
CARD_SQL = """INSERT INTO card (identifier, status, profiles, attributes, program, batchid, importid, created,
  modified, since, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


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
        """Refuse or skip cards that exist already; refuse cards that the file repeats."""
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
        """End the stored row of a card and return when the card was created; now for a new card."""
        where = "program = :program AND identifier = :identifier AND until = :forever"
        key = {"program": self.program.id, "identifier": identifier, "forever": FOREVER}
        found = self.run.connection.execute(f"SELECT created FROM card WHERE {where}", key).fetchone()  # noqa: S608
        retire(self.run, "card", where, key)
        return str(found["created"]) if found else self.run.created


def stored_cards(call: Call, program: int) -> Iterator[Any]:
    """Yield the cards of a program that reads show now."""
    where = Where(call).visible(versions=True).also("program = :program", program=program)
    return call.state.database.stream(f"SELECT * FROM card WHERE {where} ORDER BY id", where.values)  # noqa: S608


def export_cards(call: Call) -> Response:
    """Respond to `exportLoyaltyCards`; the sample prints lists and JSON without CSV quoting."""
    program = program_of_kind(call, card_based=True)
    where = Where(call).visible(versions=True).also("program = :program", program=program.id)
    where.equal("batchId", "batchid").between("created", "created")
    raw = call.state.assumptions.card_cells == "raw"
    shown = _card_dates(call)

    def lines() -> Iterator[str]:
        yield "identifier,created,status,userpercardlimit,customerprofileids,blockreason,generated,batchid,attributes\n"
        for row in call.state.database.stream(f"SELECT * FROM card WHERE {where} ORDER BY id", where.values):  # noqa: S608
            owners = "[" + ", ".join(f"'{owner}'" for owner in json.loads(row["profiles"])) + "]"
            attributes = row["attributes"]
            yield (
                f"{row['identifier']},{shown(row['created'])},{row['status']},{program.users_per_card},"
                f"{owners if raw else cell(owners)},,false,{row['batchid']},"
                f"{attributes if raw else quoted(attributes)}\n"
            )

    return csv_response(lines(), name="loyalty_cards")


def _card_dates(call: Call) -> Callable[[str], str]:
    """Return how cards print `created`: with microseconds, unless the excel form is asked for."""
    printed = date_printer(call, sample="ISO8601")
    return (lambda stored: stored) if printed("2021-09-10T09:21:06Z").endswith("Z") else printed


def list_cards(call: Call) -> Response:
    """Respond to `getLoyaltyCards`."""
    program = call.state.program(call.path["loyaltyProgramId"])
    if not program.card_based:
        raise ApiError(400, f"The loyalty program {program.id} is not card-based.")
    where = Where(call).visible(versions=True).also("program = :program", program=program.id)
    where.equal("batchId", "batchid")
    wanted = call.query.get("identifier")
    if wanted is not None:
        where.also("instr(identifier, :identifier) > 0", identifier=wanted)
    if "profileId" in call.query:
        names = "SELECT integration_id FROM profile WHERE id = :profileId"
        where.also(f"EXISTS (SELECT 1 FROM json_each(profiles) WHERE value IN ({names}))")  # noqa: S608
        where.also("1", profileId=int(call.query["profileId"]))
    size, skip = page(call)
    query = f"SELECT * FROM card WHERE {where} ORDER BY id LIMIT :size OFFSET :skip"  # noqa: S608
    rows = list(call.state.database.stream(query, {**where.values, "size": size + 1, "skip": skip}))
    return json_response({"hasMore": len(rows) > size, "data": [_card(call, program, row) for row in rows[:size]]})


def get_card(call: Call) -> Response:
    """Respond to `getLoyaltyCard`."""
    program = call.state.program(call.path["loyaltyProgramId"])
    where = Where(call).visible(versions=True).also("program = :program AND identifier = :identifier")
    values = {**where.values, "program": program.id, "identifier": call.path["loyaltyCardId"]}
    rows = list(call.state.database.stream(f"SELECT * FROM card WHERE {where}", values))  # noqa: S608
    if not rows:
        raise ApiError(404, f"The card {call.path['loyaltyCardId']!r} does not exist.")
    return json_response(_card(call, program, rows[0]))


def _card(call: Call, program: Program, row: Any) -> dict[str, Any]:
    query = (
        "SELECT card AS owner, subledger, amount, kind, remaining, starts, ends FROM point"
        " WHERE program = ? AND card = ? AND since <= ? ORDER BY subledger"
    )
    now = call.state.moment()
    held = list(balances(call.state.database.stream(query, (program.id, row["identifier"], now)), now))
    ledgers = {each.subledger: _ledger(each) for each in held}
    return {
        "id": row["id"],
        "created": row["created"],
        "programID": program.id,
        "programName": program.name,
        "programTitle": program.title,
        "status": row["status"],
        "identifier": row["identifier"],
        "usersPerCardLimit": program.users_per_card,
        "profiles": [{"integrationId": owner, "timestamp": row["created"]} for owner in json.loads(row["profiles"])],
        "ledger": ledgers.pop("", _ledger(None)),
        "subledgers": ledgers,
        "modified": row["modified"],
        "batchId": row["batchid"],
    }


def _ledger(held: Balance | None) -> dict[str, float]:
    current, pending, expired, spent = (held.current, held.pending, held.expired, held.spent) if held else (0, 0, 0, 0)
    return {
        "currentBalance": float(current),
        "pendingBalance": float(pending),
        "expiredBalance": float(expired),
        "spentBalance": float(spent),
        "tentativeCurrentBalance": float(current),
        "tentativePendingBalance": float(pending),
    }


def delete_card(call: Call) -> Response:
    """Respond to `deleteLoyaltyCard`: the points of the card go with it."""
    program = program_of_kind(call, card_based=True)
    card = call.state.card(program.id, call.path["loyaltyCardId"])
    with call.state.database.writing() as connection:
        connection.execute("DELETE FROM card WHERE id = ?", (card["id"],))
        connection.execute("DELETE FROM point WHERE program = ? AND card = ?", (program.id, card["identifier"]))
    return Response(status_code=204)


def importer(call: Call) -> Build:
    """Return the builder of the importer of a program's cards."""
    return partial(Cards, program=call.state.program(call.path["loyaltyProgramId"]).id)


RESOURCE = Resource(
    imports=(Operation("importLoyaltyCards", PROGRAM + "/import_cards", importing(importer)),),
    exports=(
        Operation(
            "exportLoyaltyCards",
            PROGRAM + "/cards/export",
            export_cards,
            parameters={**DATES, **window("created"), "batchId": free},
        ),
    ),
    reads=(
        Operation(
            "getLoyaltyCards",
            PROGRAM + "/cards",
            list_cards,
            parameters={**PAGE, "identifier": at_least(4), "profileId": between(1), "batchId": free},
        ),
        Operation("getLoyaltyCard", CARD, get_card),
    ),
    actions=(Operation("deleteLoyaltyCard", CARD, delete_card, method="DELETE"),),
    tables="""
CREATE TABLE IF NOT EXISTS card (id INTEGER PRIMARY KEY AUTOINCREMENT, program INTEGER, identifier TEXT, status TEXT,
  profiles TEXT, attributes TEXT, batchid TEXT, importid INTEGER, created TEXT, modified TEXT, since REAL,
  until REAL);
CREATE INDEX IF NOT EXISTS card_by_identifier ON card (program, identifier);
""",
)
