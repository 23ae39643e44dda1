"""Lists of coupons and referrals, and the coupon deletion job."""

import json
from dataclasses import replace
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import Response

from bulkops.sandbox.answers import ApiError, json_response
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import Where, flag, page
from bulkops.sandbox.parameters import DELETION, check_fields
from bulkops.sandbox.times import iso, iso_micro


def _of_campaign(call: Call) -> Where:
    campaign = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    return Where(call).visible().also("campaign = :campaign", campaign=campaign)


def _rows(call: Call, table: str, where: Where) -> tuple[list[Any], bool]:
    """Return one page of rows and whether there are more."""
    size, skip = page(call)
    order = "id DESC" if call.query.get("sort", "").startswith("-") else "id"
    query = f"SELECT * FROM {table} WHERE {where} ORDER BY {order} LIMIT :size OFFSET :skip"  # noqa: S608
    rows = list(call.state.database.stream(query, {**where.values, "size": size + 1, "skip": skip}))
    return rows[:size], len(rows) > size


def _coupon_filters(call: Call) -> Where:
    where = _of_campaign(call).also("deleted = ''").code().between("created", "created")
    where.between("expires", "expirydate", stored=iso).between("starts", "startdate", stored=iso)
    where.valid().usable().equal("recipientIntegrationId", "recipient").equal("batchId", "batchid")
    return where.also("0") if "referralId" in call.query else where


def _given(**values: Any) -> dict[str, Any]:
    """Drop what is not set, as the API does with optional fields."""
    return {name: value for name, value in values.items() if value not in ("", None)}


def coupons(call: Call) -> Response:
    """Answer `getCouponsWithoutTotalCount`."""
    rows, more = _rows(call, "coupon", _coupon_filters(call))
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
        "usageCounter": 0,
        "discountCounter": 0,
        "reservationCounter": 0,
        "limits": [],
        "attributes": json.loads(row["attributes"]),
        "importId": row["importid"],
        "reservation": False,
        "isReservationMandatory": False,
        "implicitlyReserved": False,
        **_given(
            discountLimit=float(row["discountlimit"]) if row["discountlimit"] else None,
            startDate=row["startdate"],
            expiryDate=row["expirydate"],
            recipientIntegrationId=row["recipient"],
            batchId=row["batchid"],
        ),
    }


def referrals(call: Call) -> Response:
    """Answer `getReferralsWithoutTotalCount`."""
    where = _of_campaign(call).between("created", "created").valid().usable()
    where.code("code").equal("advocate", "advocate")
    rows, more = _rows(call, "referral", where)
    return json_response({"hasMore": more, "data": [_referral(row) for row in rows]})


def _referral(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "created": row["created"],
        "campaignId": row["campaign"],
        "advocateProfileIntegrationId": row["advocate"],
        "code": row["value"],
        "usageLimit": row["limitval"],
        "usageCounter": 0,
        "attributes": json.loads(row["attributes"]),
        "importId": row["importid"],
        "batchId": row["batchid"],
        **_given(startDate=row["startdate"], expiryDate=row["expirydate"]),
    }


def delete_coupons(call: Call) -> Response:
    """Answer `createCouponsDeletionJob`: the coupons that fit the filters are gone when it answers."""
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
