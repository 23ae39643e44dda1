"""Ledgers of a loyalty program: the exports of balances and of transaction logs."""

import json
from collections.abc import Iterator

from starlette.responses import Response

from bulkops.sandbox.balances import Balance, balances
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import (
    Where,
    date_printer,
    listed,
    moment,
    needed_moment,
)
from bulkops.sandbox.parameters import BALANCES as BALANCE_PARAMETERS
from bulkops.sandbox.parameters import (
    LEDGER,
    free,
)
from bulkops.sandbox.resource import CARD, PROFILE, PROGRAM, Operation, Resource
from bulkops.sandbox.resources.cards import stored_cards
from bulkops.sandbox.resources.programs import program_of_kind
from bulkops.sandbox.resources.tiers import stored_tiers
from bulkops.sandbox.responses import bad_parameter, cell, csv_response
from bulkops.sandbox.shared.export_log import remember
from bulkops.sandbox.times import iso_micro, seconds
from bulkops.sandbox.world import Program

BALANCES = ("currentBalance", "pendingBalance", "expiredBalance", "spentBalance")
LEDGER_COLUMNS = (
    "customersessionid,rulesetid,rulename,programid,type,name,subledgerid,startdate,expirydate,id,created,"
    "amount,archived,campaignid,flags,transactionuuid,validityduration\n"
)


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
        f"SELECT {owner} AS owner, subledger, amount, kind, remaining, starts, ends FROM point WHERE {where}"  # noqa: S608
        " ORDER BY owner, subledger"
    )
    now = seconds(at) if at else call.state.moment()
    yield from balances(call.state.database.stream(query, where.values), now)


def export_customer_balances(call: Call) -> Response:
    """Respond to `exportLoyaltyBalances` and the deprecated `exportLoyaltyBalance`."""
    program = program_of_kind(call, card_based=False)
    wanted = _wanted(call, (*BALANCES, "negativeBalance"))
    remember(call, "LoyaltyLedger")
    tiers = {(row["profile"], row["subledger"]): row["tiername"] for row in stored_tiers(call, program.id)}

    def lines() -> Iterator[str]:
        yield "loyaltyProgramID,loyaltySubledger,profileIntegrationID," + ",".join(BALANCES) + ",currentTier\n"
        for held in _balances(call, program, "profile"):
            shown = [f"{held.current:.2f}"]
            rest = zip(BALANCES[1:], (held.pending, held.expired, held.spent), strict=True)
            shown += [f"{amount:.2f}" if name in wanted else "" for name, amount in rest]
            tier = tiers.get((held.owner, held.subledger), "")
            start = f"{program.id},{cell(held.subledger)},{cell(held.owner)}"
            yield f"{start},{','.join(shown)},{cell(tier)}\n"

    return csv_response(lines(), name="customer_balances")


def export_card_balances(call: Call) -> Response:
    """Respond to `exportLoyaltyCardBalances`; the documented row has one field more than its header."""
    program = program_of_kind(call, card_based=True)
    wanted = _wanted(call, BALANCES)
    states = {row["identifier"]: row["status"] for row in stored_cards(call, program.id)}
    extra = call.state.assumptions.card_balance_fields == "9"

    def lines() -> Iterator[str]:
        yield "loyaltyProgramID,loyaltySubledger,cardIdentifier,cardState," + ",".join(BALANCES) + "\n"
        for held in _balances(call, program, "card"):
            rest = zip(BALANCES[1:], (held.pending, held.expired, held.spent), strict=True)
            shown = [f"{held.current:f}"] + [f"{amount:f}" if name in wanted else "" for name, amount in rest]
            if extra:
                shown.insert(-1, "0")
            start = f"{program.id},{cell(held.subledger)},{cell(held.owner)},{states.get(held.owner, '')}"
            yield f"{start},{','.join(shown)}\n"

    return csv_response(lines(), name="card_balances")


def _log(call: Call, owner: str, value: str, header: str) -> Response:
    program = program_of_kind(call, card_based=owner == "card")
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
                f"{cell(value)},,,,{program.id},{row['kind']},{cell(row['reason'])},{cell(row['subledger'])},"
                f"{words[0]},{words[1]},{row['id']},{shown(row['created'])},{float(row['amount']):.2f},false,,,"
                f'{row["uuid"]},"{row["validity"]}"\n'
            )

    return csv_response(lines(), name="transaction_log")


def export_customer_log(call: Call) -> Response:
    """Respond to `exportLoyaltyLedger`."""
    return _log(call, "profile", call.path["integrationId"], "customerprofileid")


def export_card_log(call: Call) -> Response:
    """Respond to `exportLoyaltyCardLedger` with the columns of the customer log: its own are not documented."""
    identifier = call.path["loyaltyCardId"]
    call.state.card(program_of_kind(call, card_based=True).id, identifier)
    return _log(call, "card", identifier, "cardidentifier")


RESOURCE = Resource(
    exports=(
        Operation(
            "exportLoyaltyCardBalances",
            PROGRAM + "/export_card_balances",
            export_card_balances,
            parameters=BALANCE_PARAMETERS,
        ),
        Operation("exportLoyaltyCardLedger", CARD + "/export_log", export_card_log, parameters=LEDGER),
        Operation(
            "exportLoyaltyBalances",
            PROGRAM + "/export_customer_balances",
            export_customer_balances,
            parameters={**BALANCE_PARAMETERS, "subledgerIds": free},
        ),
        Operation(
            "exportLoyaltyBalance",
            PROGRAM + "/export_customer_balance",
            export_customer_balances,
            parameters=BALANCE_PARAMETERS,
        ),
        Operation("exportLoyaltyLedger", PROFILE + "/export_log", export_customer_log, parameters=LEDGER),
    ),
)
