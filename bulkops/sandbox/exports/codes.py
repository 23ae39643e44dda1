"""Exports of coupons, referrals and giveaways."""

from collections.abc import Iterator

from starlette.responses import Response

from bulkops.sandbox.answers import cell, csv_response, quoted
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.exports.log import remember
from bulkops.sandbox.filters import Where, date_printer, flag, moment
from bulkops.sandbox.state import ACCOUNT
from bulkops.sandbox.times import iso_micro

COUPON_HEADER = (
    "id,created,campaignid,value,expirydate,startdate,attributes,applicationid,deleted,deleted_changelogid,"
    "accountid,referralid,recipientintegrationid,importid,batchid,reservation,limits,limitval,counter,"
    "discount_counter,discount_limitval\n"
)
REFERRAL_HEADER = (
    "id,created,campaignid,advocateprofileintegrationid,friendprofileintegrationid,startdate,expirydate,code,"
    "importid,attributes,batchid,counter,limitval\n"
)
GIVEAWAY_HEADER = "id,poolid,code,startdate,enddate,attributes,used,importid,created,profileintegrationid,profileid\n"
RUNNING = ("enabled", "running")


def _application_wide(call: Call) -> Where:
    """Return the conditions that the coupon and referral exports share."""
    application = call.state.application(call.path["applicationId"]).id
    where = Where(call).visible().also("application = :application", application=application)
    where.number("campaignId", "campaign").between("created", "created").valid().usable()
    return where.equal("batchId", "batchid")


def coupons(call: Call) -> Response:
    """Answer `exportCoupons`."""
    where = _application_wide(call).code().equal("recipientIntegrationId", "recipient")
    if "referralId" in call.query:
        where.also("0")
    _of_campaigns_in_state(call, where)
    _deleted(call, where)
    query = f"SELECT * FROM coupon WHERE {where} ORDER BY {_order(call)}"  # noqa: S608
    remember(call, "Coupon")
    lines = _coupon_values if flag(call, "valuesOnly") else _coupon_lines
    return csv_response(lines(call, query, where), name="coupons")


def _order(call: Call) -> str:
    columns = {"id": "id", "created": "created", "value": "value", "expirydate": "expirydate", "startdate": "startdate"}
    given = call.query.get("sort", "id")
    column = columns.get(given.lstrip("-").lower(), "id")
    return f"{column} DESC, id DESC" if given.startswith("-") else f"{column}, id"


def _of_campaigns_in_state(call: Call, where: Where) -> None:
    """Apply `campaignState`; an enabled campaign without dates is running."""
    wanted = call.query.get("campaignState")
    if not wanted:
        return
    states = {each.id: each.state for each in call.state.world.campaigns}
    kept = [number for number, state in states.items() if state == wanted or (state == "enabled" and wanted in RUNNING)]
    where.also(f"campaign IN ({','.join(map(str, kept)) or 'NULL'})")


def _deleted(call: Call, where: Where) -> None:
    """Show coupons that are not deleted, or with `deletedBefore`/`deletedAfter` those that are."""
    if moment(call, "deletedBefore") or moment(call, "deletedAfter"):
        where.between("deleted", "deleted")
    elif call.state.assumptions.deleted_coupons == "hidden":
        where.also("deleted = ''")


def _coupon_values(call: Call, query: str, where: Where) -> Iterator[str]:
    yield "value\n"
    for row in call.state.database.stream(query, where.values):
        yield f"{cell(row['value'])}\n"


def _coupon_lines(call: Call, query: str, where: Where) -> Iterator[str]:
    shown = date_printer(call, sample="ISO8601")
    alive = {"blank": "", "false": "false", "zero_time": "0001-01-01T00:00:00Z"}[call.state.assumptions.deleted_mark]
    no_limit = "0" if call.state.assumptions.no_discount_limit == "0" else ""
    yield COUPON_HEADER
    for row in call.state.database.stream(query, where.values):
        yield (
            f"{row['id']},{shown(row['created'])},{row['campaign']},{cell(row['value'])},"
            f"{shown(row['expirydate'])},{shown(row['startdate'])},{quoted(row['attributes'])},"
            f"{row['application']},{shown(row['deleted']) or alive},0,{ACCOUNT},,{cell(row['recipient'])},"
            f'{row["importid"]},{row["batchid"]},,"[]",{row["limitval"]},0,0,'
            f"{row['discountlimit'] or no_limit}\n"
        )


def referrals(call: Call) -> Response:
    """Answer `exportReferrals`."""
    where = _application_wide(call)
    remember(call, "Referral")
    return csv_response(_referral_lines(call, where), name="referrals")


def _referral_lines(call: Call, where: Where) -> Iterator[str]:
    shown = date_printer(call, sample="excel")
    yield REFERRAL_HEADER
    for row in call.state.database.stream(f"SELECT * FROM referral WHERE {where} ORDER BY id", where.values):  # noqa: S608
        yield (
            f"{row['id']},{shown(row['created'])},{row['campaign']},{cell(row['advocate'])},,"
            f"{shown(row['startdate'])},{shown(row['expirydate'])},{cell(row['value'])},{row['importid']},"
            f"{quoted(row['attributes'])},{row['batchid']},0,{row['limitval']}\n"
        )


def giveaways(call: Call) -> Response:
    """Answer `exportPoolGiveaways`; its dates have no `dateFormat`."""
    pool = call.path["poolId"]
    call.state.pool(pool)
    where = Where(call).visible().also("pool = :pool", pool=pool)
    where.between("created", "created", stored=iso_micro)
    return csv_response(_giveaway_lines(call, where), name="giveaways")


def _second(stored: str) -> str:
    return f"{stored[:19]}Z" if stored else ""


def _giveaway_lines(call: Call, where: Where) -> Iterator[str]:
    yield GIVEAWAY_HEADER
    for row in call.state.database.stream(f"SELECT * FROM giveaway WHERE {where} ORDER BY id", where.values):  # noqa: S608
        yield (
            f"{row['id']},{row['pool']},{cell(row['code'])},{_second(row['startdate'])},"
            f"{_second(row['enddate'])},{quoted(row['attributes'])},false,{row['importid']},"
            f"{_second(row['created'])},,\n"
        )
