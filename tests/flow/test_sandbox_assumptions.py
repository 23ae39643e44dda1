"""Each assumption changes the behaviour that its description names."""

import dataclasses
from collections.abc import Iterator

import pytest

from bulkops.sandbox.assumptions import Assumptions
from bulkops.sandbox.default_world import DEFAULT
from bulkops.sandbox.world import Application, Campaign
from tests.unit.sandbox import client as at
from tests.unit.sandbox.client import Client, talking

WORLD = DEFAULT.model_copy(
    update={
        "applications": (
            Application(id=1, name="a", mandatory_coupon_attributes=("category",)),
            Application(id=2, name="b", case_sensitivity="insensitive-uppercase"),
        ),
        "campaigns": (Campaign(id=1, name="a"), Campaign(id=2, name="b"), Campaign(id=3, name="c", application=2)),
    }
)
CODE = "code,advocateprofileintegrationid"
FUTURE, PAST = "2035-01-01T00:00:00Z", "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with talking(world=WORLD) as client:
        yield client


# The status of an import under each value of a setting: 200 (imported), or the status of the refusal.
TAKEN_OR_NOT = [
    ("unknown_columns", at.COUPONS, ("value,colour", "{},red"), {"error": 400, "ignore": 200}),
    ("unknown_columns", at.COLLECTION, ("item,colour", "{},red"), {"error": 400, "ignore": 400}),
    ("header_case", at.COUPONS, ("Value", "{}"), {"exact": 400, "ignore": 200}),
    ("bom", at.COUPONS, ("\ufeffvalue", "{}"), {"refuse": 400, "strip": 200}),
    ("blank_lines", at.COUPONS, ("value", "", "{}"), {"skip": 200, "error": 400}),
    ("bare_quotes", at.COUPONS, ("value", '{}"x'), {"error": 400, "keep": 200}),
    ("header_only", at.COLLECTION, ("item",), {"empties": 200, "error": 400}),
    ("list_duplicates", at.COLLECTION, ("item", "a", "a"), {"drop": 200, "keep": 200, "error": 400}),
    ("empty_items", at.COLLECTION, ("item", '""', "a"), {"error": 400, "skip": 200}),
    ("past_expiry", at.COUPONS, ("value,expirydate", f"{{}},{PAST}"), {"accept": 200, "error": 400}),
    ("past_expiry", at.POINTS, ("customerprofileid,amount,expirydate", f"c,1,{PAST}"), {"accept": 200, "error": 400}),
    (
        "start_after_expiry",
        at.COUPONS,
        ("value,startdate,expirydate", f"{{}},{FUTURE},{PAST}"),
        {"error": 400, "accept": 200},
    ),
    (
        "fractional_seconds",
        at.COUPONS,
        ("value,startdate", "{},2030-01-01T00:00:00.5Z"),
        {"accept": 200, "error": 400},
    ),
    ("date_only", at.COUPONS, ("value,startdate", "{},2030-01-01"), {"error": 400, "midnight": 200}),
    ("lower_case_tz", at.COUPONS, ("value,startdate", "{},2030-01-01t00:00:00z"), {"error": 400, "accept": 200}),
    ("mandatory_attributes", at.COUPONS, ("value", "{}"), {"ignored": 200, "enforced": 400}),
    ("unknown_advocate", at.REFERRALS, (CODE, "{},nobody"), {"refuse": 400, "accept": 200}),
    (
        "unknown_recipient",
        at.COUPONS,
        ("value,recipientintegrationid", "{},nobody"),
        {"accept": 200, "refuse": 400},
    ),
    ("unknown_member", at.AUDIENCE, ("profileintegrationid", "nobody"), {"accept": 200, "refuse": 400, "skip": 200}),
    (
        "unknown_card_holder",
        at.LOYALTY_CARDS,
        ("identifier,state,customerprofileids", "{},active,nobody"),
        {"accept": 200, "refuse": 400},
    ),
    (
        "existing_card",
        at.LOYALTY_CARDS,
        ("identifier,state", "CARD-0001,inactive"),
        {"refuse": 400, "skip": 200, "update": 200},
    ),
    ("inactive_card", at.CARD_POINTS, ("identifier,amount", "CARD-0001,1"), {"error": 400, "accept": 200}),
    ("negative_amounts", at.POINTS, ("customerprofileid,amount", "c,-1"), {"error": 400, "accept": 200}),
    ("extra_decimals", at.POINTS, ("customerprofileid,amount", "c,1.2345"), {"error": 400, "accept": 200}),
    (
        "both_keys",
        at.POINTS,
        ("customerprofileid,identifier,amount", "c,CARD-0002,1"),
        {"error": 400, "ignore_other": 200},
    ),
    (
        "unknown_subledger",
        at.POINTS,
        ("customerprofileid,amount,subledgerid", "c,1,{}"),
        {"create": 200, "error": 400},
    ),
    (
        "budget_store_linked",
        at.BUDGETS,
        ("store_integration_id,limit", "STORE-049,1"),
        {"not_needed": 201, "needed": 400},
    ),
]


