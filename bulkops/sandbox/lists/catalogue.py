"""What the world holds: Applications, campaigns, loyalty programs, attributes, audiences, exports made."""

import json
from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.answers import bad_parameter, json_response
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import Where, flag, listed, made_within, page
from bulkops.sandbox.state import ACCOUNT, USER
from bulkops.sandbox.world import Application, Attribute, Campaign, Program

MADE = "2026-01-01T00:00:00Z"
# Filters by what no campaign has here.
UNSET = ("tags", "campaignGroupId", "templateId", "startBefore", "startAfter", "endBefore", "endAfter")
CODES = {"validCharacters": ["A", "B", "C", "1", "2", "3"], "couponPattern": "SALES-####-####"}


def counted(call: Call, items: Iterable[Any], *, default: int = 1000) -> Response:
    """Answer one page of items with `totalResultSize`."""
    size, skip = page(call, default)
    found = list(items)
    return json_response({"totalResultSize": len(found), "data": found[skip : skip + size]})


def paged(call: Call, items: Iterable[Any]) -> Response:
    """Answer one page of items with `hasMore`, or with the total where it is asked for."""
    size, skip = page(call)
    found = list(items)
    body: dict[str, Any] = {"data": found[skip : skip + size]}
    if flag(call, "withTotalResultSize"):
        return json_response({"totalResultSize": len(found), **body})
    return json_response({"hasMore": len(found) > skip + size, **body})


def applications(call: Call) -> Response:
    """Answer `getApplications`."""
    return counted(call, (_application(call, each) for each in call.state.world.applications))


def application(call: Call) -> Response:
    """Answer `getApplication`."""
    return json_response(_application(call, call.state.application(call.path["applicationId"])))


def _application(call: Call, held: Application) -> dict[str, Any]:
    programs = [each for each in call.state.world.programs if held.id in each.applications]
    return {
        "id": held.id,
        "created": MADE,
        "modified": MADE,
        "accountId": ACCOUNT,
        "name": held.name,
        "timezone": held.timezone,
        "currency": held.currency,
        "caseSensitivity": held.case_sensitivity,
        "attributesSettings": {"mandatory": {"campaigns": [], "coupons": list(held.mandatory_coupon_attributes)}},
        "sandbox": held.sandbox,
        "loyaltyPrograms": [_program(each) for each in programs],
    }


def campaigns(call: Call) -> Response:
    """Answer `getCampaigns`."""
    number = call.state.application(call.path["applicationId"]).id
    state, name = call.query.get("campaignState"), call.query.get("name", "").lower()
    unset = any(call.query.get(parameter) for parameter in UNSET) or not made_within(call, MADE, "created")
    own = [each for each in call.state.world.campaigns if each.application == number and not unset]
    if "storeId" in call.query:
        linked = _campaigns_of_store(call, number, int(call.query["storeId"]))
        own = [each for each in own if each.id in linked]
    shown = [
        each
        for each in own
        if name in each.name.lower() and (not state or state == each.state or (state == "running" == _front(each)))
    ]
    return counted(call, (_campaign(call, each) for each in shown))


def _campaigns_of_store(call: Call, application: int, store: int) -> set[int]:
    """Return the ids of the campaigns that a store is linked to."""
    names = [name for name, number in call.state.stores.get(application, {}).items() if number == store]
    where = Where(call).visible(versions=True).also("item = :item", item=names[0] if names else "")
    rows = call.state.database.stream(f"SELECT owner FROM campaign_store WHERE {where}", where.values)  # noqa: S608
    return {row["owner"] for row in rows}


def campaign(call: Call) -> Response:
    """Answer `getCampaign`."""
    return json_response(_campaign(call, call.state.campaign(call.path["applicationId"], call.path["campaignId"])))


def _front(held: Campaign) -> str:
    return "running" if held.state == "enabled" else held.state


def _campaign(call: Call, held: Campaign) -> dict[str, Any]:
    where = Where(call).visible(versions=True).also("owner = :owner", owner=held.id)
    linked = list(call.state.database.stream(f"SELECT 1 FROM campaign_store WHERE {where} LIMIT 1", where.values))  # noqa: S608
    return {
        "id": held.id,
        "created": MADE,
        "applicationId": held.application,
        "userId": USER,
        "name": held.name,
        "description": "",
        "attributes": {},
        "state": held.state,
        "tags": [],
        "reevaluateOnReturn": False,
        "features": list(held.features),
        "couponSettings": CODES,
        "referralSettings": CODES,
        "limits": [],
        "campaignGroups": [],
        "type": "advanced",
        "linkedStoreIds": [],
        "budgets": [],
        "frontendState": _front(held),
        "storesImported": bool(linked),
        "valueMapsIds": [each.id for each in call.state.world.value_maps if each.campaign == held.id],
    }


