"""The pipeline tells an observer each step in order, opens nothing before its turn, and keeps what ends a run."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest

from bulkops import reconcile, resume, submit
from bulkops.clock import SystemClock
from bulkops.errors import AccessRefused, FileChanged, Interrupted, UsageError
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import Destination, ImportRequest, import_file
from bulkops.pipeline.observer import Silent
from bulkops.sandbox.serve import SandboxServer
from bulkops.settings import Secret, Target
from bulkops.upload.guards import TargetDifference
from bulkops.upload.manual_resolution import cancel
from bulkops_validators import CONTRACTS


class Diary:
    """Records each call of an observer, with the number of jobs in the ledger at that time."""

    def __init__(self, ledger: Ledger, *, refusing: str = "") -> None:
        self.told: list[str] = []
        self._ledger = ledger
        self._refusing = refusing

    def __getattr__(self, name: str) -> Any:
        def hear(*_: object) -> None:
            if name not in {"moved", "note", "connected"}:
                self.told.append(f"{name} {len(self._ledger.jobs())}")
            if name == self._refusing:
                raise Interrupted("No.")

        return hear


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())
    yield found
    found.close()


def target(sandbox: SandboxServer, **ids: int) -> Target:
    return Target(base_url=sandbox.base_url, ids=ids, authorization=Secret("ManagementKey-v1 test"))


def collection(tmp_path: Path, text: str = "item\nred\n", **choices: Any) -> ImportRequest:
    file = tmp_path / "f.csv"
    file.write_text(text)
    return ImportRequest(contract=CONTRACTS["collections"], file=file, **choices)


def test_an_observer_gets_each_step_in_order_after_the_ledger_has_the_job(
    sandbox: SandboxServer, ledger: Ledger, tmp_path: Path
) -> None:
    diary = Diary(ledger)
    place = Destination.at(target(sandbox, collection=1), ledger)
    outcome = import_file(collection(tmp_path), place, clock=SystemClock(), observer=diary)
    assert (outcome.state, outcome.exit_code) == ("done", 0)
    assert diary.told == ["validated 0", "checked 0", "planned 0", "compared 0", "began 1", "ran 1"]


class Patient(SystemClock):
    """A clock by which a person thinks for a minute."""

    waited = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.waited


def test_a_comparison_is_repeated_after_a_long_wait_for_confirmation(
    sandbox: SandboxServer, ledger: Ledger, tmp_path: Path
) -> None:
    place, clock = Destination.at(target(sandbox, collection=1), ledger), Patient()
    import_file(collection(tmp_path, "item\nred\ngreen\n"), place, clock=clock)
    address = f"{sandbox.base_url}/v1/collections/1/import"
    others = {"upFile": ("f.csv", b"item\nblue\nblack\nbrown\n")}

    class Thinking(Silent):
        def compared(self, difference: TargetDifference) -> None:
            assert difference.removed == 1
            clock.waited = 60.0
            httpx.post(address, files=others, headers={"Authorization": "ManagementKey-v1 test"}).raise_for_status()

    request = collection(tmp_path, "item\nred\n", max_removals="1")
    outcome = import_file(request, place, clock=clock, observer=Thinking())
    assert (outcome.state, outcome.exit_code) == ("unfinished", 5)
    assert "would remove 3 of the 3" in str(outcome.error)
    assert sandbox.state.count("collection_item") == 3


def test_a_file_that_grows_while_its_job_is_reconciled_proves_nothing(
    sandbox: SandboxServer, ledger: Ledger, tmp_path: Path
) -> None:
    where = target(sandbox, collection=1)
    outcome = import_file(collection(tmp_path), Destination.at(where, ledger), clock=SystemClock())
    job = str(outcome.document["job"])
    others = {"upFile": ("f.csv", b"item\nblue\n")}
    address = f"{sandbox.base_url}/v1/collections/1/import"
    httpx.post(address, files=others, headers={"Authorization": "ManagementKey-v1 test"}).raise_for_status()
    file, said = tmp_path / "f.csv", []

    def grow(text: str) -> None:
        said.append(text)
        with file.open("a") as out:
            out.write("green\n")

    url = str(tmp_path / "ledger.db")
    with pytest.raises(FileChanged, match=r"has grown since the job began: \d+ new bytes"):
        reconcile("collections", file, where, job=job, settle=0.3, observer=grow, ledger=url)
    assert said
    assert ledger.job(job).reconciliation is None


def test_an_import_declined_after_the_plan_leaves_no_job(
    sandbox: SandboxServer, ledger: Ledger, tmp_path: Path
) -> None:
    diary = Diary(ledger, refusing="planned")
    place = Destination.at(target(sandbox, collection=1), ledger)
    with pytest.raises(Interrupted):
        import_file(collection(tmp_path), place, clock=SystemClock(), observer=diary)
    assert (diary.told, ledger.jobs()) == (["validated 0", "checked 0", "planned 0"], [])
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_a_dry_run_compares_and_writes_nothing(sandbox: SandboxServer, ledger: Ledger, tmp_path: Path) -> None:
    diary = Diary(ledger)
    place = Destination.at(target(sandbox, collection=1), ledger)
    outcome = import_file(collection(tmp_path, dry_run=True), place, clock=SystemClock(), observer=diary)
    assert (outcome.document["dry_run"], outcome.document["job"]) == (True, None)
    assert diary.told == ["validated 0", "checked 0", "planned 0", "compared 0"]
    assert not any((ledger.folder / "jobs").iterdir())


def test_a_file_with_errors_opens_neither_target_nor_ledger(tmp_path: Path) -> None:
    def never() -> AbstractContextManager[Any]:
        raise AssertionError

    request = collection(tmp_path, "item,colour\nred,1\n")
    outcome = import_file(request, Destination(target=never, ledger=never), clock=SystemClock())
    assert (outcome.state, outcome.exit_code, outcome.document["job"]) == ("refused", 1, None)


def test_a_failed_proof_still_returns_the_outcome_of_the_import(
    sandbox: SandboxServer, ledger: Ledger, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_text("value\nCODE-1\n")
    request = ImportRequest(contract=CONTRACTS["coupons"], file=file, reconcile=True)
    sandbox.set_faults("exports=403")
    place = Destination(
        target=lambda: nullcontext(target(sandbox, application=1, campaign=1)), ledger=lambda: nullcontext(ledger)
    )
    outcome = import_file(request, place, clock=SystemClock())
    assert (outcome.state, outcome.exit_code, outcome.verdict) == ("done", 2, None)
    assert isinstance(outcome.error, AccessRefused)


def test_a_cancelled_job_is_not_resumed_by_the_library_either(sandbox: SandboxServer, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("value\nCODE-1\n")
    place = target(sandbox, application=1, campaign=1)
    address = str(tmp_path / "ledger.db")
    sandbox.set_faults("imports@1=403")
    job = submit("coupons", file, place, ledger=address).document["job"]
    book = Ledger.open(address, clock=SystemClock())
    cancel(book, book.job(job))
    book.close()
    with pytest.raises(UsageError, match="was cancelled"):
        resume(job, place, ledger=address)
    assert sandbox.state.count("coupon") == 0
