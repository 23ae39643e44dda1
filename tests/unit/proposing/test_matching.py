"""Contracts and columns of tables that need more than the words of their headers."""

import re

import pytest

from bulkops.proposing.matching import steps_of
from bulkops.proposing.model import MappingState, ProfiledTable, ProposedStep
from bulkops.proposing.words import LANGUAGES, word_key, words
from bulkops_validators import CONTRACTS
from tests.unit.proposing.tables import field, sources, table_of, table_with


def steps(table: ProfiledTable, contract: str | None = None) -> dict[str, ProposedStep]:
    return {step.contract: step for step in steps_of(table, contract)}


def test_words_belong_to_one_meaning_and_cover_every_contract() -> None:
    known = words()
    owners: dict[str, set[str]] = {}
    for meaning in known.meanings.values():
        for listed in meaning.words.values():
            for word in listed:
                owners.setdefault(word_key(word), set()).add(meaning.name)
    assert {word: names for word, names in owners.items() if len(names) > 1} == {}
    assert set(known.contracts) == set(CONTRACTS)
    used = {meaning for targets in known.contracts.values() for each in targets.columns.values() for meaning in each}
    assert used <= set(known.meanings)
    for name in used - {"code", "customer_use_limit"}:
        assert set(known.meanings[name].words) >= set(LANGUAGES) - {"pt"}, name
    for name, targets in known.contracts.items():
        assert set(targets.columns) <= set(CONTRACTS[name].column_names), name
        assert set(targets.options) <= {option.name for option in CONTRACTS[name].options}, name


def test_tools_have_sources_and_meanings_that_exist() -> None:
    known = words()
    assert len(known.tools) > 10
    for tool in known.tools:
        assert tool.least <= len(tool.headers), tool.name
        assert set(tool.columns.values()) <= {*known.meanings, "ignored"}, tool.name


@pytest.mark.parametrize(
    ("columns", "tool", "contract", "mapped"),
    [
        (
            {"ID": ["1", "2"], "Title": ["a", "b"], "Code": ["A-1", "B-2"], "Code Used Count": ["0", "1"],
             "Discount Value": ["10", "5"], "Starts At": ["2026-01-01", "2026-01-02"], "Ends At": ["", ""]},
            "Shopify", "coupons", {"value": "Code", "startdate": "Starts At", "expirydate": "Ends At"},
        ),
        (
            {"post_title": ["A-1", "B-2"], "post_status": ["publish"] * 2, "discount_type": ["percent"] * 2,
             "coupon_amount": ["10", "5"], "usage_limit": ["", "3"], "expiry_date": ["2026-12-31"] * 2},
            "WooCommerce", "coupons", {"value": "post_title", "limitval": "usage_limit", "expirydate": "expiry_date"},
        ),
        (
            {"Coupon Code": ["A-1", "B-2"], "Created": ["2026-01-01"] * 2, "Uses": ["No"] * 2, "Times Used": ["0"] * 2},
            "Magento", "coupons", {"value": "Coupon Code"},
        ),
        (
            {"Code": ["A-1", "B-2"], "Voucher Type": ["DISCOUNT_VOUCHER"] * 2, "Value": ["10", "20"],
             "Active": ["TRUE"] * 2, "Redemption Limit": ["1", ""], "Start Date": ["2026-01-01T00:00:00.000Z"] * 2},
            "Voucherify", "coupons", {"value": "Code", "limitval": "Redemption Limit", "startdate": "Start Date"},
        ),
        (
            {"id": ["promo_1", "promo_2"], "code": ["A-1", "B-2"], "coupon": ["c1", "c1"], "customer": ["", "cus_1"],
             "expires_at": ["1798761599", ""], "max_redemptions": ["5", ""], "times_redeemed": ["0", "0"],
             "created": ["1767225600"] * 2},
            "Stripe", "coupons",
            {"value": "code", "recipientintegrationid": "customer", "expirydate": "expires_at",
             "limitval": "max_redemptions"},
        ),
        (
            {"Email": ["a@x.de", "b@x.de"], "First Name": ["A", "B"], "Last Name": ["A", "B"],
             "Points Balance": ["10", "20.5"], "Points Spent": ["0", "1"]},
            "Yotpo", "loyalty-points", {"customerprofileid": "Email", "amount": "Points Balance"},
        ),
        (
            {"email": ["a@x.de", "b@x.de"], "points": ["10", "20"]},
            "Smile", "loyalty-points", {"customerprofileid": "email", "amount": "points"},
        ),
        (
            {"MembershipNumber": ["M1", "M2"], "EnrollmentDate": ["2024-01-01", "2025-01-01"],
             "MemberStatus": ["Active"] * 2, "ContactId": ["003", "004"]},
            "Salesforce", "loyalty-join-dates", {"customerprofileid": "MembershipNumber", "joindate": "EnrollmentDate"},
        ),
        (
            {"Email": ["a@x.de", "b@x.de"], "First Name": ["A", "B"], "Last Name": ["A", "B"], "Title": ["", "Dr"]},
            "Klaviyo", "audiences", {"profileintegrationid": "Email"},
        ),
    ],
)  # fmt: skip
def test_the_documented_headers_of_a_tool_are_recognised(
    columns: dict[str, list[str]], tool: str, contract: str, mapped: dict[str, str]
) -> None:
    table = table_of(columns)
    assert table.tool is not None
    assert tool in table.tool.about
    found = steps(table)
    assert contract in found
    assert sources(found[contract]) == mapped


