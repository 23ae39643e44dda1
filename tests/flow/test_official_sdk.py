"""The official SDK, a client written by the API's makers, imports into the sandbox and reads it back."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import talon_one
from talon_one.api.management_api import ManagementApi
from talon_one.exceptions import ApiException, NotFoundException, UnauthorizedException

from bulkops.sandbox.serve import SandboxServer

Api = Any
START, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def connect(sandbox: SandboxServer, key: str = "secret") -> Any:
    """Return the SDK's client for a sandbox, set up as its manual says."""
    settings = talon_one.Configuration(
        host=sandbox.base_url,
        api_key={"management_key": key},
        api_key_prefix={"management_key": "ManagementKey-v1"},
    )
    return talon_one.ApiClient(settings)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0, key="secret") as server:
        yield server


@pytest.fixture
def api(sandbox: SandboxServer) -> Iterator[Api]:
    with connect(sandbox) as client:
        yield ManagementApi(client)
        client.rest_client.pool_manager.clear()


def rows(call: Callable[..., Any], *args: Any, **named: Any) -> list[dict[str, str]]:
    """Return an export's rows; this SDK cannot read `application/csv` other than as it comes."""
    answer = call(*args, **named)
    assert answer.status == 200, answer.data
    return list(csv.DictReader(io.StringIO(answer.data.decode(), newline=""), strict=True))


def listed(call: Callable[..., Any], *args: Any) -> list[dict[str, Any]]:
    """Return a list as JSON: this SDK's models refuse nearly every collection name and many card identifiers."""
    return list(json.loads(call(*args).data)["data"])


def taken(answer: Any, amount: int) -> int:
    """Return the import id of an answer that the SDK has checked against its model."""
    assert (answer.amount, answer.account_id) == (amount, 1)
    return int(answer.id)


def test_coupons(api: Api) -> None:
    file = 'value,limitval,attributes\nCODE1,0,"{""category"": ""x""}"\nCODE2,,\n'
    number = taken(api.import_coupons(1, 1, up_file=file), 2)
    taken(api.import_coupons(1, 1, True, file + "CODE3,,\n"), 1)
    found = rows(api.export_coupons_without_preload_content, 1, campaign_id=1.0, date_format="ISO8601")
    assert [(row["value"], row["limitval"]) for row in found] == [("CODE1", "0"), ("CODE2", "1"), ("CODE3", "1")]
    assert {row["importid"] for row in found[:2]} == {str(number)}
    page = api.get_coupons_without_total_count(1, 1, page_size=2)
    assert page.has_more
    assert [(each.value, each.import_id, each.attributes) for each in page.data] == [
        ("CODE1", number, {"category": "x"}),
        ("CODE2", number, {}),
    ]


def test_a_duplicate_coupon_is_an_exception_with_the_documented_body(api: Api) -> None:
    api.import_coupons(1, 1, up_file="value\nCODE1\n")
    with pytest.raises(ApiException) as caught:
        api.import_coupons(1, 1, up_file="value\nCODE1\n")
    assert caught.value.status == 400
    assert '"line": "2"' in str(caught.value.body)


def test_referrals(api: Api) -> None:
    file = "code,advocateprofileintegrationid,limitval\nFRIEND1,customer-0001,5\n"
    number = taken(api.import_referrals(1, 1, up_file=file), 1)
    [row] = rows(api.export_referrals_without_preload_content, 1, date_format="ISO8601")
    assert (row["code"], row["limitval"], row["importid"]) == ("FRIEND1", "5", str(number))
    [found] = api.get_referrals_without_total_count(1, 1).data
    assert (found.code, found.advocate_profile_integration_id, found.import_id) == (
        "FRIEND1",
        "customer-0001",
        number,
    )


def test_giveaways(api: Api) -> None:
    number = taken(api.import_pool_giveaways(1, up_file="code\nGIFT\nGIFT\n"), 2)
    found = rows(api.export_pool_giveaways_without_preload_content, 1, created_after=START)
    assert [(row["code"], row["importid"]) for row in found] == [("GIFT", str(number))] * 2


