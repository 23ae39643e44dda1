"""Coupons of a campaign: their import, export, list and deletion."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import Response

from bulkops.sandbox.cells import bad, number, plain, short, text, usage_limit
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import (
    Where,
    date_printer,
    flag,
    moment,
)
from bulkops.sandbox.import_engine import Run
from bulkops.sandbox.parameters import (
    CAMPAIGN_STATES,
    COUPONS,
    DATES,
    DELETION,
    SLICE,
    boolean,
    check_fields,
    choice,
    decimal,
    window,
)
from bulkops.sandbox.resource import APPLICATION, CAMPAIGN, Operation, Resource
from bulkops.sandbox.responses import ApiError, cell, csv_response, json_response, quoted
from bulkops.sandbox.shared.codes import (
    UniqueCodes,
    application_wide,
    campaign_with,
    given_fields,
    of_campaign,
    rows_page,
)
from bulkops.sandbox.shared.export_log import remember
from bulkops.sandbox.state import ACCOUNT
from bulkops.sandbox.times import iso, iso_micro

COUPON_SQL = """INSERT INTO coupon (value, expirydate, startdate, recipient, limitval, discountlimit, attributes,
  scope, application, campaign, importid, batchid, created, since)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
COUPON_HEADER = (
    "id,created,campaignid,value,expirydate,startdate,attributes,applicationid,deleted,deleted_changelogid,"
    "accountid,referralid,recipientintegrationid,importid,batchid,reservation,limits,limitval,counter,"
    "discount_counter,discount_limitval\n"
)
RUNNING = ("enabled", "running")


class Coupons(UniqueCodes):
    """Coupons of one campaign."""

    entity = "Coupon"
    table = "coupon"
    sql = COUPON_SQL
    required = ("value",)
    optional = ("expirydate", "startdate", "recipientintegrationid", "limitval", "discountlimit", "attributes")

    def __init__(self, run: Run, *, application: int, campaign: int, skip_duplicates: bool) -> None:
        super().__init__(run, application=application, campaign=campaign, skip_duplicates=skip_duplicates)
        settings = run.assumptions
        mandatory: tuple[str, ...] = ()
        if settings.mandatory_attributes == "enforced":
            mandatory = run.state.application(application).mandatory_coupon_attributes
        self.attributes = run.attributes("Coupon", mandatory=mandatory)
        self.least = 3 if settings.short_codes == "import_text" else 4
        self.check_recipients = settings.unknown_recipient == "refuse"
        if settings.coupon_batch == "none":
            self.tail = (*self.tail[:4], "", *self.tail[5:])

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        value, expiry, start, recipient, limit, discount, attributes = cells
        code = self.stored(text("value", value, least=self.least))
        ends = self.dates.expiry("expirydate", expiry)
        starts = self.dates.read("startdate", start)
        self.dates.in_order(starts, ends, "expirydate")
        short("recipientintegrationid", recipient, most=1000)
        if recipient and self.check_recipients and not self.run.knows_profile(recipient):
            raise bad("recipientintegrationid", f"the profile {recipient!r} does not exist")
        most = discount and plain(number("discountlimit", discount, least=Decimal(0), most=Decimal("1e15")))
        return code, ends, starts, recipient, usage_limit(limit), most, self.attributes.read(attributes)


def export_coupons(call: Call) -> Response:
    """Respond to `exportCoupons`."""
    where = application_wide(call).code().equal("recipientIntegrationId", "recipient")
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
            f'{row["importid"]},{row["batchid"]},,"[]",{row["limitval"]},{row["counter"]},0,'
            f"{row['discountlimit'] or no_limit}\n"
        )


def _coupon_filters(call: Call) -> Where:
    where = of_campaign(call).also("deleted = ''").code().between("created", "created")
    where.between("expires", "expirydate", stored=iso).between("starts", "startdate", stored=iso)
    where.valid().usable().equal("recipientIntegrationId", "recipient").equal("batchId", "batchid")
    return where.also("0") if "referralId" in call.query else where


def list_coupons(call: Call) -> Response:
    """Respond to `getCouponsWithoutTotalCount`."""
    rows, more = rows_page(call, "coupon", _coupon_filters(call))
    if flag(call, "valuesOnly"):
        return json_response({"hasMore": more, "data": [{"value": row["value"]} for row in rows]})
    return json_response({"hasMore": more, "data": [_coupon(row) for row in rows]})