@pytest.mark.parametrize(
    ("setting", "path", "lines", "statuses"), TAKEN_OR_NOT, ids=[f"{case[0]}-{case[1][-14:]}" for case in TAKEN_OR_NOT]
)
def test_a_setting_decides_which_values_are_accepted(
    client: Client, setting: str, path: str, lines: tuple[str, ...], statuses: dict[str, int]
) -> None:
    field = {each.name: each for each in dataclasses.fields(Assumptions)}[setting]
    assert set(statuses) == set(field.metadata["values"])
    assert next(iter(statuses)) == field.default
    try:
        for number, (value, status) in enumerate(statuses.items()):
            client.sandbox.set_assumptions(f"{setting}={value}")
            code = f"{setting}-{path[-3:]}-{number}"
            answer = client.upload(path, *(line.replace("{}", code) for line in lines))
            assert answer.status_code == status, (value, answer.text)
    finally:
        client.sandbox.set_assumptions(f"{setting}={field.default}")


def kept(client: Client) -> list[str]:
    """Return the codes of all coupons, in truth."""
    return [row["value"] for row in client.sandbox.state.rows("coupon")]


@pytest.mark.parametrize(
    ("value", "left"), [("whole_file", []), ("until_error", ["GOOD1"]), ("good_rows", ["GOOD1", "GOOD2"])]
)
def test_atomicity_decides_which_rows_of_a_refused_file_are_imported(value: str, left: list[str]) -> None:
    for bad in ("x,1", "GOOD1,1", "LONG1"):
        with talking(assumptions=[f"atomicity={value}"]) as client:
            answer = client.upload(at.COUPONS, "value,limitval", "GOOD1,1", bad, "GOOD2,1")
            assert answer.status_code == 400
            assert kept(client) == left, bad


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ([], ["4"]),
        (["errors_reported=all"], ["4", "6"]),
        (["errors_reported=all", "error_line=record"], ["3", "4"]),
        (["errors_reported=all", "error_line_header=not_counted"], ["3", "5"]),
    ],
)
def test_errors_name_lines_as_the_settings_say(settings: list[str], lines: list[str]) -> None:
    with talking(assumptions=settings) as client:
        answer = client.upload(at.COUPONS, "value,attributes", 'CODE1,"{\n}"', "x,", "", "y,")
        assert [each["source"]["line"] for each in answer.json()["errors"]] == lines


def test_duplicates_are_refused_skipped_and_counted_as_the_settings_say() -> None:
    with talking() as client:
        client.upload(at.COUPONS, "value", "CODE1")
        again = ("value", "CODE1", "CODE2", "CODE2")
        client.sandbox.set_assumptions("duplicate_status=409")
        assert client.upload(at.COUPONS, *again).status_code == 409
        client.sandbox.set_assumptions("duplicates_in_file=error")
        assert client.upload(at.COUPONS, *again, skipDuplicates="true").status_code == 409
        client.sandbox.set_assumptions("duplicates_in_file=skip", "amount_counts=rows", "entity_name=example")
        answer = client.upload(at.COUPONS, *again, skipDuplicates="true").json()
        assert (answer["amount"], answer["entity"]) == (3, "AttributeAllowedList")


@pytest.mark.parametrize(
    ("scope", "statuses"), [("campaign", (200, 200)), ("application", (400, 200)), ("account", (400, 400))]
)
def test_uniqueness_decides_where_a_code_may_be_used_again(scope: str, statuses: tuple[int, int]) -> None:
    with talking(world=WORLD, assumptions=[f"uniqueness={scope}"]) as client:
        client.upload(at.COUPONS, "value", "CODE1")
        other, elsewhere = "/v1/applications/1/campaigns/2", "/v1/applications/2/campaigns/3"
        found = tuple(client.upload(f"{at}/import_coupons", "value", "CODE1").status_code for at in (other, elsewhere))
        assert found == statuses