def test_points_of_profiles(api: Api) -> None:
    file = "customerprofileid,amount,subledgerid,reason\ncustomer-0001,5.5,,old\nnew,7,side,\n"
    number = taken(api.import_loyalty_points(1, False, up_file=file), 2)
    balances = rows(api.export_loyalty_balances_without_preload_content, "1")
    assert {row["profileIntegrationID"]: row["currentBalance"] for row in balances} == {
        "customer-0001": "5.50",
        "new": "7.00",
    }
    with pytest.warns(DeprecationWarning, match="export_customer_balance is deprecated"):
        assert rows(api.export_loyalty_balance_without_preload_content, "1") == balances
    [log] = rows(api.export_loyalty_ledger_without_preload_content, START, END, "1", "new")
    assert (log["amount"], log["subledgerid"]) == ("7.00", "side")
    page = api.get_loyalty_program_transactions(1, loyalty_transaction_type="import", page_size=1000)
    assert [(each.customer_profile_id, each.amount, each.import_id) for each in page.data] == [
        ("new", 7.0, number),
        ("customer-0001", 5.5, number),
    ]


def newer(api: Api, method: str, path: str, *query: tuple[str, str], file: str | None = None) -> Any:
    """Call, by the SDK's own client, an operation or a parameter that is newer than the SDK."""
    settings: dict[str, Any] = {"query_params": list(query), "auth_settings": ["management_key"]}
    if file is not None:
        settings["files"] = {"upFile": ("f.csv", file.encode())}
        settings["header_params"] = {"Content-Type": "multipart/form-data"}
    answer = api.api_client.call_api(*api.api_client.param_serialize(method, path, **settings))
    answer.read()
    assert answer.status == 200, answer.data
    return answer


def test_transactions_by_repeated_parameters(api: Api) -> None:
    taken(api.import_loyalty_points(1, up_file="customerprofileid,amount\na,1\nb,2\nc,3\n"), 3)
    everything = {each.customer_profile_id: each for each in api.get_loyalty_program_transactions(1).data}
    wanted = [everything["a"].transaction_uuid, everything["c"].transaction_uuid]
    page = api.get_loyalty_program_transactions(1, transaction_uuids=wanted)
    assert {each.customer_profile_id for each in page.data} == {"a", "c"}
    assert api.get_loyalty_program_transactions(1, customer_session_ids=["s1", "s2"]).data == []


def test_columns_and_endpoints_newer_than_the_sdk_are_served(api: Api) -> None:
    program = "/v1/loyalty_programs/1"
    for column in ("joindate", "newjoindate"):
        file = f"customerprofileid,{column}\ncustomer-0001,2024-05-01T10:00:00Z\n"
        answer = newer(api, "POST", f"{program}/import_join_dates", file=file)
        assert json.loads(answer.data)["amount"] == 1
    [row] = rows(newer, api, "GET", f"{program}/export_join_dates")
    assert row["joinDate"] == "2024-05-01T10:00:00Z"
    taken(api.import_loyalty_points(1, up_file="customerprofileid,amount,subledgerid\na,1,\na,2,side\na,4,air\n"), 3)
    for chosen, found in (("side", ["2.00"]), ("", ["1.00"]), (",air", ["1.00", "4.00"])):
        balances = rows(newer, api, "GET", f"{program}/export_customer_balances", ("subledgerIds", chosen))
        assert [each["currentBalance"] for each in balances] == found
    assert rows(newer, api, "GET", "/v2/achievements/1/export")


def test_cards_and_their_points(api: Api) -> None:
    taken(api.import_loyalty_cards(2, up_file="identifier,state,customerprofileids\nA%B+C@1,active,p1;p2\n"), 1)
    taken(api.import_loyalty_points(2, up_file="identifier,amount\nA%B+C@1,10\n"), 1)
    card = rows(api.export_loyalty_cards_without_preload_content, 2, date_format="ISO8601")[-1]
    assert (card["identifier"], card["customerprofileids"]) == ("A%B+C@1", "['p1', 'p2']")
    [log] = rows(api.export_loyalty_card_ledger_without_preload_content, 2, "A%B+C@1", START, END)
    assert log["amount"] == "10.00"
    [balance] = list(
        csv.reader(io.StringIO(api.export_loyalty_card_balances_without_preload_content(2).data.decode()))
    )[1:]
    assert balance[2:5] == ["A%B+C@1", "active", "10"]
    [found] = api.get_loyalty_cards(2, identifier="CARD-0007").data
    assert (found.status, found.profiles, found.ledger.current_balance) == ("active", [], 0)
    everything = listed(api.get_loyalty_cards_without_preload_content, 2)
    assert [each["integrationId"] for each in everything[-1]["profiles"]] == ["p1", "p2"]
    assert everything[-1]["ledger"]["currentBalance"] == 10


