"""The operations listed for a command are those that it requests."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bulkops
from bulkops.account.reading import LISTS, SEARCH, SINGLES
from bulkops.exporting.catalog import EXPORTS
from bulkops.sandbox.serve import SandboxServer
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.operations import Operation, operations_of

ALL = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.name)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))


def shape(method: str, path: str) -> tuple[str, str]:
    return method, re.sub(r"\{[\w-]+\}", "{}", path)


def shapes(operations: tuple[Operation, ...]) -> set[tuple[str, str]]:
    return {shape(o.method, o.path) for o in operations}


PREFLIGHT = {shape("GET", each.path) for each in LISTS.values()}
PREFLIGHT |= {shape("GET", path) for _, path in SINGLES.values()} | {shape("POST", SEARCH)}
PREFLIGHT |= {shape("GET", r.search.path) for each in CONTRACTS.values() for r in each.routes if r.search}


@ALL
def test_commands_of_a_contract_request_the_listed_operations(
    contract: Contract, sandbox: SandboxServer, tmp_path: Path
) -> None:
    route = contract.routes[0]
    ids = dict.fromkeys(route.ids, 1) | ({"program": 2} if contract.name == "loyalty-cards" else {})
    names = contract.required_names + tuple(e.columns[0] for e in contract.exclusive if e.whole_file)
    file = tmp_path / "f.csv"
    file.write_text(",".join(names) + "\n" + ",".join(contract.column(name).example for name in names) + "\n")
    where = bulkops.target(sandbox.base_url, key="k", **ids)
    listed = {
        command: {o for o in operations if o.method == "GET" or o.path == route.path}
        for command, operations in operations_of(contract).items()
    }
    if len(contract.routes) > 1:
        own = {route.path, route.readback.path if route.readback else ""}
        listed = {command: {o for o in found if o.path in own} for command, found in listed.items()}
    for command in ("import", "reconcile"):
        before = len(sandbox.requests)
        if command == "import":
            bulkops.submit(contract, file, where, reconcile=True)
        elif listed["reconcile"]:
            bulkops.reconcile(contract, file, where, settle=0)
        found = {shape(each.method, each.template) for each in sandbox.requests[before:]}
        optional = PREFLIGHT if command == "import" else set()
        assert found - optional == shapes(tuple(listed[command])) - optional
        assert found >= shapes(tuple(listed[command]))


def test_names_and_paths_of_the_operations_are_those_that_the_sandbox_serves() -> None:
    from bulkops.sandbox.app import OPERATIONS

    served = {each.name: shape(each.method, each.path) for group in OPERATIONS.values() for each in group}
    for contract in CONTRACTS.values():
        for operations in operations_of(contract).values():
            assert all(served[o.name] == shape(o.method, o.path) for o in operations)
    paths = {path for _, path in served.values()}
    assert all(shape("GET", path)[1] in paths for e in EXPORTS.values() for path in e.paths)
