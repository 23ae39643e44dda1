"""Exports and lists: their filters, date forms, paging and documented quirks."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.sandbox import client as at
from tests.unit.sandbox.client import talking

EXPORT = f"{at.APPLICATION}/export_coupons"


class Clock:
    """A wall clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_coupon_filters_return_the_rows_of_their_descriptions() -> None:
    clock = Clock()
    with talking(now=clock) as client:
        header = "value,startdate,expirydate,recipientintegrationid"
        client.upload(at.COUPONS, header, "AB-c1,,,", "OLD1,,2020-01-01T00:00:00Z,", "NEW1,2030-01-01T00:00:00Z,,bob")
        clock.now += timedelta(hours=1)
        client.upload(at.COUPONS, "value", "LATER")

        def values(**params: str) -> list[str]:
            from_export = [row["value"] for row in client.table(EXPORT, **params)]
            listed = client.get(f"{at.CAMPAIGN}/coupons/no_total", params=params).json()["data"]
            assert [each["value"] for each in listed] == from_export
            return from_export

        assert values() == ["AB-c1", "OLD1", "NEW1", "LATER"]
        assert values(value="abc") == ["AB-c1"]
        assert values(value="a-B-C1", exactMatch="true") == []
        assert values(value="ab-C1", exactMatch="true") == ["AB-c1"]
        assert values(valid="expired") == ["OLD1"]
        assert values(valid="validNow") == ["AB-c1", "LATER"]
        assert values(valid="validFuture") == ["NEW1"]
        assert values(usable="false") == []
        assert values(recipientIntegrationId="bob") == ["NEW1"]
        assert values(createdAfter="2026-06-01T14:30:00+02:00") == ["LATER"]
        assert values(createdBefore="2026-06-01T12:30:00Z", createdAfter="2026-06-01") == ["AB-c1", "OLD1", "NEW1"]
        batch = client.table(EXPORT, value="later")[0]["batchid"]
        assert values(batchId=batch) == ["LATER"]
        assert client.table(EXPORT, sort="-id", campaignState="running")[0]["value"] == "LATER"
        assert client.table(EXPORT, campaignId="9") == client.table(EXPORT, campaignState="archived") == []
        assert client.get(EXPORT, params={"valuesOnly": "true"}).text == "value\nAB-c1\nOLD1\nNEW1\nLATER\n"


def test_created_filters_are_exclusive_or_inclusive() -> None:
    clock = Clock()
    with talking(now=clock) as client:
        client.upload(at.COUPONS, "value", "CODE1")
        at_once = {"createdAfter": "2026-06-01T12:00:00Z"}
        assert client.table(EXPORT, **at_once) == []
        client.sandbox.set_assumptions("created_bounds=inclusive")
        assert len(client.table(EXPORT, **at_once)) == 1


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"createdAfter": "yesterday"}, "createdAfter"),
        ({"valid": "maybe"}, "valid"),
        ({"dateFormat": "unix"}, "dateFormat"),
        ({"campaignId": "x"}, "campaignId"),
        ({"exactMatch": "maybe", "value": "x"}, "exactMatch"),
    ],
)
def test_an_invalid_parameter_is_400_and_named(params: dict[str, str], name: str) -> None:
    with talking() as client:
        answer = client.get(EXPORT, params=params)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["source"] == {"parameter": name}


def test_dates_are_printed_in_the_form_asked_for() -> None:
    with talking(now=Clock()) as client:
        client.upload(at.COUPONS, "value", "CODE1")
        client.upload(at.REFERRALS, "code,advocateprofileintegrationid", "CODE1,customer-0001")
        client.upload(at.LOYALTY_CARDS, "identifier,state", "CARD-1,active")
        referrals, cards = f"{at.APPLICATION}/export_referrals", f"{at.CARDS}/cards/export"
        iso, spaced = "2026-06-01T12:00:00Z", "2026-06-01 12:00:00"
        assert client.table(EXPORT)[0]["created"] == iso
        assert client.table(EXPORT, dateFormat="excel")[0]["created"] == spaced
        assert client.table(referrals)[0]["created"] == spaced
        assert client.table(referrals, dateFormat="ISO8601")[0]["created"] == iso
        assert client.table(cards)[-1]["created"] == "2026-06-01T12:00:00.000000Z"
        client.sandbox.set_assumptions("default_date_format=excel", "excel_dates=slashes")
        assert client.table(EXPORT)[0]["created"] == "06/01/2026 12:00:00"


