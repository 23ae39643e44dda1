"""Exports of loyalty programs: balances, tiers, join dates, cards and transaction logs."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.answers import ApiError, bad_parameter, cell, csv_response, quoted
from bulkops.sandbox.balances import ZERO, Balance, balances
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.exports.log import remember
from bulkops.sandbox.filters import Where, date_printer, listed, moment, needed_moment
from bulkops.sandbox.times import iso_micro, seconds
from bulkops.sandbox.world import Program

BALANCES = ("currentBalance", "pendingBalance", "expiredBalance", "spentBalance")
LEDGER_COLUMNS = (
    "customersessionid,rulesetid,rulename,programid,type,name,subledgerid,startdate,expirydate,id,created,"
    "amount,archived,campaignid,flags,transactionuuid,validityduration\n"
)


def _program(call: Call, *, card_based: bool) -> Program:
    """Return the program of a path; one of the other kind is refused with 400."""
    found = call.state.program(call.path["loyaltyProgramId"])
    if found.card_based != card_based:
        raise ApiError(400, f"The loyalty program {found.id} is {'not ' if card_based else ''}card-based.")
    return found


def _wanted(call: Call, known: tuple[str, ...]) -> set[str]:
    given = listed(call, "balances")
    unknown = [name for name in given or () if name not in known]
    if unknown:
        raise bad_parameter("balances", f"{unknown[0]!r} is not supported")
    return set(BALANCES if given is None else given)


def _balances(call: Call, program: Program, owner: str) -> Iterator[Balance]:
    """Yield the balances of a program before `endDate`; `owner` is the column with the owner.

    `subledgerIds` keeps some subledgers; an empty text among them is the main ledger.
    """
    at = moment(call, "endDate")
    where = Where(call).visible().also("program = :program", program=program.id)
    if at:
        where.also("created <= :at", at=iso_micro(at))
    wanted = listed(call, "subledgerIds")
    if wanted is not None:
        where.also("subledger IN (SELECT value FROM json_each(:subledgers))", subledgers=json.dumps(wanted))
    query = (
        f"SELECT {owner} AS owner, subledger, amount, starts, ends FROM point WHERE {where}"  # noqa: S608
        " ORDER BY owner, subledger"
    )
    now = seconds(at) if at else call.state.moment()
    yield from balances(call.state.database.stream(query, where.values), now)


def customer_balances(call: Call) -> Response:
    """Answer `exportLoyaltyBalances` and the deprecated `exportLoyaltyBalance`."""
    program = _program(call, card_based=False)
    wanted = _wanted(call, (*BALANCES, "negativeBalance"))
    remember(call, "LoyaltyLedger")
    tiers = {(row["profile"], row["subledger"]): row["tiername"] for row in _tiers(call, program.id)}

    def lines() -> Iterator[str]:
        yield "loyaltyProgramID,loyaltySubledger,profileIntegrationID," + ",".join(BALANCES) + ",currentTier\n"
        for held in _balances(call, program, "profile"):
            shown = [f"{held.current:.2f}"]
            rest = zip(BALANCES[1:], (held.pending, held.expired, ZERO), strict=True)
            shown += [f"{amount:.2f}" if name in wanted else "" for name, amount in rest]
            tier = tiers.get((held.owner, held.subledger), "")
            start = f"{program.id},{cell(held.subledger)},{cell(held.owner)}"
            yield f"{start},{','.join(shown)},{cell(tier)}\n"

    return csv_response(lines(), name="customer_balances")


def card_balances(call: Call) -> Response:
    """Answer `exportLoyaltyCardBalances`, whose sample row has one field more than its header."""
    program = _program(call, card_based=True)
    wanted = _wanted(call, BALANCES)
    states = {row["identifier"]: row["status"] for row in _cards(call, program.id)}
    extra = call.state.assumptions.card_balance_fields == "9"

    def lines() -> Iterator[str]:
        yield "loyaltyProgramID,loyaltySubledger,cardIdentifier,cardState," + ",".join(BALANCES) + "\n"
        for held in _balances(call, program, "card"):
            rest = zip(BALANCES[1:], (held.pending, held.expired, ZERO), strict=True)
            shown = [f"{held.current:f}"] + [f"{amount:f}" if name in wanted else "" for name, amount in rest]
            if extra:
                shown.insert(-1, "0")
            start = f"{program.id},{cell(held.subledger)},{cell(held.owner)},{states.get(held.owner, '')}"
            yield f"{start},{','.join(shown)}\n"

    return csv_response(lines(), name="card_balances")


def _tiers(call: Call, program: int) -> Iterator[Any]:
    where = Where(call).visible(versions=True).also("program = :program", program=program)
    return call.state.database.stream(f"SELECT * FROM tier WHERE {where} ORDER BY id", where.values)  # noqa: S608


def _cards(call: Call, program: int) -> Iterator[Any]:
    where = Where(call).visible(versions=True).also("program = :program", program=program)
    return call.state.database.stream(f"SELECT * FROM card WHERE {where} ORDER BY id", where.values)  # noqa: S608


def tiers(call: Call) -> Response:
    """Answer `exportCustomersTiers`."""
    program = _program(call, card_based=False)
    subledgers, names = listed(call, "subledgerIds"), listed(call, "tierNames")
    sample = call.state.assumptions.tier_dates == "sample"

    def shown(stored: str) -> str:
        return stored + "00:00" if sample and stored else stored

    def lines() -> Iterator[str]:
        yield "programid,subledgerid,customerprofileid,tiername,startdate,expirydate\n"
        for row in _tiers(call, program.id):
            if (subledgers and row["subledger"] not in subledgers) or (names and row["tiername"] not in names):
                continue
            yield (
                f"{program.id},{cell(row['subledger'])},{cell(row['profile'])},{cell(row['tiername'])},"
                f"{shown(row['startdate'])},{shown(row['expirydate'])}\n"
            )

    return csv_response(lines(), name="customers_tiers")


def join_dates(call: Call) -> Response:
    """Answer `exportLoyaltyJoinDates`."""
    program = _program(call, card_based=False)
    where = Where(call).visible(versions=True).also("program = :program", program=program.id)

    def lines() -> Iterator[str]:
        yield "loyaltyProgramID,profileIntegrationID,joinDate\n"
        query = f"SELECT profile, joined FROM join_date WHERE {where} ORDER BY id"  # noqa: S608
        for row in call.state.database.stream(query, where.values):
            yield f"{program.id},{cell(row['profile'])},{row['joined']}\n"

    return csv_response(lines(), name="join_dates")


def cards(call: Call) -> Response:
    """Answer `exportLoyaltyCards`; the sample prints lists and JSON without CSV quoting."""
    program = _program(call, card_based=True)
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


def _log(call: Call, owner: str, value: str, header: str) -> Response:
    program = _program(call, card_based=owner == "card")
    start, end = needed_moment(call, "rangeStart"), needed_moment(call, "rangeEnd")
    where = Where(call).visible().also("program = :program", program=program.id)
    where.also(f"{owner} = :owner", owner=value)
    where.also("created > :start AND created < :end", start=iso_micro(start), end=iso_micro(end))
    shown = date_printer(call, sample="excel")
    remember(call, "LoyaltyLedgerLog")

    def lines() -> Iterator[str]:
        yield f"{header},{LEDGER_COLUMNS}"
        for row in call.state.database.stream(f"SELECT * FROM point WHERE {where} ORDER BY id", where.values):  # noqa: S608
            words = [row[name] if row[name][:1].isalpha() else shown(row[name]) for name in ("startdate", "expirydate")]
            yield (
                f"{cell(value)},,,,{program.id},addition,{cell(row['reason'])},{cell(row['subledger'])},"
                f"{words[0]},{words[1]},{row['id']},{shown(row['created'])},{float(row['amount']):.2f},false,,,"
                f'{row["uuid"]},"{row["validity"]}"\n'
            )

    return csv_response(lines(), name="transaction_log")


def customer_log(call: Call) -> Response:
    """Answer `exportLoyaltyLedger`."""
    return _log(call, "profile", call.path["integrationId"], "customerprofileid")


def card_log(call: Call) -> Response:
    """Answer `exportLoyaltyCardLedger`, whose columns are not documented: those of the customer log."""
    identifier = call.path["loyaltyCardId"]
    call.state.card(_program(call, card_based=True).id, identifier)
    return _log(call, "card", identifier, "cardidentifier")
