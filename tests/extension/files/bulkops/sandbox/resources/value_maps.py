"""Value maps of a campaign: their import and export."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.cells import number, plain, text
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import Where
from bulkops.sandbox.resource import CAMPAIGN, Operation, Resource
from bulkops.sandbox.responses import cell, csv_response
from bulkops.sandbox.shared.items import Replacing
from bulkops.sandbox.times import FOREVER
from bulkops.sandbox.world import ValueMap

VALUE_MAP = CAMPAIGN + "/value_maps/{valueMapId}"


class ValueMapItems(Replacing):
    """The items of one value map."""

    entity = "ValueMap"
    table = "value_map_item"
    required = ("identifier", "value")

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        identifier, value = cells
        return identifier, plain(number("value", text("value", value), least=Decimal("-1e15"), most=Decimal("1e15")))

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        self.run.connection.executemany(
            "INSERT INTO value_map_item (item, value, owner, since, until) VALUES (?, ?, ?, ?, ?)",
            [(*row, self.owner, self.run.since, FOREVER) for row in rows],
        )


def _found(call: Call) -> ValueMap:
    path = call.path
    return call.state.value_map(path["applicationId"], path["campaignId"], path["valueMapId"])


def importer(call: Call) -> Build:
    """Return what builds the importer of a value map's items."""
    return partial(ValueMapItems, owner=_found(call).id)


def export_value_map(call: Call) -> Response:
    """Respond to `exportCampaignValueMap`: the imported items, or those of the world before the first import."""
    held = _found(call)
    where = Where(call).visible(versions=True).also("owner = :owner", owner=held.id)
    query = f"SELECT item, value FROM value_map_item WHERE {where} ORDER BY id"
    rows = [(row["item"], row["value"]) for row in call.state.database.stream(query, where.values)]

    def lines() -> Iterator[str]:
        yield "identifier,value\n"
        for name, value in rows or held.values.items():
            yield f"{cell(name)},{value}\n"

    return csv_response(lines(), name="value_map")


RESOURCE = Resource(
    imports=(Operation("importCampaignValueMap", VALUE_MAP + "/import", importing(importer), plain_errors=(400,)),),
    exports=(Operation("exportCampaignValueMap", VALUE_MAP + "/export", export_value_map, json_errors=(404,)),),
    tables="""
CREATE TABLE IF NOT EXISTS value_map_item (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, value TEXT,
  since REAL, until REAL);
""",
)
