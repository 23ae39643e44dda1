"""Points of a loyalty program: their import, their deduction and the lists of transactions."""

import uuid
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.balances import ADDITION, SUBTRACTION, ZERO
from bulkops.sandbox.cells import bad, number, plain, short, text
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import Where, moment, page
from bulkops.sandbox.import_engine import Importer, Run
from bulkops.sandbox.parameters import SLICE, TRANSACTIONS, TYPED_TRANSACTIONS, boolean
from bulkops.sandbox.resource import CARD, PROFILE, PROGRAM, Operation, Resource
from bulkops.sandbox.resources.programs import program_of_kind
from bulkops.sandbox.responses import ApiError, bad_field, bad_parameter, json_response
from bulkops.sandbox.times import FOREVER, end_of_duration, instant, iso, iso_micro, seconds
from bulkops.sandbox.world import Program

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


def list_transactions(call: Call) -> Response:
    """Respond to `getLoyaltyProgramTransactions`: imported additions and manual deductions."""
    program = call.state.program(call.path["loyaltyProgramId"])
    where = Where(call).visible().also("program = :program", program=program.id)
    if call.state.assumptions.unfiltered_transactions == "last_50" and not call.query.keys() - SLICE.keys():
        where.also("id IN (SELECT id FROM point WHERE program = :program AND since <= :now ORDER BY id DESC LIMIT 50)")
    return _page_of_points(call, where, _transaction)


def _filtered(call: Call, where: Where) -> None:
    """Apply the filters that the lists of transactions share."""
    kinds = {"manual": "importid IS NULL", "session": "0", "import": "importid IS NOT NULL"}
    where.also(kinds.get(call.query.get("loyaltyTransactionType", ""), "1"))
    if "customerSessionIDs" in call.query:
        where.also("0")
    where.equal("subledgerId", "subledger")
    _range(call, where)
    _uuids(call, where)
    if "awaitsActivation" in call.query:
        if call.query["awaitsActivation"] != "true":
            raise bad_parameter("awaitsActivation", "only true is supported")
        where.also("startdate = 'on_action' AND ends > :now")


def _range(call: Call, where: Where) -> None:
    """Apply `startDate` and `endDate` to the creation of transactions."""
    bound = "=" if call.state.assumptions.created_bounds == "inclusive" else ""
    for name, sign in (("startDate", ">"), ("endDate", "<")):
        found = moment(call, name)
        if found is not None:
            where.also(f"created {sign}{bound} :{name}", **{name: iso_micro(found)})


def _uuids(call: Call, where: Where) -> None:
    given = call.query.getlist("transactionUUIDs")
    if not given:
        return
    try:
        known = [str(uuid.UUID(each)) for each in given]
    except ValueError as problem:
        raise bad_parameter("transactionUUIDs", str(problem)) from problem
    where.also("uuid IN ({})".format(",".join(f"'{each}'" for each in known)))


def _page_of_points(call: Call, where: Where, shown: Any) -> Response:
    _filtered(call, where)
    size, skip = page(call, 50)
    order = "id DESC" if call.state.assumptions.transaction_order == "newest_first" else "id"
    query = f"SELECT * FROM point WHERE {where} ORDER BY {order} LIMIT :size OFFSET :skip"  # noqa: S608
    rows = list(call.state.database.stream(query, {**where.values, "size": size + 1, "skip": skip}))
    return json_response({"hasMore": len(rows) > size, "data": [shown(row) for row in rows[:size]]})


def _amount(stored: str) -> int | float:
    return float(stored) if "." in stored else int(stored)


def _transaction(row: Any) -> dict[str, Any]:
    shown = {
        "id": row["id"],
        "transactionUUID": row["uuid"],
        "programId": row["program"],
        "created": row["created"],
        "type": row["kind"],
        "amount": _amount(row["amount"]),
        "name": row["reason"],
        "startDate": row["startdate"],
        "expiryDate": row["expirydate"],
        "subledgerId": row["subledger"],
        "flags": {"createsNegativeBalance": False},
    }
    optional = {
        "customerProfileId": "profile",
        "cardIdentifier": "card",
        "validityDuration": "validity",
        "importId": "importid",
    }
    return shown | {name: row[column] for name, column in optional.items() if row[column]}


def profile_transactions(call: Call) -> Response:
    """Respond to `getLoyaltyProgramProfileLedgerTransactions`; its items have no import id."""
    program = call.state.program(call.path["loyaltyProgramId"])
    where = Where(call).visible().also("program = :program", program=program.id)
    where.also("profile = :profile", profile=call.path["integrationId"])
    return _page_of_points(call, where, _profile_item)


def card_transactions(call: Call) -> Response:
    """Respond to `getLoyaltyCardTransactionLogs`."""
    program = call.state.program(call.path["loyaltyProgramId"])
    card = call.state.card(program.id, call.path["loyaltyCardId"])
    where = Where(call).visible().also("program = :program AND card = :card")
    where.also("1", program=program.id, card=card["identifier"])
    return _page_of_points(call, where, _card_item)