def programs(call: Call) -> Response:
    """Answer `getLoyaltyPrograms`, which has no pages."""
    found = [_program(each) for each in call.state.world.programs]
    return json_response({"totalResultSize": len(found), "data": found})


def program(call: Call) -> Response:
    """Answer `getLoyaltyProgram`."""
    return json_response(_program(call.state.program(call.path["loyaltyProgramId"])))


def _program(held: Program) -> dict[str, Any]:
    origin = {"created": MADE, "programID": held.id, "programName": held.name, "programTitle": held.title}
    tiers = [
        {"id": held.id * 100 + place, **origin, "name": name, "minPoints": 100.0 * place}
        for place, name in enumerate(held.tiers)
    ]
    advanced: dict[str, Any] = {}
    if tiers:
        advanced = {
            "tiersExpirationPolicy": "tier_start_date",
            "tiersExpireIn": "1Y",
            "tiersDowngradePolicy": "one_down",
            "programJoinPolicy": "points_earned",
        }
    return {
        "id": held.id,
        "created": MADE,
        "accountID": ACCOUNT,
        "name": held.name,
        "title": held.title,
        "description": "",
        "subscribedApplications": list(held.applications),
        "defaultValidity": "unlimited",
        "defaultPending": "immediate",
        "allowSubledger": held.allow_subledger,
        "usersPerCardLimit": held.users_per_card,
        "sandbox": True,
        "timezone": held.timezone,
        "cardBased": held.card_based,
        "tiers": tiers,
        **advanced,
    }


def attributes(call: Call) -> Response:
    """Answer `getAttributes`; the filters entity, type, kind, applicationIds, search and loyaltyProgramIds work."""
    query = call.query
    kind = query.get("kind")
    applications_wanted = listed(call, "applicationIds")
    programs_wanted = listed(call, "loyaltyProgramIds")
    if applications_wanted and not all(each.isdigit() for each in applications_wanted):
        raise bad_parameter("applicationIds", "numbers are needed")
    if programs_wanted and query.get("entity") != "LoyaltyCard":
        raise bad_parameter("loyaltyProgramIds", "it goes with the entity LoyaltyCard only")
    shown = [
        each
        for each in call.state.world.attributes
        if kind != "builtin"
        and query.get("entity", each.entity) == each.entity
        and query.get("type", each.type) == each.type
        and query.get("search", "").lower() in each.name.lower()
        and (not programs_wanted or not each.programs or {str(number) for number in each.programs} & {*programs_wanted})
    ]
    return counted(call, (_attribute(call, each) for each in shown))


def attribute(call: Call) -> Response:
    """Answer `getAttribute`, which never shows the allowed list."""
    return json_response(_attribute(call, call.state.attribute(call.path["attributeId"])))


def _attribute(call: Call, held: Attribute) -> dict[str, Any]:
    return {
        "id": held.id,
        "created": MADE,
        "accountId": ACCOUNT,
        "entity": held.entity,
        "name": held.name,
        "title": held.name.replace("_", " ").capitalize(),
        "type": held.type,
        "description": "",
        "suggestions": list(held.suggestions),
        "hasAllowedList": held.allowed_list,
        "restrictedBySuggestions": held.restricted,
        "editable": True,
        "subscribedApplicationsIds": list(held.applications) or [each.id for each in call.state.world.applications],
        "subscribedCatalogsIds": [],
    }


def exports(call: Call) -> Response:
    """Answer `getExports`: the exports made here, newest first."""
    where = Where(call).equal("entity", "entity")
    where.number("applicationId", "application").number("campaignId", "campaign")
    rows = call.state.database.stream(f"SELECT * FROM export WHERE {where} ORDER BY id DESC", where.values)  # noqa: S608
    return counted(
        call,
        (
            {
                "id": row["id"],
                "created": row["created"],
                "accountId": ACCOUNT,
                "userId": USER,
                "entity": row["entity"],
                "filter": json.loads(row["filter"]),
            }
            for row in rows
        ),
    )
