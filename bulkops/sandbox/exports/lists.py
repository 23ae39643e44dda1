"""Exports with a line per item: collections, audiences, campaign stores, store budgets, value maps."""

from collections.abc import Iterator

from starlette.responses import Response

from bulkops.sandbox.answers import cell, csv_response
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.exports.log import remember
from bulkops.sandbox.filters import Where


def _items(call: Call, table: str, owner: int, header: str) -> Response:
    where = Where(call).visible(versions=True).also("owner = :owner", owner=owner)
    query = f"SELECT item FROM {table} WHERE {where} ORDER BY id"  # noqa: S608

    def lines() -> Iterator[str]:
        yield f"{header}\n"
        for row in call.state.database.stream(query, where.values):
            yield f"{cell(row['item'])}\n"

    return csv_response(lines(), name=table)


def account_collection(call: Call) -> Response:
    """Answer `exportAccountCollectionItems`."""
    owner = call.state.account_collection(call.path["collectionId"]).id
    remember(call, "Collection")
    return _items(call, "collection_item", owner, "item")


def campaign_collection(call: Call) -> Response:
    """Answer `exportCollectionItems`."""
    path = call.path
    owner = call.state.campaign_collection(path["applicationId"], path["campaignId"], path["collectionId"]).id
    remember(call, "Collection")
    return _items(call, "collection_item", owner, "item")


def audience(call: Call) -> Response:
    """Answer `exportAudiencesMemberships`."""
    owner = call.state.audience(call.path["audienceId"]).id
    return _items(call, "audience_member", owner, "profileintegrationid")


def stores(call: Call) -> Response:
    """Answer `exportCampaignStores`."""
    owner = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    return _items(call, "campaign_store", owner, "store_integration_id")


def budget_filter(call: Call) -> Where:
    """Return the conditions of a campaign's budgets, with `action` and `period` where they are given."""
    owner = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    where = Where(call).visible(versions=True).also("owner = :owner", owner=owner)
    return where.equal("action", "action").equal("period", "period")


def budgets(call: Call) -> Response:
    """Answer `exportCampaignStoreBudgets`."""
    where = budget_filter(call)
    query = f"SELECT item, amount FROM store_budget WHERE {where} ORDER BY id"  # noqa: S608

    def lines() -> Iterator[str]:
        yield "store_integration_id,limit\n"
        for row in call.state.database.stream(query, where.values):
            yield f"{cell(row['item'])},{row['amount']}\n"

    return csv_response(lines(), name="store_budgets")


def value_map(call: Call) -> Response:
    """Answer `exportCampaignValueMap`."""
    path = call.path
    found = call.state.value_map(path["applicationId"], path["campaignId"], path["valueMapId"])
    lines = [f"{cell(name)},{value:g}\n" for name, value in found.values.items()]
    return csv_response(iter(["identifier,value\n", *lines]), name="value_map")