def _profile_item(row: Any) -> dict[str, Any]:
    shown = _transaction(row)
    return {name: value for name, value in shown.items() if name not in ("importId", "customerProfileId")}


def _card_item(row: Any) -> dict[str, Any]:
    shown = _profile_item(row)
    return {name: value for name, value in shown.items() if name not in ("flags", "validityDuration")}


def deduct_from_profile(call: Call) -> Response:
    """Respond to `removeLoyaltyPoints`."""
    program = program_of_kind(call, card_based=False)
    profile = call.path["integrationId"]
    if not call.state.count("profile", integration_id=profile):
        raise ApiError(404, f"The profile {profile!r} does not exist.")
    return _deduct(call, program, "profile", profile)


def deduct_from_card(call: Call) -> Response:
    """Respond to `deductLoyaltyCardPoints`."""
    program = program_of_kind(call, card_based=True)
    return _deduct(call, program, "card", call.state.card(program.id, call.path["loyaltyCardId"])["identifier"])


def _deduct(call: Call, program: Program, column: str, owner: str) -> Response:
    """Take active points of one ledger, those that end first before the others; refuse more than it has."""
    points, name, subledger = _deduction(call)
    with call.state.database.writing() as connection:
        lots = connection.execute(
            f"SELECT id, coalesce(remaining, amount) AS rest FROM point WHERE program = ? AND {column} = ?"  # noqa: S608
            " AND subledger = ? AND kind = ? AND starts <= ? AND ends > ? ORDER BY ends, id",
            (program.id, owner, subledger, ADDITION, call.state.moment(), call.state.moment()),
        ).fetchall()
        if sum((Decimal(lot["rest"]) for lot in lots), ZERO) < points:
            raise ApiError(400, f"The submitted data was invalid: {plain(points)} points are not available")
        left = points
        for lot in lots:
            part = min(left, Decimal(lot["rest"]))
            left -= part
            connection.execute(
                "UPDATE point SET remaining = ? WHERE id = ?", (plain(Decimal(lot["rest"]) - part), lot["id"])
            )
        connection.execute(
            f"INSERT INTO point ({column}, program, subledger, kind, amount, reason, startdate, expirydate, starts,"  # noqa: S608
            " ends, validity, uuid, created, since)"
            " VALUES (?, ?, ?, ?, ?, ?, 'immediate', 'unlimited', ?, ?, '', ?, ?, 0)",
            (owner, program.id, subledger, SUBTRACTION, plain(points), name, call.state.moment(), FOREVER,
             str(uuid.uuid4()), iso_micro(call.state.now())),
        )  # fmt: skip
    return Response(status_code=204)


def _deduction(call: Call) -> tuple[Decimal, str, str]:
    """Return points, name and subledger of the body of a deduction, or refuse it with 400."""
    body = call.body if isinstance(call.body, dict) else {}
    points = body.get("points")
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 < points <= MOST:
        raise bad_field("/points", "points is a number above 0")
    texts = [body.get(name, "") for name in ("name", "subledgerId")]
    for name, text_ in zip(("name", "subledgerId"), texts, strict=True):
        if not isinstance(text_, str):
            raise bad_field(f"/{name}", f"{name} is a text")
    return Decimal(str(points)), texts[0], texts[1]


def importer(call: Call) -> Build:
    """Return the builder of the importer of a program's points; the sandbox sends no notifications."""
    return partial(Points, program=call.state.program(call.path["loyaltyProgramId"]).id)


RESOURCE = Resource(
    imports=(
        Operation(
            "importLoyaltyPoints",
            PROGRAM + "/import_points",
            importing(importer),
            parameters={"notificationsEnabled": boolean},
        ),
    ),
    reads=(
        Operation(
            "getLoyaltyProgramTransactions",
            PROGRAM + "/transactions",
            list_transactions,
            parameters=TYPED_TRANSACTIONS,
        ),
        Operation(
            "getLoyaltyProgramProfileLedgerTransactions",
            PROFILE + "/ledger_transactions",
            profile_transactions,
            parameters=TYPED_TRANSACTIONS,
        ),
        Operation("getLoyaltyCardTransactionLogs", CARD + "/logs", card_transactions, parameters=TRANSACTIONS),
    ),
    actions=(
        Operation("removeLoyaltyPoints", PROFILE + "/deduct_points", deduct_from_profile, method="PUT"),
        Operation("deductLoyaltyCardPoints", CARD + "/deduct_points", deduct_from_card, method="PUT"),
    ),
    tables="""
CREATE TABLE IF NOT EXISTS point (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT, program INTEGER, profile TEXT,
  card TEXT, subledger TEXT, amount TEXT, reason TEXT, startdate TEXT, expirydate TEXT, starts REAL, ends REAL,
  validity TEXT, importid INTEGER, created TEXT, since REAL);
CREATE INDEX IF NOT EXISTS point_by_program ON point (program, id);
CREATE INDEX IF NOT EXISTS point_by_profile ON point (profile);
CREATE INDEX IF NOT EXISTS point_by_card ON point (card);
""",
    columns=(("point", "kind", "TEXT DEFAULT 'addition'"), ("point", "remaining", "TEXT")),
)
