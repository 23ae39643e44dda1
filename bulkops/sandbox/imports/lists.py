"""Imports that replace a list: collections, audiences, allowed values, campaign stores and their budgets."""

from decimal import Decimal
from typing import Any, ClassVar

from bulkops.sandbox.answers import ApiError
from bulkops.sandbox.cells import bad, number, plain, text
from bulkops.sandbox.csv_input import RowError
from bulkops.sandbox.imports.engine import Importer, Run, retire
from bulkops.sandbox.times import FOREVER

ITEM_LIMIT = 500_000


class Replacing(Importer):
    """Replaces the rows of one owner; the item is the first value of a row."""

    table: ClassVar[str]
    only = True
    replaces = True

    def __init__(self, run: Run, *, owner: int) -> None:
        super().__init__(run)
        self.owner = owner
        self.seen: set[str] = set()

    def begin(self) -> None:
        """Retire what the import replaces."""
        retire(self.run, self.table, "owner = :owner", {"owner": self.owner})

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        return (cells[0],)

    def judge(self, rows: list[tuple[Any, ...]]) -> dict[int, RowError | None]:
        """Refuse or skip what is there already, or twice in the file."""
        settings = self.run.assumptions
        verdicts: dict[int, RowError | None] = {}
        for position, row in enumerate(rows):
            item = row[0]
            if not item:
                empty = RowError("Invalid value", f"{self.required[0]}: a value is required")
                verdicts[position] = None if settings.empty_items == "skip" else empty
            elif item in self.seen and settings.list_duplicates != "keep":
                twice = RowError("Duplicate value", f"{self.required[0]}: {item!r} is twice in the file")
                verdicts[position] = None if settings.list_duplicates == "drop" else twice
            else:
                verdict = self.refusal(item)
                if verdict is not None:
                    verdicts[position] = verdict if verdict.details else None
            self.seen.add(item)
        return verdicts

    def refusal(self, item: str) -> RowError | None:  # noqa: ARG002 - for those that check items
        """Return why an item is refused; a reason without details skips it."""
        return None

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        self.run.connection.executemany(
            f"INSERT INTO {self.table} (item, owner, since, until) VALUES (?, ?, ?, ?)",  # noqa: S608
            [(*row, self.owner, self.run.since, FOREVER) for row in rows],
        )


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
        """Refuse what should have differed."""
        unchanged = self.before == self.seen
        if unchanged and self.run.assumptions.unchanged_collection == "error":
            raise ApiError(400, "Import Error: the file does not differ from the collection")


class AllowedValues(Replacing):
    """The allowed list of one attribute."""

    entity = "AttributeAllowedList"
    table = "allowed_item"
    required = ("item",)
    most = ITEM_LIMIT


class AudienceMembers(Replacing):
    """The members of one audience."""

    entity = "AudienceMembership"
    table = "audience_member"
    required = ("profileintegrationid",)

    def refusal(self, item: str) -> RowError | None:
        """Return why an item is refused."""
        if len(item) > 1000:
            return bad("profileintegrationid", "it is longer than 1000 characters")
        unknown = self.run.assumptions.unknown_member
        if unknown == "accept" or self.run.knows_profile(item):
            return None
        details = "" if unknown == "skip" else f"the profile {item!r} does not exist"
        return RowError("Invalid value", details)


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
        """Retire what the import replaces."""
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