def test_the_card_export_prints_owners_as_the_sample_does() -> None:
    with talking() as client:
        client.upload(
            at.LOYALTY_CARDS,
            "identifier,state,customerprofileids,attributes",
            'CARD-ONE,active,profile1,"{""priority"": 17}"',
            'CARD-TWO,inactive,a;b,"{""category"": ""x"", ""vip"": true}"',
        )
        export = f"{at.CARDS}/cards/export"
        one, two = client.table(export)[-2:]
        assert one["customerprofileids"] == "['profile1']"
        assert (two["customerprofileids"], two["status"]) == ("['a', 'b']", "inactive")
        assert two["attributes"] == '{"vip": true, "category": "x"}'
        client.sandbox.set_assumptions("card_cells=raw")
        lines = client.get(export).text.splitlines()
        assert lines[-2].split(",")[4:] == ["['profile1']", "", "false", one["batchid"], '{"priority": 17}']
        assert lines[-1].endswith(',{"vip": true, "category": "x"}')


def test_a_card_balance_has_the_ninth_field_of_the_sample() -> None:
    with talking() as client:
        client.upload(at.CARD_POINTS, "identifier,amount", "CARD-0001,10")
        export = f"{at.CARDS}/export_card_balances"
        assert client.get(export).text.splitlines()[1] == "2,,CARD-0001,active,10,0,0,0,0"
        client.sandbox.set_assumptions("card_balance_fields=8")
        assert client.get(export).text.splitlines()[1] == "2,,CARD-0001,active,10,0,0,0"
        assert client.get(export, params={"balances": "negativeBalance"}).status_code == 400


def test_transactions_are_paged_filtered_and_carry_the_import_id() -> None:
    clock = Clock()
    with talking(now=clock, assumptions=["unfiltered_transactions=all"]) as client:
        client.upload(at.POINTS, "customerprofileid,amount", *(f"c,{number}" for number in range(1, 61)))
        clock.now += timedelta(minutes=5)
        client.upload(at.POINTS, "customerprofileid,amount,subledgerid,startdate", "c,0.25,side,on_action")
        path = f"{at.PROGRAM}/transactions"

        def page(**params: str | int) -> dict[str, object]:
            return dict(client.get(path, params=params).json())

        def amounts(**params: str | int) -> list[float]:
            return [each["amount"] for each in client.get(path, params=params).json()["data"]]

        assert len(amounts()) == 50
        assert page(pageSize=61)["hasMore"] is False
        assert page(pageSize=60)["hasMore"] is True
        assert amounts(pageSize=2) == [0.25, 60]
        assert amounts(pageSize=2, skip=59) == [2, 1]
        assert amounts(subledgerId="side") == amounts(awaitsActivation="true") == [0.25]
        assert amounts(loyaltyTransactionType="manual") == []
        assert amounts(startDate="2026-06-01T12:01:00Z", loyaltyTransactionType="import") == [0.25]
        assert amounts(endDate="2026-06-01T12:01:00Z", pageSize=1) == [60]
        newest = client.get(path).json()["data"][0]
        assert (newest["importId"], newest["name"], newest["type"]) == (2, "", "addition")
        assert amounts(transactionUUIDs=newest["transactionUUID"]) == [0.25]
        for bad in ({"awaitsActivation": "false"}, {"pageSize": 1001}, {"pageSize": 0}):
            assert client.get(path, params=bad).status_code == 400
        client.sandbox.set_assumptions("transaction_order=oldest_first")
        assert amounts(pageSize=1) == [1]


def test_the_logs_of_a_profile_and_a_card_need_a_range() -> None:
    with talking() as client:
        client.upload(at.POINTS, "customerprofileid,amount,reason", 'a/b c,5,"x, y"')
        client.upload(at.CARD_POINTS, "identifier,amount", "CARD-0001,7")
        span = {"rangeStart": "2000-01-01", "rangeEnd": "2100-01-01T00:00:00Z"}
        row = client.table(f"{at.PROGRAM}/profile/a%2Fb%20c/export_log", **span)[0]
        assert (row["customerprofileid"], row["amount"], row["name"]) == ("a/b c", "5.00", "x, y")
        assert (row["startdate"], row["expirydate"]) == ("immediate", "unlimited")
        card = f"{at.CARDS}/cards/CARD-0001/export_log"
        assert client.table(card, **span)[0]["amount"] == "7.00"
        assert client.get(card).status_code == 400
        assert client.get(f"{at.CARDS}/cards/CARD-9999/export_log", params=span).status_code == 404
        assert client.get(f"{at.CARDS}/cards/CARD-0001/logs").json()["data"][0]["amount"] == 7
        assert "importId" not in client.get(f"{at.PROGRAM}/profile/a%2Fb%20c/ledger_transactions").json()["data"][0]


