"""Code that coupons and referrals share: unique codes of a campaign, their filters and their pages."""

from typing import Any, ClassVar

from bulkops.sandbox.csv_input import RowError
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import (
    Where,
    page,
)
from bulkops.sandbox.import_engine import Importer, Run
from bulkops.sandbox.responses import ApiError
from bulkops.sandbox.world import Feature


class UniqueCodes(Importer):
    """Codes that must be unique in the scope of the assumptions; the code is the first value of a row."""

    table: ClassVar[str]
    sql: ClassVar[str]

    def __init__(self, run: Run, *, application: int, campaign: int, skip_duplicates: bool) -> None:
        super().__init__(run)
        settings = run.assumptions
        scopes = {"campaign": f"c{campaign}", "application": f"a{application}", "account": "all"}
        self.scope = scopes[settings.uniqueness]
        self.case = run.state.application(application).case_sensitivity
        self.skip_duplicates = skip_duplicates
        self.status = int(settings.duplicate_status)
        self.dates = run.instants()
        self.tail = (self.scope, application, campaign, run.import_id, run.batch_id(), run.created, run.since)

    def stored(self, code: str) -> str:
        """Return the code as the Application's case setting stores it."""
        if self.case == "insensitive-uppercase":
            return code.upper()
        return code.lower() if self.case == "insensitive-lowercase" else code

    def judge(self, rows: list[tuple[Any, ...]]) -> dict[int, RowError | None]:
        """Refuse or skip codes that exist already, or that the file repeats."""
        existing = self._existing([row[0] for row in rows])
        verdicts: dict[int, RowError | None] = {}
        for position, row in enumerate(rows):
            code = row[0]
            if code not in existing:
                existing[code] = self.run.import_id
                continue
            twice = existing[code] == self.run.import_id
            skipped = self.skip_duplicates and not (twice and self.run.assumptions.duplicates_in_file == "error")
            where = "twice in the file" if twice else "already there"
            details = f"{self.required[0]}: the code {code!r} is {where}"
            verdicts[position] = None if skipped else RowError("Duplicate value", details, self.status)
        return verdicts

    def _existing(self, codes: list[str]) -> dict[str, int]:
        """Return the codes that exist, each with the id of the import that created it."""
        existing: dict[str, int] = {}
        for start in range(0, len(codes), 500):
            part = codes[start : start + 500]
            marks = ",".join("?" * len(part))
            query = f"SELECT value, importid FROM {self.table} WHERE scope = ? AND value IN ({marks})"  # noqa: S608
            existing.update((row[0], row[1]) for row in self.run.connection.execute(query, (self.scope, *part)))
        return existing

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        self.run.connection.executemany(self.sql, [(*row, *self.tail) for row in rows])


def application_wide(call: Call) -> Where:
    """Return the conditions that the coupon and referral exports share."""
    application = call.state.application(call.path["applicationId"]).id
    where = Where(call).visible().also("application = :application", application=application)
    where.number("campaignId", "campaign").between("created", "created").valid().usable()
    return where.equal("batchId", "batchid")


def of_campaign(call: Call) -> Where:
    """Return the condition that keeps the rows of the campaign in the path."""
    campaign = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    return Where(call).visible().also("campaign = :campaign", campaign=campaign)


def rows_page(call: Call, table: str, where: Where) -> tuple[list[Any], bool]:
    """Return one page of rows and whether there are more."""
    size, skip = page(call)
    order = "id DESC" if call.query.get("sort", "").startswith("-") else "id"
    query = f"SELECT * FROM {table} WHERE {where} ORDER BY {order} LIMIT :size OFFSET :skip"  # noqa: S608
    rows = list(call.state.database.stream(query, {**where.values, "size": size + 1, "skip": skip}))
    return rows[:size], len(rows) > size


def given_fields(**values: Any) -> dict[str, Any]:
    """Return the fields that have a value; the API omits the others."""
    return {name: value for name, value in values.items() if value not in ("", None)}


def campaign_with(call: Call, feature: Feature) -> dict[str, Any]:
    """Return the campaign's ids; a campaign without the feature is refused with 400."""
    found = call.state.campaign(call.path["applicationId"], call.path["campaignId"])
    if feature not in found.features:
        raise ApiError(400, f"The campaign {found.id} does not have the feature {feature}.")
    return {"application": found.application, "campaign": found.id}
