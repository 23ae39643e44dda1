"""Lists with items: collections, audiences, customer profiles, stores and store budgets."""

import json
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.answers import ApiError, bad_field, json_response
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.exports.lists import budget_filter
from bulkops.sandbox.filters import Where, number, page
from bulkops.sandbox.lists.catalogue import MADE, paged
from bulkops.sandbox.state import ACCOUNT, USER
from bulkops.sandbox.times import FOREVER
from bulkops.sandbox.world import Collection


def _items(call: Call, table: str, owner: int, size: int, skip: int) -> list[str]:
    where = Where(call).visible(versions=True).also("owner = :owner", owner=owner, size=size, skip=skip)
    if "profileQuery" in call.query:
        where.also("instr(item, :profile) > 0", profile=call.query["profileQuery"])
    query = f"SELECT item FROM {table} WHERE {where} ORDER BY id LIMIT :size OFFSET :skip"  # noqa: S608
    return [row["item"] for row in call.state.database.stream(query, where.values)]


def _collections(call: Call, kept: list[Collection]) -> Response:
    name = call.query.get("name", "").lower()
    return paged(call, (_collection(each) for each in kept if name in each.name.lower()))


def _collection(held: Collection) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": held.id,
        "created": MADE,
        "accountId": ACCOUNT,
        "modified": MADE,
        "name": held.name,
        "description": "",
        "createdBy": USER,
    }
    if held.campaign is None:
        return shown | {"subscribedApplicationsIds": [1]}
    return shown | {"applicationId": held.application or 1, "campaignId": held.campaign}


def account_collections(call: Call) -> Response:
    """Answer `listAccountCollections`."""
    return _collections(call, [each for each in call.state.world.collections if each.campaign is None])


def application_collections(call: Call) -> Response:
    """Answer `listCollectionsInApplication`: those of the account and of the Application's campaigns."""
    application = call.state.application(call.path["applicationId"]).id
    campaigns = {each.id for each in call.state.world.campaigns if each.application == application}
    kept = [each for each in call.state.world.collections if each.campaign is None or each.campaign in campaigns]
    return _collections(call, kept)


def campaign_collections(call: Call) -> Response:
    """Answer `listCollections`."""
    campaign = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    return _collections(call, [each for each in call.state.world.collections if each.campaign == campaign])


def account_collection(call: Call) -> Response:
    """Answer `getAccountCollection`, with at most 50 items."""
    held = call.state.account_collection(call.path["collectionId"])
    return json_response(_collection(held) | {"payload": _items(call, "collection_item", held.id, 50, 0)})


def campaign_collection(call: Call) -> Response:
    """Answer `getCollection`, with at most 50 items."""
    path = call.path
    held = call.state.campaign_collection(path["applicationId"], path["campaignId"], path["collectionId"])
    return json_response(_collection(held) | {"payload": _items(call, "collection_item", held.id, 50, 0)})


def collection_items(call: Call) -> Response:
    """Answer `getCollectionItems`, for collections of both levels."""
    owner = call.state.collection(call.path["collectionId"]).id
    size, skip = page(call)
    found = _items(call, "collection_item", owner, size + 1, skip)
    return json_response({"hasMore": len(found) > size, "data": [{"item": item} for item in found[:size]]})


def audiences(call: Call) -> Response:
    """Answer `getAudiences`."""
    return paged(
        call,
        (
            {
                "accountId": ACCOUNT,
                "id": each.id,
                "created": MADE,
                "name": each.name,
                "sandbox": True,
                "description": "",
                "subscribedApplicationsIds": [],
                "createdIn3rdParty": False,
            }
            for each in call.state.world.audiences
        ),
    )


def audience_members(call: Call) -> Response:
    """Answer `getAudienceMemberships`."""
    held = call.state.audience(call.path["audienceId"])
    size, skip = page(call)
    found = _items(call, "audience_member", held.id, size + 1, skip)
    audience = [{"id": held.id, "name": held.name}]
    data = [
        _profile(skip + place + 1, name, MADE) | {"audienceMemberships": audience} for place, name in enumerate(found)
    ]
    return json_response({"hasMore": len(found) > size, "data": data[:size]})


def _profile(number: int, name: str, created: str) -> dict[str, Any]:
    return {
        "id": number,
        "created": created,
        "integrationId": name,
        "attributes": {},
        "accountId": ACCOUNT,
        "closedSessions": 0,
        "totalSales": 0.0,
        "lastActivity": created,
        "sandbox": True,
    }


