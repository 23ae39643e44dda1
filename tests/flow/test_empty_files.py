"""Files without records: refused, unless the day may have none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import Destination, ImportRequest, import_file
from bulkops.sandbox.serve import SandboxServer
from bulkops.settings import Secret, Target
from bulkops.upload.workflow import Guards
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Mode
from tests.cli.running import Shell

ALL_IDS = {"application": 1, "campaign": 1, "program": 1, "pool": 1, "collection": 1, "audience": 1, "attribute": 1}
ADDING = [name for name, contract in CONTRACTS.items() if contract.mode is not Mode.REPLACE]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


@pytest.mark.parametrize("name", ADDING)
def test_a_file_without_records_is_done_with_allow_empty(name: str, sandbox: SandboxServer, tmp_path: Path) -> None:
    contract = CONTRACTS[name]
    file = tmp_path / "f.csv"
    file.write_text(",".join(column.name for column in contract.columns) + "\n")
    ids = ALL_IDS | ({"program": 2} if name == "loyalty-cards" else {})  # the card-based program
    target = Target(base_url=sandbox.base_url, ids=ids, authorization=Secret("ManagementKey-v1 k"))
    ledger = Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())
    request = ImportRequest(contract=contract, file=file, guards=Guards(allow_empty=True))
    for _ in range(2):  # the next day has none either
        outcome = import_file(request, Destination.at(target, ledger), clock=SystemClock())
        assert (outcome.state, outcome.exit_code, outcome.document["records"]["input"]) == ("done", 0, 0)
    assert [r for r in sandbox.requests if r.method == "POST"] == []
    ledger.close()


def test_a_points_file_without_records_is_an_error_that_names_the_option(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    shell = Shell(tmp_path / "state", sandbox.base_url)
    file = tmp_path / "points.csv"
    file.write_text("customerprofileid,amount\n")
    words = ("import", "loyalty-points", str(file), "--program", "1")
    refused = shell.run(*words)
    assert (refused.code, "STR110" in refused.out, "--allow-empty" in refused.err) == (1, True, True)
    assert sandbox.requests == []
    allowed = shell.run(*words, "--allow-empty", "--reconcile", "--settle", "1")
    assert allowed.code == 0, allowed.err
    assert "done. 0 records" in allowed.out
