"""The contracts are complete, sourced, and named nowhere else."""

import ast
import dataclasses
from pathlib import Path

import pytest

from bulkops.exporting.catalog import OTHERS
from bulkops_validators import CONTRACTS, ID_NAMES
from bulkops_validators.model.contract import Contract, Mode

ROOT = Path(__file__).parents[3]
ALL = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda c: c.name)
KNOWN = {
    "attribute-values", "audiences", "collections", "coupons", "giveaways", "loyalty-cards", "loyalty-join-dates",
    "loyalty-points", "loyalty-tiers", "referrals", "store-budgets", "stores",
}  # fmt: skip
NAMES = set(CONTRACTS)


def test_contracts_are_found_by_the_names_of_their_modules() -> None:
    folder = ROOT / "validators" / "bulkops_validators"
    modules = {path.stem.replace("_", "-") for path in folder.glob("*.py")} - {"--init--"}
    assert modules == NAMES >= KNOWN


def test_id_names_are_those_of_all_routes() -> None:
    assert set(ID_NAMES) == {name for contract in CONTRACTS.values() for route in contract.routes for name in route.ids}
    assert len(ID_NAMES) == len(set(ID_NAMES))
    assert {"application", "campaign", "program", "pool", "collection", "audience", "attribute"} <= set(ID_NAMES)


@ALL
def test_every_constraint_has_a_source(contract: Contract) -> None:
    for column in contract.columns:
        for constraint in dataclasses.fields(column.cell):
            value = getattr(column.cell, constraint.name)
            if value != constraint.default and constraint.name not in {"entity", "separator", "expected_future"}:
                assert constraint.name in column.sources, f"{column.name}: {constraint.name}"
        if column.required:
            assert "required" in column.sources, column.name
    sources = [u.source for u in contract.unique] + [o.source for o in contract.ordered]
    assert all(sources + [e.source for e in contract.exclusive])
    assert contract.source
    assert contract.limits.source
    assert contract.evidence


@ALL
def test_columns_named_by_rules_and_read_backs_exist(contract: Contract) -> None:
    names = set(contract.column_names)
    assert len(names) == len(contract.columns)
    for unique in contract.unique:
        assert set(unique.columns) <= names
    for pair in contract.ordered:
        assert {pair.start, pair.end} <= names
    for exclusive in contract.exclusive:
        assert set(exclusive.columns) <= names
    for route in contract.routes:
        assert set(route.ids) <= set(ID_NAMES)
        if route.readback is not None:
            assert {column.column for column in route.readback.columns} <= names
            assert set(route.readback.key) <= {column.column for column in route.readback.columns}


@ALL
def test_a_route_is_chosen_by_the_ids_given(contract: Contract) -> None:
    for route in contract.routes:
        assert contract.route(dict.fromkeys(route.ids, 1)) is route
    with pytest.raises(LookupError):
        contract.route({})


def test_only_replacing_contracts_must_not_be_split() -> None:
    unsplittable = {name for name, c in CONTRACTS.items() if not c.mode.splittable}
    assert unsplittable & KNOWN == {"attribute-values", "audiences", "collections", "stores", "store-budgets"}
    assert unsplittable == {name for name, c in CONTRACTS.items() if c.mode is Mode.REPLACE}
    assert {c.mode for c in CONTRACTS.values()} == set(Mode)


def test_append_contracts_identify_rows_by_import_id() -> None:
    for contract in CONTRACTS.values():
        if contract.mode is Mode.APPEND:
            assert all(
                route.readback and route.readback.import_id and route.readback.multiset for route in contract.routes
            )


def _decisions_on_names(path: Path) -> list[int]:
    """Return the lines where a contract's name decides something: a comparison, a case, or a look-up."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare | ast.MatchValue):
            texts = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
            if texts & NAMES:
                found.append(node.lineno)
    return found


def _modules_outside() -> list[Path]:
    # The sandbox plays the server and speaks of features such as "coupons": it is written from the API alone.
    modules = [p for p in (ROOT / "bulkops").rglob("*.py") if "sandbox" not in p.parts]
    return modules + list((ROOT / "validators" / "bulkops_validators" / "model").rglob("*.py"))


def test_no_code_outside_the_contracts_branches_on_a_contract_name() -> None:
    assert {str(p): lines for p in _modules_outside() if (lines := _decisions_on_names(p))} == {}


# Parts of an account, in its snapshot and its printed form, that have names like contracts.
OF_ACCOUNTS = {"coupons", "stores", "collections", "audiences"}


def test_no_string_outside_the_contracts_is_a_contract_name() -> None:
    found = {}
    for path in _modules_outside():
        of_accounts = "account" in path.parts or path.name in ("snapshot.py", "checkup.py")
        # An export that a contract has come for is still listed among the others, where nothing uses it any more.
        names = NAMES - {export.name for export in OTHERS} - (OF_ACCOUNTS if of_accounts else set())
        texts = (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Constant))
        if lines := [n.lineno for n in texts if isinstance(n.value, str) and n.value in names]:
            found[str(path)] = lines
    assert found == {}
