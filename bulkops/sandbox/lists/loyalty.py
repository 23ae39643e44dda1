"""Lists of loyalty programs: transactions and cards."""

import json
import uuid
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.answers import ApiError, bad_parameter, json_response
from bulkops.sandbox.balances import Balance, balances
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import Where, moment, page
from bulkops.sandbox.parameters import SLICE
from bulkops.sandbox.times import iso_micro
from bulkops.sandbox.world import Program


def transactions(call: Call) -> Response:
    """Answer `getLoyaltyProgramTransactions`; every transaction here is an imported addition."""
    program = call.state.program(call.path["loyaltyProgramId"])
    where = Where(call).visible().also("program = :program", program=program.id)
    if call.state.assumptions.unfiltered_transactions == "last_50" and not call.query.keys() - SLICE.keys():
        where.also("id IN (SELECT id FROM point WHERE program = :program AND since <= :now ORDER BY id DESC LIMIT 50)")
    return _page_of_points(call, where, _transaction)


def _filtered(call: Call, where: Where) -> None:
    """Apply the filters that the lists of transactions share."""
    if call.query.get("loyaltyTransactionType") in ("manual", "session") or "customerSessionIDs" in call.query:
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
        "type": "addition",
        "amount": _amount(row["amount"]),
        "name": row["reason"],
        "startDate": row["startdate"],
        "expiryDate": row["expirydate"],
        "subledgerId": row["subledger"],
        "importId": row["importid"],
        "flags": {"createsNegativeBalance": False},
    }
    optional = {"customerProfileId": "profile", "cardIdentifier": "card", "validityDuration": "validity"}
    return shown | {name: row[column] for name, column in optional.items() if row[column]}


def profile_transactions(call: Call) -> Response:
    """Answer `getLoyaltyProgramProfileLedgerTransactions`, whose items carry no import id."""
    program = call.state.program(call.path["loyaltyProgramId"])
    where = Where(call).visible().also("program = :program", program=program.id)
    where.also("profile = :profile", profile=call.path["integrationId"])
    return _page_of_points(call, where, _profile_item)


def card_transactions(call: Call) -> Response:
    """Answer `getLoyaltyCardTransactionLogs`."""
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


def cards(call: Call) -> Response:
    """Answer `getLoyaltyCards`."""
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


def card(call: Call) -> Response:
    """Answer `getLoyaltyCard`."""
    program = call.state.program(call.path["loyaltyProgramId"])
    where = Where(call).visible(versions=True).also("program = :program AND identifier = :identifier")
    values = {**where.values, "program": program.id, "identifier": call.path["loyaltyCardId"]}
    rows = list(call.state.database.stream(f"SELECT * FROM card WHERE {where}", values))  # noqa: S608
    if not rows:
        raise ApiError(404, f"The card {call.path['loyaltyCardId']!r} does not exist.")
    return json_response(_card(call, program, rows[0]))


def _card(call: Call, program: Program, row: Any) -> dict[str, Any]:
    query = (
        "SELECT card AS owner, subledger, amount, starts, ends FROM point"
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
    current, pending, expired = (held.current, held.pending, held.expired) if held else (0, 0, 0)
    return {
        "currentBalance": float(current),
        "pendingBalance": float(pending),
        "expiredBalance": float(expired),
        "spentBalance": 0.0,
        "tentativeCurrentBalance": float(current),
        "tentativePendingBalance": float(pending),
    }
