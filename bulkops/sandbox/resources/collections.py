"""Collections of the account and of campaigns: the import and export of their items, and their lists."""

from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import page
from bulkops.sandbox.import_engine import Run
from bulkops.sandbox.parameters import LIST, SLICE, free
from bulkops.sandbox.resource import APPLICATION, CAMPAIGN, Operation, Resource
from bulkops.sandbox.responses import ApiError, json_response
from bulkops.sandbox.shared.export_log import remember
from bulkops.sandbox.shared.items import ITEM_LIMIT, Replacing, exported_items, listed_items
from bulkops.sandbox.shared.pages import MADE, paged
from bulkops.sandbox.state import ACCOUNT, USER
from bulkops.sandbox.times import FOREVER
from bulkops.sandbox.world import Collection


class CollectionItems(Replacing):
    """The items of one collection."""

    entity = "Collection"
    table = "collection_item"
    required = ("item",)
    most = ITEM_LIMIT

    def __init__(self, run: Run, *, owner: int) -> None:
        super().__init__(run, owner=owner)
        query = "SELECT item FROM collection_item WHERE owner = ? AND until = ?"
        self.before = {row[0] for row in run.connection.execute(query, (owner, FOREVER))}

    def finish(self) -> None:
        """Refuse a file that equals the stored collection, if the assumptions say so."""
        unchanged = self.before == self.seen
        if unchanged and self.run.assumptions.unchanged_collection == "error":
            raise ApiError(400, "Import Error: the file does not differ from the collection")


def export_account_collection(call: Call) -> Response:
    """Respond to `exportAccountCollectionItems`."""
    owner = call.state.account_collection(call.path["collectionId"]).id
    remember(call, "Collection")
    return exported_items(call, "collection_item", owner, "item")


def export_campaign_collection(call: Call) -> Response:
    """Respond to `exportCollectionItems`."""
    path = call.path
    owner = call.state.campaign_collection(path["applicationId"], path["campaignId"], path["collectionId"]).id
    remember(call, "Collection")
    return exported_items(call, "collection_item", owner, "item")


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


def list_account_collections(call: Call) -> Response:
    """Respond to `listAccountCollections`."""
    return _collections(call, [each for each in call.state.world.collections if each.campaign is None])


def list_application_collections(call: Call) -> Response:
    """Respond to `listCollectionsInApplication`: those of the account and of the Application's campaigns."""
    application = call.state.application(call.path["applicationId"]).id
    campaigns = {each.id for each in call.state.world.campaigns if each.application == application}
    kept = [each for each in call.state.world.collections if each.campaign is None or each.campaign in campaigns]
    return _collections(call, kept)


def list_campaign_collections(call: Call) -> Response:
    """Respond to `listCollections`."""
    campaign = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    return _collections(call, [each for each in call.state.world.collections if each.campaign == campaign])


def get_account_collection(call: Call) -> Response:
    """Respond to `getAccountCollection`, with at most 50 items."""
    held = call.state.account_collection(call.path["collectionId"])
    return json_response(_collection(held) | {"payload": listed_items(call, "collection_item", held.id, 50, 0)})


def get_campaign_collection(call: Call) -> Response:
    """Respond to `getCollection`, with at most 50 items."""
    path = call.path
    held = call.state.campaign_collection(path["applicationId"], path["campaignId"], path["collectionId"])
    return json_response(_collection(held) | {"payload": listed_items(call, "collection_item", held.id, 50, 0)})


def list_items(call: Call) -> Response:
    """Respond to `getCollectionItems`, for collections of both levels."""
    owner = call.state.collection(call.path["collectionId"]).id
    size, skip = page(call)
    found = listed_items(call, "collection_item", owner, size + 1, skip)
    return json_response({"hasMore": len(found) > size, "data": [{"item": item} for item in found[:size]]})


def account_importer(call: Call) -> Build:
    """Return the builder of the importer of a collection of the account."""
    return partial(CollectionItems, owner=call.state.account_collection(call.path["collectionId"]).id)


def campaign_importer(call: Call) -> Build:
    """Return a function that builds the importer for a collection of a campaign."""
    path = call.path
    found = call.state.campaign_collection(path["applicationId"], path["campaignId"], path["collectionId"])
    return partial(CollectionItems, owner=found.id)


RESOURCE = Resource(
    imports=(
        Operation("importAccountCollection", "/v1/collections/{collectionId}/import", importing(account_importer)),
        Operation("importCollection", CAMPAIGN + "/collections/{collectionId}/import", importing(campaign_importer)),
    ),
    exports=(
        Operation("exportAccountCollectionItems", "/v1/collections/{collectionId}/export", export_account_collection),
        Operation("exportCollectionItems", CAMPAIGN + "/collections/{collectionId}/export", export_campaign_collection),
    ),
    reads=(
        Operation(
            "listAccountCollections",
            "/v1/collections",
            list_account_collections,
            parameters={**LIST, "name": free},
        ),
        Operation(
            "listCollectionsInApplication",
            APPLICATION + "/collections",
            list_application_collections,
            parameters={**LIST, "name": free},
        ),
        Operation(
            "listCollections",
            CAMPAIGN + "/collections",
            list_campaign_collections,
            parameters={**LIST, "name": free},
        ),
        Operation("getAccountCollection", "/v1/collections/{collectionId}", get_account_collection),
        Operation("getCollection", CAMPAIGN + "/collections/{collectionId}", get_campaign_collection),
        Operation("getCollectionItems", "/v1/collections/{collectionId}/items", list_items, parameters=SLICE),
    ),
    tables="""
CREATE TABLE IF NOT EXISTS collection_item (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, since REAL,
  until REAL);
CREATE INDEX IF NOT EXISTS collection_item_by_owner ON collection_item (owner);
""",
)