def test_members_become_one_step_of_each_contract_in_the_order_of_the_run() -> None:
    table = table_of({"Kundennummer": ["K1", "K2"], "Mitglied seit": ["31.01.2020", "01.02.2021"],
                      "Stufe": ["Gold", "Silber"], "Punktestand": ["1.234,5", "10"]})  # fmt: skip
    found = steps(table)
    assert list(found) == ["loyalty-points", "loyalty-tiers", "loyalty-join-dates"]
    assert field(found["loyalty-points"], "amount").sql == 'decimal_comma("Punktestand")'
    assert field(found["loyalty-join-dates"], "joindate").sql == "instant(\"Mitglied seit\", '%d.%m.%Y', '${zone}')"
    assert set(found["loyalty-tiers"].unused) == {"Mitglied seit", "Punktestand"}


def test_cards_with_points_use_the_card_number_and_a_customer_beside_it_is_a_decision() -> None:
    columns = {"Card number": ["C-0001", "C-0002"], "Status": ["active", "inactive"], "Points": ["1", "2"]}
    found = steps(table_of(columns))
    assert list(found) == ["loyalty-cards", "loyalty-points"]
    assert sources(found["loyalty-points"]) == {"identifier": "Card number", "amount": "Points"}
    found = steps(table_of({**columns, "Customer ID": ["1", "2"]}))
    undecided = field(found["loyalty-points"], "customerprofileid")
    assert (undecided.state, undecided.required) == (MappingState.UNDECIDED, True)
    assert {each.source for each in undecided.candidates} == {"Card number", "Customer ID"}


@pytest.mark.parametrize(
    ("values", "sql"),
    [
        (["Active", "inactive"], 'lower(clean("Status"))'),
        (["1", "0"], "CASE WHEN yes(\"Status\") THEN 'active' ELSE 'inactive' END"),
        (["open", "closed"], None),
        (["active", ""], None),
    ],
)
def test_states_of_cards_are_mapped_only_if_every_word_is_known(values: list[str], sql: str | None) -> None:
    found = field(steps(table_of({"Card number": ["C-1", "C-2"], "Status": values}))["loyalty-cards"], "state")
    assert found.sql == sql
    assert (found.state is MappingState.CERTAIN) == (sql is not None)


def test_two_columns_for_one_import_column_are_a_decision() -> None:
    found = steps(table_with(["Code", "Code", "Start date", "Valid from"],
                             [["A1", "B1", "2026-01-01", "2026-02-01"]] * 2))["coupons"]  # fmt: skip
    assert [each.source for each in field(found, "value").candidates] == ["Code", "Code_2"]
    assert [each.source for each in field(found, "startdate").candidates] == ["Start date", "Valid from"]
    assert found.unused == {}
    assert set(found.open_sources) == {"Code", "Code_2", "Start date", "Valid from"}


