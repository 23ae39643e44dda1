"""Stores of a campaign: their import, export, list and disconnection."""

from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.cells import bad
from bulkops.sandbox.csv_input import RowError
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import Where, given_number
from bulkops.sandbox.import_engine import Run
from bulkops.sandbox.parameters import LIST, decimal, free, named
from bulkops.sandbox.resource import APPLICATION, CAMPAIGN, Operation, Resource
from bulkops.sandbox.shared.items import Replacing, exported_items
from bulkops.sandbox.shared.pages import MADE, paged


class CampaignStores(Replacing):
    """The stores linked to one campaign; they must exist in its Application."""

    entity = "CampaignStore"
    table = "campaign_store"
    required: tuple[str, ...] = ("store_integration_id",)

    def __init__(self, run: Run, *, owner: int, application: int) -> None:
        super().__init__(run, owner=owner)
        self.stores = run.state.stores.get(application, {})

    def refusal(self, item: str) -> RowError | None:
        """Return why an item is refused."""
        if item not in self.stores:
            return bad("store_integration_id", f"the store {item!r} does not exist")
        return None


def export_stores(call: Call) -> Response:
    """Respond to `exportCampaignStores`."""
    owner = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    return exported_items(call, "campaign_store", owner, "store_integration_id")


def list_stores(call: Call) -> Response:
    """Respond to `listStores`."""
    application = call.state.application(call.path["applicationId"]).id
    links: dict[str, list[int]] = {}
    where = Where(call).visible(versions=True)
    query = f"SELECT owner, item FROM campaign_store WHERE {where} ORDER BY id"  # noqa: S608
    for row in call.state.database.stream(query, where.values):
        links.setdefault(row["item"], []).append(row["owner"])
    campaign = given_number(call, "campaignId")
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
    """Respond to `disconnectCampaignStores`."""
    owner = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    with call.state.database.writing() as connection:
        connection.execute("DELETE FROM campaign_store WHERE owner = ?", (owner,))
    return Response(status_code=204)


def stores_of_campaign(call: Call) -> dict[str, Any]:
    """Return the ids of the campaign and of its Application, as an importer of stores takes them."""
    found = call.state.campaign(call.path["applicationId"], call.path["campaignId"])
    return {"owner": found.id, "application": found.application}


def importer(call: Call) -> Build:
    """Return the builder of the importer of a campaign's stores."""
    return partial(CampaignStores, **stores_of_campaign(call))


RESOURCE = Resource(
    imports=(Operation("importCampaignStores", CAMPAIGN + "/stores/import", importing(importer), plain_errors=(400,)),),
    exports=(Operation("exportCampaignStores", CAMPAIGN + "/stores/export", export_stores, plain_errors=(400,)),),
    reads=(
        Operation(
            "listStores",
            APPLICATION + "/stores",
            list_stores,
            parameters={**LIST, **named(free, "name", "integrationId", "query"), "campaignId": decimal},
        ),
    ),
    actions=(
        Operation(
            "disconnectCampaignStores", CAMPAIGN + "/stores", disconnect_stores, plain_errors=(400,), method="DELETE"
        ),
    ),
    tables="""
CREATE TABLE IF NOT EXISTS campaign_store (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, since REAL,
  until REAL);
""",
)
