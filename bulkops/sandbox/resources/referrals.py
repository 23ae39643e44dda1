"""Referral codes of a campaign: their import, export, list and deletion."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.cells import bad, text, usage_limit
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import (
    Where,
    date_printer,
)
from bulkops.sandbox.import_engine import Run
from bulkops.sandbox.parameters import (
    CODES,
    DATES,
    PAGE,
    decimal,
    free,
    named,
)
from bulkops.sandbox.resource import APPLICATION, CAMPAIGN, Operation, Resource
from bulkops.sandbox.responses import ApiError, cell, csv_response, json_response, quoted
from bulkops.sandbox.shared.codes import (
    UniqueCodes,
    application_wide,
    campaign_with,
    given_fields,
    of_campaign,
    rows_page,
)
from bulkops.sandbox.shared.export_log import remember

REFERRAL_SQL = """INSERT INTO referral (value, advocate, startdate, expirydate, limitval, attributes,
  scope, application, campaign, importid, batchid, created, since)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
REFERRAL_HEADER = (
    "id,created,campaignid,advocateprofileintegrationid,friendprofileintegrationid,startdate,expirydate,code,"
    "importid,attributes,batchid,counter,limitval\n"
)


class Referrals(UniqueCodes):
    """Referral codes of one campaign."""

    entity = "Referral"
    table = "referral"
    sql = REFERRAL_SQL
    required = ("code", "advocateprofileintegrationid")
    optional = ("startdate", "expirydate", "limitval", "attributes")

    def __init__(self, run: Run, *, application: int, campaign: int) -> None:
        super().__init__(run, application=application, campaign=campaign, skip_duplicates=False)
        self.attributes = run.attributes("Referral")
        self.check_advocates = run.assumptions.unknown_advocate == "refuse"
        if run.assumptions.referral_case == "as_sent":
            self.case = "sensitive"

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        value, advocate, start, expiry, limit, attributes = cells
        code = self.stored(text("code", value, least=4))
        text("advocateprofileintegrationid", advocate, most=1000)
        if self.check_advocates and not self.run.knows_profile(advocate):
            raise bad("advocateprofileintegrationid", f"the profile {advocate!r} does not exist")
        starts = self.dates.read("startdate", start)
        ends = self.dates.expiry("expirydate", expiry)
        self.dates.in_order(starts, ends, "expirydate")
        return code, advocate, starts, ends, usage_limit(limit), self.attributes.read(attributes)


def export_referrals(call: Call) -> Response:
    """Respond to `exportReferrals`."""
    where = application_wide(call)
    remember(call, "Referral")
    return csv_response(_referral_lines(call, where), name="referrals")


def _referral_lines(call: Call, where: Where) -> Iterator[str]:
    shown = date_printer(call, sample="excel")
    yield REFERRAL_HEADER
    for row in call.state.database.stream(f"SELECT * FROM referral WHERE {where} ORDER BY id", where.values):  # noqa: S608
        yield (
            f"{row['id']},{shown(row['created'])},{row['campaign']},{cell(row['advocate'])},,"
            f"{shown(row['startdate'])},{shown(row['expirydate'])},{cell(row['value'])},{row['importid']},"
            f"{quoted(row['attributes'])},{row['batchid']},{row['counter']},{row['limitval']}\n"
        )


def list_referrals(call: Call) -> Response:
    """Respond to `getReferralsWithoutTotalCount`."""
    where = of_campaign(call).between("created", "created").valid().usable()
    where.code("code").equal("advocate", "advocate")
    rows, more = rows_page(call, "referral", where)
    return json_response({"hasMore": more, "data": [_referral(row) for row in rows]})


def _referral(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "created": row["created"],
        "campaignId": row["campaign"],
        "advocateProfileIntegrationId": row["advocate"],
        "code": row["value"],
        "usageLimit": row["limitval"],
        "usageCounter": row["counter"],
        "attributes": json.loads(row["attributes"]),
        "importId": row["importid"],
        "batchId": row["batchid"],
        **given_fields(startDate=row["startdate"], expiryDate=row["expirydate"]),
    }


def delete_referral(call: Call) -> Response:
    """Respond to `deleteReferral`."""
    campaign = call.state.campaign(call.path["applicationId"], call.path["campaignId"]).id
    with call.state.database.writing() as connection:
        row = (call.path["referralId"], campaign)
        deleted = connection.execute("DELETE FROM referral WHERE id = ? AND campaign = ?", row)
    if not deleted.rowcount:
        raise ApiError(404, f"The referral {call.path['referralId']} does not exist.")
    return Response(status_code=204)


def importer(call: Call) -> Build:
    """Return the builder of the importer of a campaign's referrals."""
    return partial(Referrals, **campaign_with(call, "referrals"))


RESOURCE = Resource(
    imports=(Operation("importReferrals", CAMPAIGN + "/import_referrals", importing(importer)),),
    exports=(
        Operation(
            "exportReferrals",
            APPLICATION + "/export_referrals",
            export_referrals,
            parameters={**CODES, **DATES, "campaignId": decimal, "batchId": free},
        ),
    ),
    reads=(
        Operation(
            "getReferralsWithoutTotalCount",
            CAMPAIGN + "/referrals/no_total",
            list_referrals,
            parameters={**CODES, **PAGE, **named(free, "code", "advocate")},
        ),
    ),
    actions=(Operation("deleteReferral", CAMPAIGN + "/referrals/{referralId}", delete_referral, method="DELETE"),),
    tables="""
CREATE TABLE IF NOT EXISTS referral (id INTEGER PRIMARY KEY AUTOINCREMENT, application INTEGER, campaign INTEGER,
  scope TEXT, value TEXT, advocate TEXT, startdate TEXT, expirydate TEXT, limitval INTEGER, attributes TEXT,
  importid INTEGER, batchid TEXT, created TEXT, since REAL, UNIQUE (scope, value));
""",
    columns=(("referral", "counter", "INTEGER DEFAULT 0"),),
)