def test_a_column_named_value_beside_codes_is_a_decision_and_never_a_code() -> None:
    table = table_of({"Code": ["A-1", "A-2"], "Value": ["10", "20"]})
    (step,) = steps(table).values()
    assert not step.certain
    found = field(steps(table, "coupons")["coupons"], "value")
    assert found.state is MappingState.UNDECIDED
    assert {each.source for each in found.candidates} == {"Code", "Value"}


def test_a_blank_limit_is_unlimited_only_for_tools_that_document_it() -> None:
    found = field(steps(table_of({"Coupon code": ["A-1", "A-2"], "Max uses": ["5", ""]}))["coupons"], "limitval")
    assert found.state is MappingState.UNDECIDED
    assert [each.sql for each in found.candidates] == ["coalesce(clean(\"Max uses\"), '0')", 'clean("Max uses")']
    table = table_of({"post_title": ["A-1", "A-2"], "post_status": ["publish"] * 2, "usage_limit": ["5", ""],
                      "coupon_amount": ["1", "2"]})  # fmt: skip
    assert field(steps(table)["coupons"], "limitval").sql == "coalesce(clean(\"usage_limit\"), '0')"


def test_a_last_row_with_totals_is_left_out_and_becomes_a_control_total() -> None:
    headers = ["Customer number", "Points", "Name"]
    table = table_with(headers, [["1", "1.200,50", "A"], ["2", "3,25", "B"], ["Summe:", "1.203,75", ""]])
    found = steps(table)["loyalty-points"]
    assert found.where == "\"Customer number\" IS DISTINCT FROM 'Summe:'"
    assert found.totals == {"amount": "1.203,75"}
    assert table.profile.rows == 2
    whole = steps(table_with(headers, [["1", "1", "A"], ["Total", "3", "B"]]))["loyalty-points"]
    assert whole.where is None


def test_a_header_that_its_values_contradict_is_a_decision() -> None:
    found = field(steps(table_of({"E-Mail": ["a@x.de", "12"], "Punkte": ["1", "2"]}))["loyalty-points"],
                  "customerprofileid")  # fmt: skip
    assert found.state is MappingState.UNDECIDED
    assert "50%" in found.why
    found = field(steps(table_of({"Code": ["A-1", "A-2"], "Valid until": ["soon", "later"]}))["coupons"], "expirydate")
    assert found.state is MappingState.UNDECIDED


def test_a_missing_column_of_a_given_contract_gets_candidates_with_matching_values() -> None:
    table = table_of({"Alpha": ["A-1", "A-2", "A-3"], "Beta": ["x y", "x y", "x y"]})
    assert steps(table) == {}
    found = field(steps(table, "coupons")["coupons"], "value")
    assert found.state is MappingState.MISSING
    assert [each.source for each in found.candidates] == ["Alpha"]


def test_exports_of_a_deployment_are_recognised() -> None:
    coupons = {"id": ["1"], "created": ["2026-01-01T00:00:00Z"], "campaignid": ["1"], "value": ["A-1"],
               "expirydate": [""], "startdate": ["2026-01-01T00:00:00Z"], "limitval": ["1"], "importid": ["7"],
               "batchid": [""], "counter": ["0"]}  # fmt: skip
    found = steps(table_of(coupons))
    assert list(found) == ["coupons"]
    assert sources(found["coupons"])["value"] == "value"
    assert not found["coupons"].whole_file
    cards = {"identifier": ["C-0001"], "created": ["2026-01-01T00:00:00Z"], "status": ["active"],
             "userpercardlimit": ["1"], "customerprofileids": ["['p1']"], "blockreason": [""]}  # fmt: skip
    assert sources(steps(table_of(cards))["loyalty-cards"])["state"] == "status"
    balances = {"loyaltyProgramID": ["1"], "loyaltySubledger": ["travel"], "profileIntegrationID": ["p1"],
                "currentBalance": ["10.50"], "pendingBalance": ["0.00"]}  # fmt: skip
    assert sources(steps(table_of(balances))["loyalty-points"]) == {
        "customerprofileid": "profileIntegrationID", "amount": "currentBalance", "subledgerid": "loyaltySubledger",
    }  # fmt: skip