def _coupon(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "created": row["created"],
        "campaignId": row["campaign"],
        "value": row["value"],
        "usageLimit": row["limitval"],
        "usageCounter": row["counter"],
        "discountCounter": 0,
        "reservationCounter": 0,
        "limits": [],
        "attributes": json.loads(row["attributes"]),
        "importId": row["importid"],
        "reservation": False,
        "isReservationMandatory": False,
        "implicitlyReserved": False,
        **given_fields(
            discountLimit=float(row["discountlimit"]) if row["discountlimit"] else None,
            startDate=row["startdate"],
            expiryDate=row["expirydate"],
            recipientIntegrationId=row["recipient"],
            batchId=row["batchid"],
        ),
    }


def delete_coupon(call: Call) -> Response:
    """Respond to `deleteCoupon`."""
    campaign = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    with call.state.database.writing() as connection:
        deleted = connection.execute(
            "UPDATE coupon SET deleted = :now, scope = NULL WHERE id = :id AND campaign = :campaign AND deleted = ''",
            {"now": iso_micro(call.state.now()), "id": call.path["couponId"], "campaign": campaign},
        )
    if not deleted.rowcount:
        raise ApiError(404, f"The coupon {call.path['couponId']} does not exist.")
    return Response(status_code=204)


def delete_coupons(call: Call) -> Response:
    """Respond to `createCouponsDeletionJob`: the matching coupons are deleted before the response."""
    filters = call.body.get("filters") if isinstance(call.body, dict) else None
    if not isinstance(filters, dict):
        raise ApiError(400, "The submitted data was invalid: filters are needed")
    asked = replace(call, query=QueryParams(check_fields(DELETION, filters, "/filters")))
    where = _coupon_filters(asked)
    with call.state.database.writing() as connection:
        job = connection.execute("INSERT INTO export (created, entity) VALUES (?, '')", (iso_micro(call.state.now()),))
        connection.execute("DELETE FROM export WHERE id = ?", (job.lastrowid,))
        connection.execute(
            f"UPDATE coupon SET deleted = :deleted, scope = NULL WHERE {where}",  # noqa: S608
            {**where.values, "deleted": iso_micro(call.state.now())},
        )
    return json_response({"id": job.lastrowid}, 202)


def importer(call: Call) -> Build:
    """Return the builder of the importer of a campaign's coupons."""
    return partial(Coupons, **campaign_with(call, "coupons"), skip_duplicates=flag(call, "skipDuplicates"))


RESOURCE = Resource(
    imports=(
        Operation(
            "importCoupons",
            CAMPAIGN + "/import_coupons",
            importing(importer),
            parameters={"skipDuplicates": boolean},
        ),
    ),
    exports=(
        Operation(
            "exportCoupons",
            APPLICATION + "/export_coupons",
            export_coupons,
            parameters={
                **COUPONS,
                **DATES,
                **window("deleted"),
                "campaignId": decimal,
                "campaignState": choice(*CAMPAIGN_STATES),
            },
        ),
    ),
    reads=(
        Operation(
            "getCouponsWithoutTotalCount",
            CAMPAIGN + "/coupons/no_total",
            list_coupons,
            parameters={**COUPONS, **SLICE, **window("expires", "starts"), "redeemed": boolean},
        ),
    ),
    actions=(
        Operation("deleteCoupon", CAMPAIGN + "/coupons/{couponId}", delete_coupon, method="DELETE"),
        Operation("createCouponsDeletionJob", CAMPAIGN + "/coupons_deletion_jobs", delete_coupons, method="POST"),
    ),
    tables="""
CREATE TABLE IF NOT EXISTS coupon (id INTEGER PRIMARY KEY AUTOINCREMENT, application INTEGER, campaign INTEGER,
  scope TEXT, value TEXT, expirydate TEXT, startdate TEXT, recipient TEXT, limitval INTEGER, discountlimit TEXT,
  attributes TEXT, importid INTEGER, batchid TEXT, created TEXT, deleted TEXT DEFAULT '', since REAL,
  UNIQUE (scope, value));
""",
    columns=(("coupon", "counter", "INTEGER DEFAULT 0"),),
)
