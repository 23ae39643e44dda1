"""Every shipped recipe runs its invented export of a legacy tool to the proof."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

import bulkops
from bulkops.catalog import copy_recipe, shipped_recipes
from bulkops.errors import UsageError
from bulkops.pipeline.recipes import StepResult
from bulkops.recipe import load_recipe
from bulkops.sandbox.serve import SandboxServer
from bulkops.settings import Target, authorization_value
from bulkops.upload.options import RunOptions
from tests.cli.running import KEY

MIGRATIONS = sorted(set(shipped_recipes()) - {"demo"})
LEGACY = Path(__file__).parents[2] / "sample_data" / "legacy"


def run(name: str, sandbox: SandboxServer, folder: Path) -> list[StepResult]:
    key = authorization_value("ManagementKey-v1", KEY)
    where = Target(base_url=sandbox.base_url, ids={}, authorization=key, name="sandbox")
    return bulkops.run(name, where, ledger=f"sqlite:///{folder}/ledger.db", settings=RunOptions(settle=0.1))


def rows(name: str, separator: str = ",") -> list[dict[str, str]]:
    with (LEGACY / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


@pytest.mark.parametrize("name", MIGRATIONS)
def test_a_shipped_recipe_is_proved_and_accounts_for_every_row(
    name: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    for result in run(name, sandbox, tmp_path):
        assert result.as_expected, result.trouble
        assert result.outcome is not None
        assert result.mapping is not None
        assert result.outcome.verdict == "proved"
        assert result.mapping.source_rows == result.mapping.rows_used + result.mapping.left_out
        counts = result.outcome.document["records"]
        assert counts["input"] == counts["accepted"] == result.mapping.records > 0
        sums = (result.outcome.document["reconciliation"] or {}).get("sums", [])
        assert {each["subledger"]: Decimal(each["found"]) for each in sums} == result.mapping.sums
        assert result.step.options.get("notifications", False) is False


def test_every_shipped_migration_has_a_section_in_the_docs() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "shipped-recipes.md"
    sections = [
        line.removeprefix("## ") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("## ")
    ]
    assert sorted(sections) == MIGRATIONS


@pytest.mark.parametrize("name", MIGRATIONS)
def test_a_copied_recipe_names_its_copied_files(name: str, tmp_path: Path) -> None:
    recipe, *samples = copy_recipe(name, tmp_path)
    step = load_recipe(recipe, {}).steps[0]
    assert step.source is not None
    assert step.source.file == samples[0]
    with pytest.raises(UsageError, match="exists"):
        copy_recipe(name, tmp_path)


def test_shopify_codes_keep_the_uses_that_are_left(sandbox: SandboxServer, tmp_path: Path) -> None:
    run("shopify-discounts", sandbox, tmp_path)
    held = {row["value"]: int(row["limitval"]) for row in sandbox.state.rows("coupon")}
    for row in rows("shopify-discounts.csv"):
        limit = row["Limit Total Times"]
        left = int(limit) - int(row["Code Used Count"]) if limit else 0
        assert held.get(row["Code"].strip().upper()) == (left if row["Status"] != "Expired" else None)


def test_gift_card_balances_add_up_to_the_legacy_file(sandbox: SandboxServer, tmp_path: Path) -> None:
    run("gift-cards", sandbox, tmp_path)
    text = (LEGACY / "gift-cards.csv").read_text(encoding="utf-8").split("\n", 2)[2]
    legacy = [row for row in csv.DictReader(text.splitlines(), delimiter=";") if row["Status"] == "aktiv"]
    wanted = sum(Decimal(row["Restguthaben"].replace(".", "").replace(",", ".")) for row in legacy)
    assert sum(Decimal(str(row["discountlimit"])) for row in sandbox.state.rows("coupon")) == wanted


def test_inactive_cards_come_last_and_take_no_points(sandbox: SandboxServer, tmp_path: Path) -> None:
    results = run("open-loyalty", sandbox, tmp_path)
    assert [(r.step.contract, r.step.constants.get("state")) for r in results] == [
        ("loyalty-cards", "active"), ("loyalty-points", None), ("loyalty-cards", "inactive"),
    ]  # fmt: skip
    inactive = {row["loyaltyCardNumber"] for row in rows("open-loyalty-members.csv") if not row["active"]}
    assert results[1].mapping is not None
    mapped = results[1].mapping.path.read_text(encoding="utf-8")
    assert not any(card in mapped for card in inactive)
    assert results[1].mapping.sums.keys() == {"", "coins"}, "the main wallet is in no subledger"


def test_variants_have_the_status_of_their_product(sandbox: SandboxServer, tmp_path: Path) -> None:
    """Only the first row of a product has a status in an export of Shopify."""
    run("products-collection", sandbox, tmp_path)
    products = rows("products.csv")
    status = {row["URL handle"]: row["Status"] for row in products if row["Title"]}
    wanted = {row["SKU"] for row in products if row["SKU"] and status[row["URL handle"]] == "active"}
    assert {str(row["item"]) for row in sandbox.state.rows("collection_item")} == wanted
    assert len(wanted) > sum(found == "active" for found in status.values())


def test_a_coupon_for_several_customers_is_left_out(sandbox: SandboxServer, tmp_path: Path) -> None:
    """A coupon has one recipient: without one, everybody could use it."""
    run("woocommerce-coupons", sandbox, tmp_path)
    held = {str(row["value"]): row["recipient"] or "" for row in sandbox.state.rows("coupon")}
    several = [row["post_title"] for row in rows("woocommerce-coupons.csv") if "," in row["customer_email"]]
    assert several
    assert not held.keys() & set(several)
    assert held == {
        row["post_title"]: row["customer_email"] for row in rows("woocommerce-coupons.csv") if row["post_title"] in held
    }


def test_stripe_codes_that_are_used_up_are_left_out(sandbox: SandboxServer, tmp_path: Path) -> None:
    source = tmp_path / "codes.jsonl"
    lines = (LEGACY / "stripe-promotion-codes.jsonl").read_text(encoding="utf-8").splitlines()[:2]
    used_up = {**json.loads(lines[1]), "code": "USEDUP", "max_redemptions": 2, "times_redeemed": 2}
    source.write_text("\n".join([*lines, json.dumps(used_up)]) + "\n", encoding="utf-8")
    key = authorization_value("ManagementKey-v1", KEY)
    where = Target(base_url=sandbox.base_url, ids={}, authorization=key, name="sandbox")
    (result,) = bulkops.run(
        "stripe-promotion-codes", where, variables={"source": str(source)}, ledger=f"sqlite:///{tmp_path}/ledger.db",
        settings=RunOptions(settle=0.1),
    )  # fmt: skip
    assert result.mapping is not None
    assert (result.mapping.left_out, sandbox.state.count("coupon")) == (1, 2)
