"""Reconcile with a target: exports that lag, imports with equal rows, jobs, and contracts without a read-back."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.reconciling.result import Reconciliation, Verdict
from bulkops.reconciling.run import EvidenceSource, ImportFacts, reconcile
from bulkops.sandbox.serve import SandboxServer
from bulkops.sandbox.world_file import load_world
from bulkops.settings import Secret, Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import NoLimiter
from bulkops_validators import CONTRACTS

IDS = {"application": 1, "campaign": 1, "program": 1, "pool": 1, "attribute": 1}


class Body:
    """A file part held in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.length = len(data)

    def __iter__(self) -> Iterator[bytes]:
        yield self.data


class Deployment:
    """A sandbox, a client of it, and short methods for the actions of the tests."""

    def __init__(self, server: SandboxServer) -> None:
        self.client = ApiClient(
            Target(base_url=server.base_url, ids=IDS, authorization=Secret("ManagementKey-v1 k")),
            clock=SystemClock(),
            limiter=NoLimiter(),
        )

    def send(self, contract: str, file: Path) -> int:
        route = CONTRACTS[contract].route(self.ids(contract))
        answer = self.client.post_file(
            route.path, self.ids(contract), {}, filename="f.csv", parts=Body(file.read_bytes())
        )
        return int(answer.body["id"])

    def ids(self, contract: str) -> dict[str, int]:
        return {name: IDS[name] for name in CONTRACTS[contract].routes[0].ids}

    def reconcile(
        self, contract: str, file: Path, *, known: ImportFacts | None = None, settle: float = 0
    ) -> Reconciliation:
        evidence = EvidenceSource(client=self.client, ids=self.ids(contract), options={})
        return reconcile(CONTRACTS[contract], file, evidence, known=known, settle=settle)


@pytest.fixture
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    faults = getattr(request, "param", None)
    with SandboxServer(rate_limit=0, faults=faults) as server:
        made = Deployment(server)
        with made.client:
            yield made


@pytest.fixture
def points(tmp_path: Path) -> Path:
    path = tmp_path / "points.csv"
    path.write_text(
        "customerprofileid,amount,reason\n" + "".join(f"customer-{n:04},{n}.50,r{n}\n" for n in range(1, 8))
    )
    return path


def test_two_imports_of_the_same_rows_are_distinguished(deployment: Deployment, points: Path) -> None:
    first, second = deployment.send("loyalty-points", points), deployment.send("loyalty-points", points)
    one = deployment.reconcile("loyalty-points", points, known=ImportFacts(import_ids=[first]))
    assert (one.verdict, one.found, one.unexpected) == (Verdict.PROVED, 7, 0)
    both = deployment.reconcile("loyalty-points", points, known=ImportFacts(import_ids=[first, second]))
    assert (both.verdict, both.unexpected) == (Verdict.MISMATCH, 7)


@pytest.mark.parametrize("deployment", ["importCoupons=lag:2"], indirect=True)
def test_an_export_that_lags_is_read_again_until_the_rows_are_there(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "coupons.csv"
    file.write_text("value\nLAGGING-1\nLAGGING-2\n")
    deployment.send("coupons", file)
    result = deployment.reconcile("coupons", file, settle=30)
    assert result.verdict is Verdict.PROVED
    assert result.readings > 1


def test_rows_that_never_appear_are_missing_after_two_equal_read_backs(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "coupons.csv"
    file.write_text("value\nNEVER-SENT\n")
    result = deployment.reconcile("coupons", file, settle=1)
    assert (result.verdict, result.missing) == (Verdict.MISMATCH, 1)
    assert result.readings >= 2


def test_codes_are_compared_as_the_application_folds_them(tmp_path: Path) -> None:
    world = load_world(None)
    first, *others = world.applications
    folding_first = first.model_copy(update={"case_sensitivity": "insensitive-uppercase"})
    with SandboxServer(
        rate_limit=0, world=world.model_copy(update={"applications": (folding_first, *others)})
    ) as server:
        folding = Deployment(server)
        file = tmp_path / "coupons.csv"
        file.write_text("value\nmixed-Case-1\n")
        with folding.client:
            folding.send("coupons", file)
            assert folding.reconcile("coupons", file).verdict is Verdict.PROVED


def test_contract_without_a_read_back_is_checked_by_its_amount(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "values.csv"
    file.write_text("item\nred\nblue\n")
    agreed = deployment.reconcile("attribute-values", file, known=ImportFacts(amount=2))
    assert (agreed.verdict, agreed.exit_code) == (Verdict.UNPROVABLE, 0)
    other = deployment.reconcile("attribute-values", file, known=ImportFacts(amount=1))
    assert (other.verdict, other.exit_code) == (Verdict.MISMATCH, 1)


def test_window_excludes_rows_created_before_it(deployment: Deployment, points: Path) -> None:
    deployment.send("loyalty-points", points)
    later = ImportFacts(after=datetime.now(UTC) + timedelta(hours=1))
    assert deployment.reconcile("loyalty-points", points, known=later).missing == 7
    earlier = ImportFacts(after=datetime.now(UTC) - timedelta(hours=1))
    assert deployment.reconcile("loyalty-points", points, known=earlier).verdict is Verdict.PROVED


def test_the_document_can_be_kept_as_json(deployment: Deployment, points: Path) -> None:
    deployment.send("loyalty-points", points)
    document = json.loads(json.dumps(deployment.reconcile("loyalty-points", points).to_json()))
    assert document["evidence"] == "getLoyaltyProgramTransactions"
