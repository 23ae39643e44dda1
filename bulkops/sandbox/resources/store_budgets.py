"""Budgets of a campaign's stores: their import, export, lists and deletion."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.cells import number, plain, text
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import (
    Where,
)
from bulkops.sandbox.import_engine import Run, retire
from bulkops.sandbox.parameters import (
    ACTIONS,
    BUDGETS,
    PERIODS,
)
from bulkops.sandbox.resource import CAMPAIGN, Operation, Resource
from bulkops.sandbox.resources.stores import CampaignStores, stores_of_campaign
from bulkops.sandbox.responses import cell, csv_response, json_response
from bulkops.sandbox.times import FOREVER


class StoreBudgets(CampaignStores):
    """The budgets of a campaign's stores for one action and period."""

    entity = "CampaignStoreBudget"
    table = "store_budget"
    required: tuple[str, ...] = ("store_integration_id", "limit")

    def __init__(self, run: Run, *, owner: int, application: int, action: str, period: str) -> None:
        super().__init__(run, owner=owner, application=application)
        self.action = action
        self.period = period
        if run.assumptions.budget_store_linked == "needed":
            query = "SELECT item FROM campaign_store WHERE owner = ? AND until = ?"
            linked = {row[0] for row in run.connection.execute(query, (owner, FOREVER))}
            self.stores = {name: number for name, number in self.stores.items() if name in linked}

    def begin(self) -> None:
        """End the budgets that the import replaces."""
        where = "owner = :owner"
        if self.run.assumptions.budget_scope == "action_period":
            where += " AND action = :action AND period = :period"
        key = {"owner": self.owner, "action": self.action, "period": self.period}
        retire(self.run, self.table, where, key)

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        store, limit = cells
        amount = number("limit", text("limit", limit), least=Decimal(0), most=Decimal("1e15"))
        return store, plain(amount)

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        tail = (self.owner, self.action, self.period, self.run.since, FOREVER)
        self.run.connection.executemany(
            "INSERT INTO store_budget (item, amount, owner, action, period, since, until) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(*row, *tail) for row in rows],
        )


def budget_filter(call: Call) -> Where:
    """Return the conditions of a campaign's budgets, with `action` and `period` where they are given."""
    owner = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    where = Where(call).visible(versions=True).also("owner = :owner", owner=owner)
    return where.equal("action", "action").equal("period", "period")


def export_budgets(call: Call) -> Response:
    """Respond to `exportCampaignStoreBudgets`."""
    where = budget_filter(call)
    query = f"SELECT item, amount FROM store_budget WHERE {where} ORDER BY id"  # noqa: S608

    def lines() -> Iterator[str]:
        yield "store_integration_id,limit\n"
        for row in call.state.database.stream(query, where.values):
            yield f"{cell(row['item'])},{row['amount']}\n"

    return csv_response(lines(), name="store_budgets")


def list_budgets(call: Call) -> Response:
    """Respond to `listCampaignStoreBudgetLimits`; its limits are whole numbers."""
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
    """Respond to `summarizeCampaignStoreBudget`."""
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
    """Respond to `deleteCampaignStoreBudgets`; without `action` and `period`, all of the campaign's."""
    where = budget_filter(call).also("until = :forever", forever=FOREVER)
    with call.state.database.writing() as connection:
        connection.execute(f"DELETE FROM store_budget WHERE {where}", where.values)  # noqa: S608
    return Response(status_code=204)


def importer(call: Call) -> Build:
    """Return the builder of the importer of a campaign's store budgets, by default its overall discount budget."""
    action = call.query.get("action", ACTIONS[0])
    period = call.query.get("period", PERIODS[0])
    return partial(StoreBudgets, **stores_of_campaign(call), action=action, period=period)


PATH = CAMPAIGN + "/stores/budgets"

RESOURCE = Resource(
    imports=(
        Operation(
            "importCampaignStoreBudget",
            PATH + "/import",
            importing(importer, 201),
            parameters=BUDGETS,
            plain_errors=(400,),
        ),
    ),
    exports=(
        Operation(
            "exportCampaignStoreBudgets",
            PATH + "/export",
            export_budgets,
            parameters=BUDGETS,
            plain_errors=(400, 401, 404),
        ),
    ),
    reads=(
        Operation(
            "listCampaignStoreBudgetLimits",
            PATH,
            list_budgets,
            parameters=BUDGETS,
            plain_errors=(400, 401, 404),
        ),
        Operation("summarizeCampaignStoreBudget", PATH + "/summary", budget_summary, plain_errors=(400, 401, 404)),
    ),
    actions=(
        Operation(
            "deleteCampaignStoreBudgets",
            PATH,
            delete_budgets,
            parameters=BUDGETS,
            plain_errors=(400,),
            method="DELETE",
        ),
    ),
    tables="""
CREATE TABLE IF NOT EXISTS store_budget (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, action TEXT,
  period TEXT, amount TEXT, since REAL, until REAL);
""",
)