def test_hints_show_the_values_of_a_status_that_no_column_uses() -> None:
    table = table_of({"Code": ["A", "B", "C"], "Status": ["on", "on", "off"], "Times used": ["1", "0", "0"]})
    hints = " ".join(steps(table)["coupons"].hints)
    assert re.search(r"'on': 2, 'off': 1", hints)
    assert "can be used again" in hints


def test_a_file_with_an_import_header_and_other_dates_or_numbers_is_mapped() -> None:
    own = {"value": ["A-1", "A-2"], "expirydate": ["2031-01-01T00:00:00Z", ""], "discountlimit": ["1.5", "2"]}
    assert steps(table_of(own))["coupons"].ready
    for name, values in {"expirydate": ["31.12.2031", ""], "discountlimit": ["1,5", "2"]}.items():
        found = steps(table_of({**own, name: values}))["coupons"]
        assert (found.whole_file, found.ready, found.undecided_columns) == (True, False, ())
        assert (field(found, name).sql or "").startswith(("end_of_day", "decimal_comma"))


def test_an_end_with_and_without_times_is_a_decision() -> None:
    columns = {"Coupon code": ["A-1", "A-2"], "Ends at": ["2031-01-01", "2031-01-01 10:00:00"]}
    assert field(steps(table_of(columns))["coupons"], "expirydate").state is MappingState.UNDECIDED


@pytest.mark.parametrize(
    ("columns", "contract", "mapped"),
    [
        ({"id_tienda": ["S1", "S2"], "presupuesto": ["10.5", "2.25"]}, "store-budgets",
         {"store_integration_id": "id_tienda", "limit": "presupuesto"}),
        ({"Numéro carte fidélité": ["C-0001", "C-0002"], "Solde des points": ["1.5", "2.5"]}, "loyalty-points",
         {"identifier": "Numéro carte fidélité", "amount": "Solde des points"}),
        ({"カード番号": ["C-0001", "C-0002"], "会員番号": ["1", "2"], "状態": ["有効", "停止"]}, "loyalty-cards",
         {"identifier": "カード番号", "customerprofileids": "会員番号"}),
        ({"クーポンコード": ["A-1", "A-2"], "有効期限": ["2031/01/31", "2031/02/28"]}, "coupons",
         {"value": "クーポンコード", "expirydate": "有効期限"}),
    ],
)  # fmt: skip
def test_headers_without_prepositions_and_in_japanese_are_recognised(
    columns: dict[str, list[str]], contract: str, mapped: dict[str, str]
) -> None:
    assert sources(steps(table_of(columns))[contract]) == mapped


def test_an_end_beside_points_or_a_tier_is_a_decision_and_never_ignored() -> None:
    for header, contract in (("Points", "loyalty-points"), ("Tier", "loyalty-tiers")):
        columns = {"Customer ID": ["c-1", "c-2"], header: ["1", "2"], "Expires at": ["2031-01-01", "2031-02-01"]}
        found = steps(table_of(columns))[contract]
        assert field(found, "expirydate").state is MappingState.UNDECIDED
        assert [each.source for each in field(found, "expirydate").candidates] == ["Expires at"]
        assert found.unused == {}


@pytest.mark.parametrize(
    ("values", "sql"),
    [
        (['["A-1", "A-2"]', '["B-1"]'], "clean(element)"),
        (['[{"code": "A-1", "uses": 1}]', "[]"], "json_extract_string(element, '$.\"code\"')"),
    ],
)
def test_lists_of_codes_are_a_decision_that_names_the_unnest_of_the_step(values: list[str], sql: str) -> None:
    found = field(steps(table_of({"codes": values}))["coupons"], "value")
    assert found.state is MappingState.UNDECIDED
    (candidate,) = found.candidates
    assert candidate.sql == sql
    assert "`unnest: {element: 'json_texts(\"codes\")'}`" in candidate.why


def test_states_in_unknown_words_are_listed_for_the_decision() -> None:
    columns = {"Card number": ["C-0001", "C-0002"], "Status": ["open", "blocked"]}
    found = field(steps(table_of(columns))["loyalty-cards"], "state")
    assert [each.sql for each in found.candidates] == [
        "CASE clean(\"Status\") WHEN 'blocked' THEN 'active' WHEN 'open' THEN 'active' END"
    ]
