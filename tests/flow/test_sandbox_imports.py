"""Each import does to the sandbox what its documentation says."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bulkops.sandbox.default_world import DEFAULT
from bulkops.sandbox.import_engine import Importer
from bulkops.sandbox.resources.attributes import AllowedValues
from bulkops.sandbox.resources.cards import Cards
from bulkops.sandbox.resources.collections import CollectionItems
from bulkops.sandbox.world import Application, Campaign, Program, World
from tests.unit.sandbox import client as at
from tests.unit.sandbox.client import Client, talking

SAMPLES = Path(__file__).parents[2] / "sample_data"
GOOD = [
    ("coupons", at.COUPONS, 200),
    ("referrals", at.REFERRALS, 200),
    ("giveaways", at.GIVEAWAYS, 200),
    ("loyalty-points", at.POINTS, 200),
    ("loyalty-tiers", at.TIERS, 200),
    ("loyalty-cards", at.LOYALTY_CARDS, 200),
    ("loyalty-points-cards", at.CARD_POINTS, 200),
    ("loyalty-join-dates", at.JOIN_DATES, 200),
    ("collections", at.COLLECTION, 200),
    ("collections-campaign", at.CAMPAIGN_COLLECTION, 200),
    ("audiences", at.AUDIENCE, 200),
    ("attribute-values", at.ALLOWED, 200),
    ("stores", at.STORES, 200),
    ("store-budgets", at.BUDGETS, 201),
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Client]:
    with talking(world=SAMPLES / "world.json") as client:
        yield client


def test_every_sample_is_imported_with_an_import_id_of_its_own(shared: Client) -> None:
    numbers = []
    for name, path, status in GOOD:
        answer = shared.send_bytes(path, (SAMPLES / f"{name}.csv").read_bytes())
        assert answer.status_code == status, (name, answer.text)
        body = answer.json()
        assert set(body) == {"id", "created", "accountId", "userId", "entity", "amount"}
        assert body["amount"] >= 200
        numbers.append(body["id"])
    assert len(set(numbers)) == len(GOOD)


BAD = [
    (at.COUPONS, "value", "ab", "shorter than 3"),
    (at.COUPONS, "value,limitval", "CODE1,-1", "out of range"),
    (at.COUPONS, "value,limitval", "CODE1,1.5", "whole number"),
    (at.COUPONS, "value,limitval", "CODE1,1000000", "out of range"),
    (at.COUPONS, "value,discountlimit", "CODE1,1e16", "out of range"),
    (at.COUPONS, "value,discountlimit", "CODE1,NaN", "not a number"),
    (at.COUPONS, "value,expirydate", "CODE1,2030-02-30T00:00:00Z", "exists"),
    (at.COUPONS, "value,expirydate", "CODE1,2030-01-01 00:00:00", "RFC 3339"),
    (at.COUPONS, "value,startdate,expirydate", "CODE1,2031-01-01T00:00:00Z,2030-01-01T00:00:00Z", "before the start"),
    (at.COUPONS, "value,attributes", 'CODE1,"{""nope"": 1}"', "does not exist"),
    (at.COUPONS, "value,attributes", 'CODE1,"{""category"": 1}"', "takes a string"),
    (at.COUPONS, "value,attributes", 'CODE1,"{""vip"": ""yes""}"', "takes a boolean"),
    (at.COUPONS, "value,attributes", 'CODE1,"{""scores"": [1, ""2""]}"', "takes a (list number)"),
    (at.COUPONS, "value,attributes", 'CODE1,"[1]"', "JSON object"),
    (at.COUPONS, "value,attributes", 'CODE1,"{"category": "10_off"}"', "parse error on line 2"),
    (at.COUPONS, "value,limitval", "CODE1", "2 fields"),
    (at.COUPONS, "value,colour", "CODE1,red", "'colour' is unknown"),
    (at.COUPONS, "limitval", "1", "'value' is missing"),
    (at.REFERRALS, "code,advocateprofileintegrationid", "ABC,customer-0001", "shorter than 4"),
    (at.REFERRALS, "code,advocateprofileintegrationid", "ABCD,nobody", "does not exist"),
    (at.GIVEAWAYS, "code,enddate", "ABC,tomorrow", "RFC 3339"),
    (at.POINTS, "customerprofileid,amount", "c,0", "not more than 0"),
    (at.POINTS, "customerprofileid,amount", "c,1.234", "two decimals"),
    (at.POINTS, "customerprofileid,amount", ",5", "value is required"),
    (at.POINTS, "identifier,amount", "CARD-0001,5", "value is required"),
    (at.POINTS, "customerprofileid,identifier,amount", "c,CARD-0001,5", "together"),
    (at.POINTS, "customerprofileid,amount,expirydate,validityDuration", "c,5,2030-01-01T00:00:00Z,5D", "together"),
    (at.POINTS, "customerprofileid,amount,validityDuration", "c,5,5d", "not a duration"),
    (at.POINTS, "customerprofileid,amount,validityDuration", "c,5,2W_D", "not a duration"),
    (at.CARD_POINTS, "identifier,amount", "CARD-9999,5", "does not exist"),
    (at.LOYALTY_CARDS, "identifier,state", "A-1,active", "4 to 108"),
    (at.LOYALTY_CARDS, "identifier,state", "A-1/2,active", "4 to 108"),
    (at.LOYALTY_CARDS, "identifier,state", "A-12,on", "neither active nor inactive"),
    (at.LOYALTY_CARDS, "identifier,state,customerprofileids", "A-12,active,a;b;c;d;e;f", "at most 5"),
    (at.LOYALTY_CARDS, "identifier,state", "CARD-0001,active", "already there"),
    (at.TIERS, "customerprofileid,tiername,expirydate", "nobody,Gold,2030-01-01T00:00:00Z", "does not exist"),
    (at.TIERS, "customerprofileid,tiername,expirydate", "customer-0001,Wood,2030-01-01T00:00:00Z", "does not exist"),
    (at.JOIN_DATES, "customerprofileid,newjoindate", "nobody,2020-01-01T00:00:00Z", "does not exist"),
    (at.JOIN_DATES, "customerprofileid,newjoindate", "customer-0001,", "value is required"),
    (at.STORES, "store_integration_id", "STORE-999", "does not exist"),
    (at.BUDGETS, "store_integration_id,limit", "STORE-001,", "value is required"),
    (at.COLLECTION, "item,other", "a,b", "'other' is unknown"),
    (at.COLLECTION, "item", '""', "value is required"),
]


@pytest.mark.parametrize(("path", "header", "line", "reason"), BAD)
def test_a_bad_record_refuses_the_file_and_names_its_line(
    shared: Client, path: str, header: str, line: str, reason: str
) -> None:
    answer = shared.upload(path, header, line)
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert reason in body["message"]
    assert all(set(each) == {"title", "details", "source"} for each in body["errors"])
    assert body["errors"][0]["source"]["line"] in ("1", "2")
    assert ("StatusCode" in body) == (path not in (at.STORES, at.BUDGETS, at.AUDIENCE, at.ALLOWED))


def test_a_coupon_without_options_gets_the_documented_defaults() -> None:
    with talking() as client:
        client.upload(at.COUPONS, "value,limitval,expirydate", "CODE1,,", "CODE2,0,2030-01-01T02:00:00+02:00")
        first, second = client.table(f"{at.APPLICATION}/export_coupons", campaignId="1")
        assert (first["limitval"], first["expirydate"], first["attributes"]) == ("1", "", "{}")
        assert (second["limitval"], second["expirydate"]) == ("0", "2030-01-01T00:00:00Z")
        assert first["importid"] == "1"
        assert first["batchid"] == second["batchid"] != ""


def test_skip_duplicates_leaves_the_first_code_alone_and_counts_the_new_ones() -> None:
    with talking() as client:
        client.upload(at.COUPONS, "value,limitval", "CODE1,1")
        assert client.upload(at.COUPONS, "value,limitval", "CODE1,7", "CODE2,7").status_code == 400
        assert client.sandbox.state.count("coupon") == 1
        answer = client.upload(at.COUPONS, "value,limitval", "CODE1,7", "CODE2,7", "CODE2,8", skipDuplicates="true")
        assert answer.json()["amount"] == 1
        kept = {row["value"]: row["limitval"] for row in client.sandbox.state.rows("coupon")}
        assert kept == {"CODE1": 1, "CODE2": 7}


@pytest.mark.parametrize(
    ("case", "stored"), [("insensitive-uppercase", "ÄB-c1".upper()), ("insensitive-lowercase", "äb-c1")]
)
def test_codes_are_stored_in_the_case_of_the_application(case: str, stored: str) -> None:
    world = DEFAULT.model_copy(
        update={"applications": (Application.model_validate({"id": 1, "name": "x", "case_sensitivity": case}),)}
    )
    with talking(world=world) as client:
        assert client.upload(at.COUPONS, "value", "äB-c1").status_code == 200
        assert client.sandbox.state.rows("coupon")[0]["value"] == stored
        assert client.upload(at.COUPONS, "value", "Äb-C1").status_code == 400
        client.upload(at.REFERRALS, "code,advocateprofileintegrationid", "äB-c1,customer-0001")
        assert client.sandbox.state.rows("referral")[0]["value"] == stored


def test_giveaways_and_points_sent_twice_are_imported_twice() -> None:
    with talking() as client:
        for _ in range(2):
            client.upload(at.GIVEAWAYS, "code", "GIFT", "GIFT")
            client.upload(at.POINTS, "customerprofileid,amount", "customer-0001,5.5", "new-customer,1")
        codes = Counter((row["code"], row["importid"]) for row in client.table(f"{at.POOL}/export"))
        assert codes == {("GIFT", "1"): 2, ("GIFT", "3"): 2}
        held = {row["profileIntegrationID"]: row["currentBalance"] for row in _balances(client)}
        assert held == {"customer-0001": "11.00", "new-customer": "2.00"}


def _balances(client: Client, **params: str) -> list[dict[str, str]]:
    return client.table(f"{at.PROGRAM}/export_customer_balances", **params)


def test_points_are_active_pending_or_expired_by_their_dates() -> None:
    with talking() as client:
        client.upload(
            at.POINTS,
            "customerprofileid,amount,startdate,expirydate,validityDuration,subledgerid",
            "a,1,,,,",
            "a,2,2035-01-01T00:00:00Z,unlimited,,",
            "a,4,immediate,2020-01-01T00:00:00Z,,",
            "a,8,on_action,,30D,",
            "a,16,2035-01-01T00:00:00Z,,1M,",
            "a,32,,,,side",
        )
        main, side = _balances(client)
        assert [main[name] for name in ("currentBalance", "pendingBalance", "expiredBalance")] == [
            "1.00",
            "26.00",
            "4.00",
        ]
        assert (side["loyaltySubledger"], side["currentBalance"]) == ("side", "32.00")
        later = _balances(client, endDate="2035-02-02T00:00:00Z", balances="pendingBalance")[0]
        assert (later["currentBalance"], later["pendingBalance"], later["expiredBalance"]) == ("3.00", "8.00", "")
        by_amount = {
            each["amount"]: each for each in client.get(f"{at.PROGRAM}/transactions?pageSize=1000").json()["data"]
        }
        assert by_amount[16]["expiryDate"] == "2035-02-01T00:00:00Z"
        assert "validityDuration" not in by_amount[16]
        assert (by_amount[8]["startDate"], by_amount[8]["expiryDate"]) == ("on_action", "unlimited")
        assert by_amount[8]["validityDuration"] == "30D"


def test_points_go_to_active_cards_only() -> None:
    with talking() as client:
        client.upload(at.LOYALTY_CARDS, "identifier,state", "ASLEEP,inactive")
        assert "not active" in client.upload(at.CARD_POINTS, "identifier,amount", "ASLEEP,5").text
        assert client.upload(at.CARD_POINTS, "identifier,amount", "CARD-0001,5").status_code == 200
        assert client.sandbox.state.count("profile", imported=1) == 0


def test_subledgers_need_a_program_that_has_them() -> None:
    world = World(programs=(Program(id=1, name="plain", allow_subledger=False, applications=()),))
    with talking(world=world) as client:
        assert client.upload(at.POINTS, "customerprofileid,amount,subledgerid", "a,1,side").status_code == 400
        assert client.upload(at.TIERS, "customerprofileid,tiername", "a,Gold").status_code == 400


def test_a_tier_import_assigns_moves_and_renews() -> None:
    with talking() as client:
        header = "subledgerid,customerprofileid,tiername,expirydate"
        client.upload(at.TIERS, header, ",customer-0001,Gold,2030-01-01T00:00:00Z", "side,customer-0001,Bronze,")
        start = client.sandbox.state.rows("tier", tiername="Gold")[0]["startdate"]
        client.upload(at.TIERS, header, ",customer-0001,Gold,2031-01-01T00:00:00Z")
        renewed = client.sandbox.state.rows("tier", tiername="Gold")
        assert [(row["startdate"], row["expirydate"]) for row in renewed] == [(start, "2031-01-01T00:00:00Z")]
        client.upload(at.TIERS, header, ",customer-0001,Silver,")
        export = f"{at.PROGRAM}/export_customers_tiers"
        assert {(row["subledgerid"], row["tiername"]) for row in client.table(export)} == {
            ("", "Silver"),
            ("side", "Bronze"),
        }
        assert [row["tiername"] for row in client.table(export, subledgerIds="side,other")] == ["Bronze"]
        assert client.table(export, tierNames="Gold") == []


def test_a_join_date_replaces_the_one_before_and_one_stranger_fails_all() -> None:
    with talking() as client:
        header = "customerprofileid,newjoindate"
        client.upload(at.JOIN_DATES, header, "customer-0001,2020-01-01T00:00:00Z")
        client.upload(at.JOIN_DATES, header, "customer-0001,2021-01-01T00:00:00+01:00")
        assert client.upload(
            at.JOIN_DATES, header, "customer-0002,2020-01-01T00:00:00Z", "x,2020-01-01T00:00:00Z"
        ).is_error
        assert client.table(f"{at.PROGRAM}/export_join_dates") == [
            {"loyaltyProgramID": "1", "profileIntegrationID": "customer-0001", "joinDate": "2020-12-31T23:00:00Z"}
        ]


@pytest.mark.parametrize(
    ("setting", "taken"),
    [("either", ["joindate", "newjoindate"]), ("joindate", ["joindate"]), ("newjoindate", ["newjoindate"])],
)
def test_column_of_the_join_date_depends_on_the_release(setting: str, taken: list[str]) -> None:
    with talking(assumptions=[f"join_date_column={setting}"]) as client:
        for column in ("joindate", "newjoindate"):
            found = client.upload(at.JOIN_DATES, f"customerprofileid,{column}", "customer-0001,2020-01-01T00:00:00Z")
            assert (found.status_code == 200) == (column in taken)
        both = "customer-0001,2020-01-01T00:00:00Z,2020-01-01T00:00:00Z"
        assert client.upload(at.JOIN_DATES, "customerprofileid,joindate,newjoindate", both).status_code == 400


REPLACING = [
    (at.COLLECTION, "item", "/v1/collections/1/export", ("a", "b,c", 'd"e')),
    (at.CAMPAIGN_COLLECTION, "item", f"{at.CAMPAIGN}/collections/2/export", ("a", "b")),
    (at.AUDIENCE, "profileintegrationid", "/v1/audiences/1/memberships/export", ("customer-0001", "ü")),
    (at.STORES, "store_integration_id", f"{at.CAMPAIGN}/stores/export", ("STORE-001", "STORE-002")),
]


@pytest.mark.parametrize(("path", "column", "export", "items"), REPLACING)
def test_a_replacing_import_leaves_the_content_of_the_last_file(
    path: str, column: str, export: str, items: tuple[str, ...]
) -> None:
    with talking() as client:
        quoted = ['"' + item.replace('"', '""') + '"' for item in items]
        client.upload(path, column, *quoted)
        assert [row[column] for row in client.table(export)] == list(items)
        assert client.upload(path, column, quoted[0], quoted[0]).json()["amount"] == 1
        assert [row[column] for row in client.table(export)] == [items[0]]
        client.upload(path, column)
        assert client.table(export) == []


def test_store_budgets_replace_those_of_the_same_period() -> None:
    with talking() as client:
        header = "store_integration_id,limit"
        client.upload(at.BUDGETS, header, "STORE-001,10.5", "STORE-002,20", action="setDiscount", period="daily")
        client.upload(at.BUDGETS, header, "STORE-001,7", action="setDiscount", period="weekly")
        client.upload(at.BUDGETS, header, "STORE-003,30", action="setDiscount", period="daily")
        export = f"{at.CAMPAIGN}/stores/budgets/export"
        assert client.table(export, period="daily") == [{"store_integration_id": "STORE-003", "limit": "30"}]
        assert [row["limit"] for row in client.table(export)] == ["7", "30"]
        assert client.upload(at.BUDGETS, header, "STORE-001,1", period="hourly").status_code == 400
        summary = client.get(f"{at.CAMPAIGN}/stores/budgets/summary").json()["data"]
        assert [(each["period"], each["storeCount"]) for each in summary] == [("daily", 1), ("weekly", 1)]
        client.delete(f"{at.CAMPAIGN}/stores/budgets", params={"period": "daily"})
        assert [row["limit"] for row in client.table(export)] == ["7"]


@pytest.mark.parametrize(
    ("importer", "most", "path", "header"),
    [
        (AllowedValues, 500_000, at.ALLOWED, "item"),
        (CollectionItems, 500_000, at.COLLECTION, "item"),
        (Cards, 499_999, at.LOYALTY_CARDS, "identifier,state"),
    ],
)
def test_a_file_with_one_record_too_many_is_refused(
    monkeypatch: pytest.MonkeyPatch, importer: type[Importer], most: int, path: str, header: str
) -> None:
    assert importer.most == most
    monkeypatch.setattr(importer, "most", 5)
    lines = [f"ITEM-{number}{',active' * header.count(',')}" for number in range(6)]
    with talking() as client:
        assert client.upload(path, header, *lines[:5]).json()["amount"] == 5
        assert "limit is 5 records" in client.upload(path, header, *lines).json()["message"]


def test_the_file_may_be_a_plain_form_field_without_a_name() -> None:
    boundary = "----b"
    text = f'--{boundary}\r\nContent-Disposition: form-data; name="upFile"\r\n\r\nvalue\nCODE1\n\r\n--{boundary}--\r\n'
    with talking() as client:
        answer = client.post(
            at.COUPONS, content=text, headers={"content-type": f"multipart/form-data; boundary={boundary}"}
        )
        assert answer.json()["amount"] == 1, answer.text


@pytest.mark.parametrize("kind", ["application/json", "text/csv", "multipart/form-data; boundary=x"])
def test_an_upload_without_the_form_field_upfile_is_refused(shared: Client, kind: str) -> None:
    answer = shared.post(at.COUPONS, content=b"{}", headers={"content-type": kind})
    assert answer.status_code == 400
    assert "message" in answer.json()


def test_an_empty_or_non_utf8_file_is_refused(shared: Client) -> None:
    assert "empty" in shared.send_bytes(at.COUPONS, b"").json()["message"]
    answer = shared.send_bytes(at.COUPONS, b"value\n\xff\xfe\xfa\n")
    assert "UTF-8" in answer.json()["message"]
    assert answer.json()["errors"][0]["source"] == {"line": "N/A"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/applications/9/campaigns/1/import_coupons",
        "/v1/applications/1/campaigns/9/import_referrals",
        "/v1/giveaways/pools/9/import",
        "/v1/loyalty_programs/9/import_points",
        "/v1/loyalty_programs/9/import_cards",
        "/v1/attributes/999/allowed_list/import",
        "/v1/audiences/9/memberships/import",
        "/v1/collections/2/import",
        "/v1/applications/1/campaigns/1/collections/1/import",
        "/v1/applications/9/campaigns/1/stores/import",
    ],
)
def test_an_unknown_target_is_404_and_the_wrong_method_405(shared: Client, path: str) -> None:
    answer = shared.upload(path, "x", "y")
    assert (answer.status_code, answer.json()["StatusCode"]) == (404, 404)
    assert shared.put(path).status_code == 405


def test_a_campaign_without_the_feature_refuses_codes() -> None:
    world = DEFAULT.model_copy(update={"campaigns": (Campaign(id=1, name="x", features=("referrals",)),)})
    with talking(world=world) as client:
        assert "feature coupons" in client.upload(at.COUPONS, "value", "CODE1").json()["message"]
        assert (
            client.upload(at.REFERRALS, "code,advocateprofileintegrationid", "CODE1,customer-0001").status_code == 200
        )


def test_the_same_codes_sent_at_the_same_time_are_imported_once() -> None:
    lines = ("value", *(f"CODE-{number}" for number in range(5000)))
    with talking() as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.upload(at.COUPONS, *lines).status_code, range(4)))
        assert sorted(answers) == [200, 400, 400, 400]
        assert client.sandbox.state.count("coupon") == 5000


HOSTILE = [
    (at.COUPONS, "value,limitval", "CODE1," + "9" * 5000),
    (at.COUPONS, "value,discountlimit", "CODE1,1e999"),
    (at.COUPONS, "value,attributes", 'CODE1,"{""priority"": 1e999}"'),
    (at.COUPONS, "value,attributes", 'CODE1,"{""priority"": NaN}"'),
    (at.COUPONS, "value,attributes", 'CODE1,"{""priority"": ' + "9" * 5000 + '}"'),
    (at.COUPONS, "value,attributes", 'CODE1,"{""category"": ""\\ud800""}"'),
    (at.COUPONS, "value,attributes", "CODE1," + "[" * 100_000),
    (at.COUPONS, "value,startdate", "CODE1,9999-12-31T23:59:59-12:00"),
    (at.POINTS, "customerprofileid,amount,validityDuration", f"c,1,{'9' * 5000}Y"),
    (at.POINTS, "customerprofileid,amount", "c,1" + "0" * 5000),
]


@pytest.mark.parametrize(("path", "header", "line"), HOSTILE)
def test_a_hostile_cell_is_refused_without_a_server_error(shared: Client, path: str, header: str, line: str) -> None:
    answer = shared.upload(path, header, line)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["source"] == {"line": "2"}
