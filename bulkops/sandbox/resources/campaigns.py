"""Campaigns of an Application: their list."""

from typing import Any

from starlette.responses import Response

from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import Where, made_within
from bulkops.sandbox.parameters import CAMPAIGN_STATES, PAGE, choice, free, integer, named, window
from bulkops.sandbox.resource import APPLICATION, CAMPAIGN, Operation, Resource
from bulkops.sandbox.responses import json_response
from bulkops.sandbox.shared.pages import MADE, counted
from bulkops.sandbox.state import USER
from bulkops.sandbox.world import Campaign

# Filters by properties that no campaign of the sandbox has.
UNSET = ("tags", "campaignGroupId", "templateId", "startBefore", "startAfter", "endBefore", "endAfter")
CODE_SETTINGS = {"validCharacters": ["A", "B", "C", "1", "2", "3"], "couponPattern": "SALES-####-####"}


def list_campaigns(call: Call) -> Response:
    """Respond to `getCampaigns`."""
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


def get_campaign(call: Call) -> Response:
    """Respond to `getCampaign`."""
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
        "couponSettings": CODE_SETTINGS,
        "referralSettings": CODE_SETTINGS,
        "limits": [],
        "campaignGroups": [],
        "type": "advanced",
        "linkedStoreIds": [],
        "budgets": [],
        "frontendState": _front(held),
        "storesImported": bool(linked),
        "valueMapsIds": [each.id for each in call.state.world.value_maps if each.campaign == held.id],
    }


RESOURCE = Resource(
    reads=(
        Operation(
            "getCampaigns",
            APPLICATION + "/campaigns",
            list_campaigns,
            parameters={
                **PAGE,
                **window("created", "start", "end"),
                **named(free, "name", "tags"),
                **named(integer, "campaignGroupId", "templateId", "storeId"),
                "campaignState": choice(*CAMPAIGN_STATES),
            },
        ),
        Operation("getCampaign", CAMPAIGN, get_campaign),
    ),
)