def search_customers(call: Call) -> Response:
    """Answer `getCustomersByAttributes`: which of the integration ids exist; all profiles are sandbox ones."""
    if not isinstance(call.body, dict):
        raise ApiError(400, "The submitted data was invalid: a JSON object is required")
    if not isinstance(call.body.get("attributes", {}), dict):
        raise bad_field("/attributes", "an object is required")
    wanted, numbers = _listed(call.body, "integrationIDs", str), _listed(call.body, "profileIDs", int)
    where = Where(call)
    if wanted:
        where.also("integration_id IN (SELECT value FROM json_each(:wanted))", wanted=json.dumps(wanted))
    if numbers:
        where.also("id IN (SELECT value FROM json_each(:numbers))", numbers=json.dumps(numbers))
    if call.body.get("attributes"):
        where.also("0")  # no profile has attributes here
    if call.state.assumptions.search_shows_imported == "no":
        where.also("NOT imported")
    size, skip = page(call)
    query = f"SELECT * FROM profile WHERE {where} ORDER BY id LIMIT :size OFFSET :skip"  # noqa: S608
    rows = list(call.state.database.stream(query, {**where.values, "size": size + 1, "skip": skip}))
    found = [_profile(row["id"], row["integration_id"], row["created"]) for row in rows[:size]]
    return json_response({"hasMore": len(rows) > size, "data": found})


def _listed(body: dict[str, Any], name: str, kind: type) -> list[Any]:
    """Return a list of a JSON body whose items all have one type; refuse anything else with 400."""
    found = body.get(name, [])
    if not isinstance(found, list) or any(type(each) is not kind for each in found):
        raise bad_field(f"/{name}", f"a list of the type {kind.__name__} is required")
    return found


def stores(call: Call) -> Response:
    """Answer `listStores`."""
    application = call.state.application(call.path["applicationId"]).id
    links: dict[str, list[int]] = {}
    where = Where(call).visible(versions=True)
    query = f"SELECT owner, item FROM campaign_store WHERE {where} ORDER BY id"  # noqa: S608
    for row in call.state.database.stream(query, where.values):
        links.setdefault(row["item"], []).append(row["owner"])
    campaign = number(call, "campaignId")
    asked, exact = call.query.get("query", "").lower(), call.query.get("integrationId")
    named = call.query.get("name", "").lower()
    return paged(
        call,
        (
            _store(store, name, application, links.get(name, []))
            for name, store in call.state.stores.get(application, {}).items()
            if exact in (None, "", name)
            and asked in name.lower()
            and named in name.lower()
            and (campaign is None or campaign in links.get(name, []))
        ),
    )


def _store(number: int, name: str, application: int, campaigns: list[int]) -> dict[str, Any]:
    return {
        "id": number,
        "created": MADE,
        "updated": MADE,
        "name": name,
        "description": "",
        "attributes": {},
        "integrationId": name,
        "applicationId": application,
        "linkedCampaignIds": campaigns,
    }


def disconnect_stores(call: Call) -> Response:
    """Answer `disconnectCampaignStores`."""
    owner = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    with call.state.database.writing() as connection:
        connection.execute("DELETE FROM campaign_store WHERE owner = ?", (owner,))
    return Response(status_code=204)


def budgets(call: Call) -> Response:
    """Answer `listCampaignStoreBudgetLimits`, whose limits are whole numbers."""
    known = call.state.stores.get(call.path["applicationId"], {})
    where = budget_filter(call)
    rows = call.state.database.stream(f"SELECT * FROM store_budget WHERE {where} ORDER BY id", where.values)  # noqa: S608
    data = [
        {
            "store": {"id": known.get(row["item"], 0), "integrationId": row["item"], "name": row["item"]},
            "limit": int(Decimal(row["amount"])),
            "action": row["action"],
            "period": row["period"],
        }
        for row in rows
    ]
    return json_response({"data": data})


def budget_summary(call: Call) -> Response:
    """Answer `summarizeCampaignStoreBudget`."""
    where = budget_filter(call)
    query = (
        f"SELECT action, period, count(*) AS stores FROM store_budget WHERE {where}"  # noqa: S608
        " GROUP BY action, period ORDER BY action, period"
    )
    rows = call.state.database.stream(query, where.values)
    data = [
        {"action": row["action"], "period": row["period"], "storeCount": row["stores"], "imported": True}
        for row in rows
    ]
    return json_response({"data": data})


def delete_budgets(call: Call) -> Response:
    """Answer `deleteCampaignStoreBudgets`; without `action` and `period`, all of the campaign's."""
    where = budget_filter(call).also("until = :forever", forever=FOREVER)
    with call.state.database.writing() as connection:
        connection.execute(f"DELETE FROM store_budget WHERE {where}", where.values)  # noqa: S608
    return Response(status_code=204)