def test_filters_of_transactions_work_in_the_logs_of_profiles_and_cards() -> None:
    with talking() as client:
        client.upload(at.POINTS, "customerprofileid,amount,startdate", "c,5,", "c,6,on_action")
        client.upload(at.CARD_POINTS, "identifier,amount", "CARD-0001,7")
        profile, card = f"{at.PROGRAM}/profile/c/ledger_transactions", f"{at.CARDS}/cards/CARD-0001/logs"

        def amounts(path: str, **params: str) -> list[float]:
            return [each["amount"] for each in client.get(path, params=params).json()["data"]]

        assert amounts(profile, loyaltyTransactionType="import") == [6, 5]
        assert amounts(profile, loyaltyTransactionType="manual") == []
        assert amounts(profile, awaitsActivation="true") == [6]
        assert amounts(card, customerSessionIDs="x") == []
        assert amounts(card, transactionUUIDs="00000000-0000-0000-0000-000000000000") == []
        assert amounts(card) == [7]


def test_balances_of_some_subledgers_leave_out_the_others() -> None:
    with talking() as client:
        client.upload(at.POINTS, "customerprofileid,amount,subledgerid", "c,1,", "c,2,side", "c,3,other")
        export = f"{at.PROGRAM}/export_customer_balances"

        def ledgers(**params: str) -> list[str]:
            return [row["loyaltySubledger"] for row in client.table(export, **params)]

        assert ledgers() == ["", "other", "side"]
        assert ledgers(subledgerIds="") == [""]
        assert ledgers(subledgerIds="side,") == ["", "side"]
        assert ledgers(subledgerIds="nothing") == []


def test_cards_and_campaigns_are_filtered_by_what_they_are_linked_to() -> None:
    with talking() as client:
        client.upload(at.LOYALTY_CARDS, "identifier,state,customerprofileids", "CARD-ONE,active,a;customer-0002")
        client.upload(at.STORES, "store_integration_id", "STORE-007")

        def found(path: str, **params: str) -> int:
            return len(client.get(path, params=params).json()["data"])

        assert found(f"{at.CARDS}/cards", profileId="2") == 1
        assert found(f"{at.CARDS}/cards", profileId="3") == 0
        campaigns = f"{at.APPLICATION}/campaigns"
        assert [found(campaigns, storeId=store) for store in ("7", "8", "99")] == [1, 0, 0]
        assert found(campaigns, createdBefore="2020-01-01T00:00:00Z") == 0
        assert found(campaigns, createdAfter="2020-01-01T00:00:00Z") == 1
        for name in ("tags", "templateId", "campaignGroupId"):
            assert found(campaigns, **{name: "1"}) == 0
        assert found(campaigns, endAfter="2020-01-01T00:00:00Z") == 0


def test_achievement_is_exported_without_its_campaign_too() -> None:
    with talking() as client:
        rows = client.table("/v2/achievements/1/export")
        assert len(rows) == 4
        assert rows == client.table(f"{at.CAMPAIGN}/achievements/1/export")


def test_deleted_coupons_are_gone_but_can_be_asked_for_and_their_codes_are_free() -> None:
    with talking() as client:
        client.upload(at.COUPONS, "value", "CODE1")
        client.upload(at.COUPONS, "value", "CODE2")
        batch = client.sandbox.state.rows("coupon", value="CODE1")[0]["batchid"]
        job = client.post(f"{at.CAMPAIGN}/coupons_deletion_jobs", json={"filters": {"batchId": batch}})
        assert job.status_code == 202
        assert set(job.json()) == {"id"}
        assert [row["value"] for row in client.table(EXPORT)] == ["CODE2"]
        gone = client.table(EXPORT, deletedAfter="2000-01-01T00:00:00Z")
        assert [(row["value"], row["deleted"] != "") for row in gone] == [("CODE1", True)]
        assert client.upload(at.COUPONS, "value", "CODE1").status_code == 200
        assert client.post(f"{at.CAMPAIGN}/coupons_deletion_jobs", json={}).status_code == 400


def test_stores_can_be_listed_by_campaign_and_unlinked() -> None:
    with talking() as client:
        client.upload(at.STORES, "store_integration_id", "STORE-007")
        stores = f"{at.APPLICATION}/stores"
        found = client.get(stores, params={"campaignId": "1"}).json()["data"]
        assert [(each["integrationId"], each["linkedCampaignIds"]) for each in found] == [("STORE-007", [1])]
        assert len(client.get(stores).json()["data"]) == 50
        assert client.get(at.CAMPAIGN).json()["storesImported"] is True
        assert client.delete(f"{at.CAMPAIGN}/stores").status_code == 204
        assert client.get(at.CAMPAIGN).json()["storesImported"] is False