def test_tiers(api: Api) -> None:
    file = "subledgerid,customerprofileid,tiername,expirydate\n,customer-0001,Gold,2035-01-01T00:00:00Z\n"
    taken(api.import_loyalty_customers_tiers(1, up_file=file), 1)
    [row] = rows(api.export_customers_tiers_without_preload_content, "1", tier_names=["Gold", "Silver"])
    assert (row["customerprofileid"], row["tiername"], row["expirydate"]) == (
        "customer-0001",
        "Gold",
        "2035-01-01T00:00:00Z",
    )


def test_collections(api: Api) -> None:
    taken(api.import_account_collection(1, up_file="item\na\n"), 1)
    taken(api.import_collection(1, 1, 2, up_file="item\nb\nc\n"), 2)
    assert rows(api.export_account_collection_items_without_preload_content, 1) == [{"item": "a"}]
    assert len(rows(api.export_collection_items_without_preload_content, 1, 1, 2)) == 2
    assert [each.item for each in api.get_collection_items(2).data] == ["b", "c"]
    assert [each["id"] for each in listed(api.list_collections_in_application_without_preload_content, 1)] == [1, 2]
    assert [each["id"] for each in listed(api.list_account_collections_without_preload_content)] == [1]


def test_audiences(api: Api) -> None:
    taken(api.import_audiences_memberships(1, up_file="profileintegrationid\na\n"), 1)
    assert rows(api.export_audiences_memberships_without_preload_content, 1) == [{"profileintegrationid": "a"}]
    assert [each.integration_id for each in api.get_audience_memberships(1).data] == ["a"]


def test_allowed_values(api: Api) -> None:
    taken(api.import_allowed_list(1, up_file="item\nred\nblue\n"), 2)
    assert api.get_attribute(1).has_allowed_list


def test_stores_and_budgets(api: Api) -> None:
    taken(api.import_campaign_stores(1, 1, up_file="store_integration_id\nSTORE-001\n"), 1)
    taken(
        api.import_campaign_store_budget(1, 1, "setDiscount", "daily", "store_integration_id,limit\nSTORE-001,5\n"), 1
    )
    assert rows(api.export_campaign_stores_without_preload_content, 1, 1) == [{"store_integration_id": "STORE-001"}]
    [budget] = rows(
        api.export_campaign_store_budgets_without_preload_content, 1, 1, action="setDiscount", period="daily"
    )
    assert budget == {"store_integration_id": "STORE-001", "limit": "5"}
    assert [each.integration_id for each in api.list_stores(1, campaign_id=1.0).data] == ["STORE-001"]
    api.disconnect_campaign_stores(1, 1)
    assert rows(api.export_campaign_stores_without_preload_content, 1, 1) == []


def test_the_remaining_exports(api: Api) -> None:
    assert rows(api.export_effects_without_preload_content, 1)
    assert rows(api.export_customer_sessions_without_preload_content, 1)
    assert rows(api.export_achievements_without_preload_content, 1, 1, 1)
    assert {each.entity for each in api.get_exports().data} == {"Effect", "CustomerSession"}


def test_the_sdk_reads_the_endpoints_of_a_preflight(api: Api) -> None:
    assert api.get_application(1).case_sensitivity == "sensitive"
    assert [each.id for each in api.get_applications().data] == [1]
    assert "coupons" in api.get_campaign(1, 1).features
    assert [each.id for each in api.get_campaigns(1).data] == [1]
    program = api.get_loyalty_program(1)
    assert (program.card_based, [tier.name for tier in program.tiers]) == (False, ["Bronze", "Silver", "Gold"])
    assert [each.card_based for each in api.get_loyalty_programs().data] == [False, True]
    assert len(api.get_attributes(entity="Coupon").data) == 10
    assert api.get_audiences().data[0].id == 1
    search = talon_one.CustomerProfileSearchQuery.model_validate({"integrationIDs": ["customer-0001", "nobody"]})
    found = api.get_customers_by_attributes(search)
    assert [each.integration_id for each in found.data] == ["customer-0001"]


def test_a_wrong_key_and_a_wrong_id_are_the_exceptions_of_the_sdk(sandbox: SandboxServer, api: Api) -> None:
    with pytest.raises(NotFoundException):
        api.import_pool_giveaways(9, up_file="code\nA\n")
    with connect(sandbox, "other") as client:
        with pytest.raises(UnauthorizedException):
            ManagementApi(client).import_pool_giveaways(1, up_file="code\nA\n")
        client.rest_client.pool_manager.clear()
    assert sandbox.state.count("giveaway") == 0
