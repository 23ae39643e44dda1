"""Targets and cells are checked against an account, without a network."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bulkops.account.checks import KnownNames, facts_of, fits, target_faults
from bulkops.account.model import (
    Account,
    Application,
    Attribute,
    Audience,
    Campaign,
    Collection,
    Program,
    Stores,
)
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CAMPAIGN = {"application": 1, "campaign": 18}


def account(**more: Any) -> Account:
    """Return an account with complete lists."""
    parts: dict[str, Any] = {
        "applications": (Application(id=1, name="Web shop", mandatory_coupon_attributes=("category",)),),
        "campaigns": (
            Campaign(id=17, application=1, name="Winter", state="archived", features=("giveaways",)),
            Campaign(id=18, application=1, name="Autumn", state="enabled", features=("coupons", "referrals")),
        ),
        "programs": (
            Program(id=3, name="Club", card_based=False, allow_subledger=False, tiers=("Gold", "Silver"),
                    tiers_expire=True),
            Program(id=4, name="Cards", card_based=True, allow_subledger=True, tiers=(), tiers_expire=False),
        ),
        "attributes": (
            Attribute(id=1, entity="Coupon", name="category", type="string"),
            Attribute(id=2, entity="Coupon", name="priority", type="number"),
            Attribute(id=3, entity="CustomerProfile", name="level", type="string"),
            Attribute(id=4, entity="Coupon", name="elsewhere", type="string", applications=(2,)),
            Attribute(id=5, entity="Coupon", name="size", type="string", restricted=True, suggestions=("S", "M")),
            Attribute(id=6, entity="Coupon", name="listed", type="string", restricted=True, allowed_list=True,
                      suggestions=("S",)),
        ),
        "stores": (Stores(application=1, integration_ids=("BERLIN-1", "PARIS-1")),),
        "collections": (Collection(id=5, name="Shared"), Collection(id=6, name="Own", campaign=18)),
        "audiences": (Audience(id=7, name="Readers"),),
        "complete": frozenset({
            "applications", "campaigns/1", "programs", "attributes", "stores/1", "collections/1",
            "account-collections", "audiences",
        }),
    }  # fmt: skip
    return Account(base_url="https://x.talon.one", read_at=NOW, **(parts | more))


def target(contract: str, ids: Mapping[str, int], **more: Any) -> list[tuple[str, str]]:
    return [(fault.code, fault.text) for fault in target_faults(account(**more), CONTRACTS[contract], ids)]


def codes(contract: str, ids: Mapping[str, int], column: str, value: str, **more: Any) -> list[str]:
    known = KnownNames(account(**more), CONTRACTS[contract], ids)
    return [fault.code for fault in known.faults(column, value)] if column in known.columns else []


@pytest.mark.parametrize(
    ("contract", "ids", "text"),
    [
        (
            "coupons",
            {"application": 2, "campaign": 18},
            "there is no application 2 in the account. Known: 1 'Web shop'.",
        ),
        (
            "coupons",
            {"application": 1, "campaign": 81},
            "there is no campaign 81 in application 1. Known: 17 'Winter', 18 'Autumn'.",
        ),
        ("loyalty-points", {"program": 9}, "there is no program 9 in the account. Known: 3 'Club', 4 'Cards'"),
        ("audiences", {"audience": 70}, "there is no audience 70 in the account. Known: 7 'Readers'."),
        ("attribute-values", {"attribute": 60}, "there is no attribute 60 in the account. Known: 1 'category', 2"),
        ("collections", {"collection": 6}, "there is no collection 6 in the account. Known: 5 'Shared'"),
        ("collections", {**CAMPAIGN, "collection": 5}, "there is no collection 5 in campaign 18. Known: 6 'Own'"),
    ],
)
def test_an_id_that_its_list_does_not_contain_is_unknown_and_the_nearest_is_suggested(
    contract: str, ids: dict[str, int], text: str
) -> None:
    ((code, said),) = target(contract, ids)
    assert (code, said.startswith(text)) == ("ACC101", True), said
    assert target(contract, ids, complete=frozenset()) == []


def test_unknown_id_among_many_suggests_only_the_nearest() -> None:
    campaigns = tuple(Campaign(id=number, application=1) for number in (18, 205, 317, 419, 520, 631, 742, 853, 964))
    ((_, said),) = target("coupons", {"application": 1, "campaign": 81}, campaigns=campaigns)
    assert said == "there is no campaign 81 in application 1. Did you mean 18?"


@pytest.mark.parametrize(
    ("contract", "ids", "expected"),
    [
        ("coupons", CAMPAIGN, []),
        ("coupons", {"application": 1, "campaign": 17}, ["ACC103", "ACC104"]),
        ("giveaways", {"pool": 99}, []),
        ("loyalty-cards", {"program": 3}, ["ACC102"]),
        ("loyalty-cards", {"program": 4}, []),
        ("loyalty-tiers", {"program": 4}, ["ACC102"]),
        ("loyalty-tiers", {"program": 3}, []),
        ("loyalty-join-dates", {"program": 4}, ["ACC102"]),
        ("loyalty-points", {"program": 3}, []),
        ("loyalty-points", {"program": 4}, []),
        ("collections", {"collection": 5}, []),
        ("stores", CAMPAIGN, []),
    ],
)
def test_a_target_is_compared_with_what_its_contract_requires(
    contract: str, ids: dict[str, int], expected: list[str]
) -> None:
    assert [code for code, _ in target(contract, ids)] == expected


def test_a_program_without_advanced_tiers_is_a_warning_for_tiers_only() -> None:
    program = Program(id=3, card_based=False, tiers=("Gold",), tiers_expire=False)
    assert [code for code, _ in target("loyalty-tiers", {"program": 3}, programs=(program,))] == ["ACC105"]
    assert target("loyalty-points", {"program": 3}, programs=(program,)) == []


def test_unknown_facts_of_a_program_or_campaign_are_not_checked() -> None:
    bare: dict[str, Any] = {"programs": (Program(id=3),), "campaigns": (Campaign(id=18, application=1),)}
    for contract in ("loyalty-cards", "loyalty-tiers", "loyalty-points"):
        assert target(contract, {"program": 3}, **bare) == []
        assert codes(contract, {"program": 3}, "tiername", "Nowhere", **bare) == []
    assert target("coupons", CAMPAIGN, **bare) == []


@pytest.mark.parametrize(
    ("contract", "ids", "column", "value", "expected"),
    [
        ("loyalty-tiers", {"program": 3}, "tiername", "Gold", []),
        ("loyalty-tiers", {"program": 3}, "tiername", "gold", ["ACC111"]),
        ("loyalty-tiers", {}, "subledgerid", "travel", []),
        ("loyalty-tiers", {"program": 3}, "subledgerid", "travel", ["ACC113"]),
        ("loyalty-points", {"program": 3}, "subledgerid", "travel", ["ACC113"]),
        ("loyalty-points", {"program": 3}, "subledgerid", "", []),
        ("loyalty-points", {"program": 4}, "subledgerid", "travel", []),
        ("loyalty-points", {"program": 3}, "identifier", "CARD-1", ["ACC114"]),
        ("loyalty-points", {"program": 4}, "customerprofileid", "c-1", ["ACC114"]),
        ("loyalty-points", {"program": 4}, "identifier", "CARD-1", []),
        ("stores", CAMPAIGN, "store_integration_id", "BERLIN-1", []),
        ("stores", CAMPAIGN, "store_integration_id", "BERLIN1", ["ACC112"]),
        ("store-budgets", CAMPAIGN, "store_integration_id", "ROME-1", ["ACC112"]),
    ],
)
def test_cell_is_compared_with_the_names_of_the_account(
    contract: str, ids: dict[str, int], column: str, value: str, expected: list[str]
) -> None:
    assert codes(contract, ids, column, value) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('{"category": "x", "priority": 3}', []),
        ('{"category": "x", "priority": null}', []),
        ('{"category": "x", "priority": "3"}', ["ACC123"]),
        ('{"category": 3}', ["ACC123"]),
        ('{"category": "x", "categroy": "y"}', ["ACC121"]),
        ('{"category": "x", "level": "high"}', ["ACC122"]),
        ('{"category": "x", "elsewhere": "high"}', ["ACC122"]),
        ('{"category": "x", "size": "S"}', []),
        ('{"category": "x", "size": "XL"}', ["ACC125"]),
        ('{"category": "x", "listed": "XL"}', []),
        ('{"priority": 3}', ["ACC124"]),
        ("", ["ACC124"]),
        ('{"prio": 1, "size": "XL"}', ["ACC121", "ACC124", "ACC125"]),
        ("{broken", []),
        ("[1]", []),
        ("[" * 100_000, []),
    ],
)
def test_the_attributes_of_a_cell_are_compared_with_their_definitions(cell: str, expected: list[str]) -> None:
    assert sorted(codes("coupons", CAMPAIGN, "attributes", cell)) == expected


def test_attributes_are_not_checked_if_the_account_does_not_show_them() -> None:
    complete = account().complete - {"attributes"}
    assert codes("coupons", CAMPAIGN, "attributes", '{"nope": 1}', complete=complete) == ["ACC124"]
    assert codes("giveaways", {"pool": 1}, "attributes", '{"nope": 1}', complete=complete) == []


def test_file_without_the_column_of_a_mandatory_attribute_gets_one_warning() -> None:
    known = KnownNames(account(), CONTRACTS["coupons"], CAMPAIGN)
    assert [fault.code for fault in known.of_file({"value"})] == ["ACC124"]
    assert known.of_file({"value", "attributes"}) == []


def test_cells_are_not_checked_in_a_target_that_does_not_fit() -> None:
    assert codes("loyalty-tiers", {"program": 4}, "tiername", "Nowhere") == []


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", "x", 1),
        ("number", 1.5, True),
        ("boolean", False, 0),
        ("time", "2026-11-30T10:00:00+01:00", "tomorrow"),
        ("(list string)", ["a"], "a"),
        ("(list number)", [], ["1"]),
        ("(list time)", ["2026-11-30T10:00:00Z"], ["x"]),
        ("location", {"lat": 1, "lng": 2}, 3),
    ],
)
def test_value_fits_its_attribute_type_only(kind: str, good: object, bad: object) -> None:
    assert (fits(kind, good), fits(kind, bad), fits("of the future", bad)) == (True, False, True)


def test_facts_describe_each_id() -> None:
    assert facts_of(account(), {**CAMPAIGN, "collection": 6}) == {
        "application": "1 'Web shop'",
        "campaign": "18 'Autumn' (enabled)",
        "collection": "6 'Own'",
    }
    assert facts_of(account(), {"program": 4, "pool": 2}) == {"program": "4 'Cards' (card-based)", "pool": "2"}


@pytest.mark.parametrize(
    ("contract", "ids", "header", "cells", "expected"),
    [
        ("loyalty-points", {"program": 4}, "customerprofileid", ["c-{}"], [("ACC114", 99)]),
        ("loyalty-points", {"program": 3}, "subledgerid", ["", "sub-{}"], [("ACC113", 49)]),
        (
            "loyalty-tiers",
            {"program": 3},
            "tiername",
            ["Gold", "Glod", "Iron", "Glod"],
            [("ACC111", 24), ("ACC111", 49)],
        ),
        ("stores", CAMPAIGN, "store_integration_id", ["BERLIN-1", "BERLIN_1"], [("ACC112", 49)]),
        (
            "coupons",
            CAMPAIGN,
            "attributes",
            ['"{{""category"": ""x"", ""priority"": ""{}"", ""nope"": 1}}"', ""],
            [("ACC121", 49), ("ACC123", 49), ("ACC124", 49)],
        ),
    ],
)
@pytest.mark.parametrize("block_bytes", [64, 1 << 20])
def test_cells_with_the_same_defect_are_one_finding_with_their_number(
    contract: str, ids: dict[str, int], header: str, cells: list[str], expected: list[tuple[str, int]],
    block_bytes: int, tmp_path: Path,
) -> None:  # fmt: skip
    file = tmp_path / "f.csv"
    rows = [cells[number % len(cells)].format(number) or '""' for number in range(100)]
    file.write_text("\n".join([header, *rows]) + "\n")
    known = KnownNames(account(), CONTRACTS[contract], ids)
    settings = ValidationSettings(select=("ACC",), named=known, block_bytes=block_bytes)
    (found,) = validate_files(CONTRACTS[contract], [file], settings=settings).files
    assert sorted((each.code, each.explains) for each in found.findings) == expected
    assert sum(found.counts.values()) == sum(others + 1 for _, others in expected)
    every = validate_files(CONTRACTS[contract], [file], settings=replace(settings, grouped=False)).files[0]
    assert (every.counts, {each.explains for each in every.findings}) == (found.counts, {0})