def test_the_customer_search_finds_which_profiles_exist() -> None:
    with talking() as client:
        client.upload(at.POINTS, "customerprofileid,amount", "imported,1")
        ask = {"integrationIDs": ["customer-0007", "imported", "nobody"]}
        search = "/v1/customer_search/no_total"
        found = client.post(search, json=ask).json()
        assert [each["integrationId"] for each in found["data"]] == ["customer-0007", "imported"]
        assert client.post(search, json=ask, params={"pageSize": 1}).json()["hasMore"] is True
        client.sandbox.set_assumptions("search_shows_imported=no")
        assert [each["integrationId"] for each in client.post(search, json=ask).json()["data"]] == ["customer-0007"]


def test_attributes_can_be_found_by_entity_type_and_name() -> None:
    with talking() as client:

        def names(**params: str) -> list[str]:
            return [each["name"] for each in client.get("/v1/attributes", params=params).json()["data"]]

        assert names(entity="Coupon", type="number") == ["priority"]
        assert names(entity="LoyaltyCard", search="AT", kind="custom") == ["category", "purchased_at", "visited_at"]
        assert names(kind="builtin") == []
        assert client.get("/v1/attributes/1").json()["hasAllowedList"] is True


def test_exports_are_listed_in_the_log_of_exports() -> None:
    with talking() as client:
        client.table(EXPORT, campaignId="1")
        client.table("/v1/collections/1/export")
        listed = client.get("/v1/exports").json()
        assert [each["entity"] for each in listed["data"]] == ["Collection", "Coupon"]
        assert listed["data"][1]["filter"] == {"campaignId": "1"}
        assert client.get("/v1/exports", params={"entity": "Coupon", "campaignId": "2"}).json()["data"] == []


SPAN = {"rangeStart": "2026-01-01T00:00:00Z", "rangeEnd": "2026-02-01T00:00:00Z"}
OTHERS = [
    (f"{at.APPLICATION}/export_effects", {}, "created,name,", 17),
    (f"{at.APPLICATION}/export_customer_sessions", {}, "id,firstsession,", 20),
    (f"{at.APPLICATION}/campaign_analytics/export", SPAN, "campaign_id,start_date,", 9),
    (f"{at.CAMPAIGN}/achievements/1/export", {}, "profileIntegrationID,title,", 8),
    (f"{at.CAMPAIGN}/value_maps/1/export", {}, "identifier,value", 2),
]


@pytest.mark.parametrize(("path", "params", "start", "width"), OTHERS)
def test_the_other_exports_have_rows_as_wide_as_their_headers(
    path: str, params: dict[str, str], start: str, width: int
) -> None:
    with talking() as client:
        answer = client.get(path, params=params)
        assert answer.text.startswith(start)
        rows = list(csv.reader(io.StringIO(answer.text, newline=""), strict=True))
        assert len(rows) > 1
        assert {len(row) for row in rows} == {width}


def test_a_collection_shows_fifty_items_and_lists_all() -> None:
    with talking() as client:
        client.upload(at.CAMPAIGN_COLLECTION, "item", *(f"SKU-{number}" for number in range(60)))
        assert len(client.get(f"{at.CAMPAIGN}/collections/2").json()["payload"]) == 50
        first = client.get("/v1/collections/2/items", params={"pageSize": 50}).json()
        rest = client.get("/v1/collections/2/items", params={"pageSize": 50, "skip": 50}).json()
        assert (first["hasMore"], rest["hasMore"]) == (True, False)
        assert rest["data"][-1] == {"item": "SKU-59"}
        names = [each["id"] for each in client.get(f"{at.APPLICATION}/collections").json()["data"]]
        assert names == [1, 2]
        assert client.get("/v1/collections", params={"name": "promoted"}).json()["data"] == []
        client.upload(at.AUDIENCE, "profileintegrationid", "a", "b")
        members = client.get("/v1/audiences/1/memberships", params={"pageSize": 1}).json()
        assert (members["hasMore"], members["data"][0]["integrationId"]) == (True, "a")


@pytest.mark.parametrize(
    "path",
    [
        f"{at.CARDS}/export_customer_balances",
        f"{at.CARDS}/export_customers_tiers",
        f"{at.CARDS}/export_join_dates",
        f"{at.PROGRAM}/export_card_balances",
        f"{at.PROGRAM}/cards/export",
        f"{at.PROGRAM}/cards",
    ],
)
def test_a_program_of_the_other_kind_is_refused(path: str) -> None:
    with talking() as client:
        assert client.get(path).status_code == 400