def test_codes_batches_and_limits_follow_their_settings() -> None:
    settings = ["referral_case=as_sent", "coupon_batch=none", "no_discount_limit=0", "short_codes=entity_schema"]
    with talking(world=WORLD, assumptions=settings) as client:
        path = "/v1/applications/2/campaigns/3"
        client.upload(f"{path}/import_referrals", CODE, "abCD,customer-0001")
        assert client.sandbox.state.rows("referral")[0]["value"] == "abCD"
        assert client.upload(f"{path}/import_coupons", "value", "abc").status_code == 400
        client.upload(f"{path}/import_coupons", "value", "abcd")
        row = client.table("/v1/applications/2/export_coupons")[0]
        assert (row["value"], row["batchid"], row["discount_limitval"]) == ("ABCD", "", "0")


def test_lists_keep_or_skip_repeated_and_empty_items_by_their_settings() -> None:
    with talking(assumptions=["list_duplicates=keep", "empty_items=skip", "unknown_member=skip"]) as client:
        client.upload(at.COLLECTION, "item", "a", '""', "a")
        assert [row["item"] for row in client.table("/v1/collections/1/export")] == ["a", "a"]
        client.upload(at.AUDIENCE, "profileintegrationid", "nobody", "customer-0001")
        assert client.sandbox.state.count("audience_member") == 1


def test_an_unchanged_collection_may_be_refused() -> None:
    with talking(assumptions=["unchanged_collection=error"]) as client:
        assert client.upload(at.COLLECTION, "item", "a", "b").status_code == 200
        assert client.upload(at.COLLECTION, "item", "b", "a").status_code == 400
        assert client.upload(at.COLLECTION, "item", "a").status_code == 200


def test_a_card_may_be_updated_and_keeps_when_it_was_made() -> None:
    with talking(assumptions=["existing_card=update"]) as client:
        before = client.sandbox.state.rows("card", identifier="CARD-0001")[0]
        client.upload(at.LOYALTY_CARDS, "identifier,state", "CARD-0001,inactive")
        [after] = client.sandbox.state.rows("card", identifier="CARD-0001")
        assert (before["status"], after["status"]) == ("active", "inactive")
        assert after["created"] == before["created"]


def test_a_budgets_import_may_replace_all_periods() -> None:
    with talking(assumptions=["budget_scope=all"]) as client:
        for period in ("daily", "weekly"):
            client.upload(at.BUDGETS, "store_integration_id,limit", "STORE-001,5", period=period)
        assert [row["period"] for row in client.sandbox.state.rows("store_budget")] == ["weekly"]


def test_deleted_coupons_and_tier_dates_may_be_shown_otherwise() -> None:
    with talking(assumptions=["deleted_coupons=shown", "tier_dates=sample"]) as client:
        client.upload(at.COUPONS, "value", "CODE1")
        client.post(f"{at.CAMPAIGN}/coupons_deletion_jobs", json={"filters": {}})
        assert [row["deleted"] != "" for row in client.table(f"{at.APPLICATION}/export_coupons")] == [True]
        client.upload(at.TIERS, "customerprofileid,tiername,expirydate", f"customer-0001,Gold,{FUTURE}")
        [tier] = client.table(f"{at.PROGRAM}/export_customers_tiers")
        assert tier["expirydate"] == "2035-01-01T00:00:00Z00:00"


@pytest.mark.parametrize(("mark", "shown"), [("blank", ""), ("false", "false"), ("zero_time", "0001-01-01T00:00:00Z")])
def test_coupon_that_is_not_deleted_may_be_marked_so(mark: str, shown: str) -> None:
    with talking(assumptions=[f"deleted_mark={mark}"]) as client:
        client.upload(at.COUPONS, "value", "CODE1")
        assert [row["deleted"] for row in client.table(f"{at.APPLICATION}/export_coupons")] == [shown]


def test_transactions_without_a_filter_may_be_all_of_them() -> None:
    with talking() as client:
        client.upload(at.POINTS, "customerprofileid,amount", *(f"c,{n}" for n in range(1, 61)))
        path = f"{at.PROGRAM}/transactions"
        assert len(client.get(path, params={"pageSize": 1000}).json()["data"]) == 50
        assert len(client.get(path, params={"pageSize": 1000, "subledgerId": ""}).json()["data"]) == 60
        client.sandbox.set_assumptions("unfiltered_transactions=all")
        assert len(client.get(path, params={"pageSize": 1000}).json()["data"]) == 60


def test_reads_may_lag_behind_every_import() -> None:
    with talking(assumptions=["export_lag=3600"]) as client:
        client.upload(at.POINTS, "customerprofileid,amount", "c,1")
        assert client.get(f"{at.PROGRAM}/transactions").json()["data"] == []
        assert client.table(f"{at.PROGRAM}/export_customer_balances") == []
        assert client.sandbox.state.count("point") == 1
