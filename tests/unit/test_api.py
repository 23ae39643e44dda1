"""The library raises errors of bulkops for impossible calls, and handles jobs, letter case and balances."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import bulkops
from bulkops.errors import GuardRefused, InputUnreadable, UsageError
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.request import request_of
from bulkops.settings import Target


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    Path("codes.csv").write_text("code\nA\nB\n")
    Path("saved.csv").write_text("code,startdate,enddate,attributes,importid\nA,,,,7\nB,,,,7\nB,,,,8\n")


def place() -> Target:
    return bulkops.target("http://127.0.0.1:9", key="k", application=1)


REFUSED: dict[str, Callable[[], object]] = {
    "an id that no target has": lambda: bulkops.target("http://127.0.0.1:9", key="k", card=1),
    "an id that is no number": lambda: bulkops.target("http://127.0.0.1:9", key="k", pool="x"),  # type: ignore[arg-type]
    "no path": lambda: bulkops.export("coupons", 3, place()),  # type: ignore[arg-type]
    "no folder": lambda: bulkops.export("coupons", "none/x.csv", place()),
    "a switch that is neither on nor off": lambda: bulkops.export(
        "coupons", "x.csv", place(), filters={"values-only": "yes"}
    ),
    "a filter that is none": lambda: bulkops.export("coupons", "x.csv", place(), filters={"card": "x"}),
    "a name that is none": lambda: bulkops.export("coupons", "x.csv", place(), names={"card": "x"}),
    "a window where nothing can be cut": lambda: bulkops.export("stores", "x.csv", place(), window="1d"),
    "a case that is none": lambda: bulkops.reconcile("giveaways", "codes.csv", saved="saved.csv", case="upper"),
    "two sides": lambda: bulkops.reconcile("giveaways", "codes.csv", place(), saved="saved.csv"),
    "no side": lambda: bulkops.reconcile("giveaways", "codes.csv"),
    "a job that is not there": lambda: bulkops.reconcile("giveaways", "codes.csv", saved="saved.csv", job="x"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_impossible_call_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError):
        REFUSED[name]()
    assert not Path("none").exists()


@pytest.mark.parametrize("function", [
    lambda: bulkops.validate("coupons", "none.csv"), lambda: bulkops.plan("coupons", "none.csv"),
    lambda: bulkops.reconcile("giveaways", "none.csv", saved="saved.csv"),
    lambda: bulkops.reconcile("giveaways", "codes.csv", saved="none.csv"),
])  # fmt: skip
def test_a_missing_file_is_unreadable_for_every_function(function: Callable[[], object]) -> None:
    with pytest.raises(InputUnreadable):
        function()


def test_filters_may_be_values_of_python() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    filters = {"created-after": moment, "created-before": moment.date(), "values-only": True, "referral": 3}
    params = request_of(EXPORTS["coupons"], {"application": 1}, {}, filters).question().params
    assert params["createdAfter"] == params["createdBefore"] == "2026-01-01T00:00:00Z"
    assert (params["valuesOnly"], params["referralId"]) == ("true", "3")


def test_import_ids_separate_the_rows_of_a_file_from_others() -> None:
    proof = bulkops.reconcile("giveaways", "codes.csv", saved="saved.csv", import_ids=[7])
    assert (proof.verdict, proof.found) == ("proved", 2)


def test_a_job_is_proved_by_its_own_file_and_the_proof_is_kept() -> None:
    with bulkops.local_sandbox(pool=1) as target:
        job = str(bulkops.submit("giveaways", "codes.csv", target).document["job"])
        Path("other.csv").write_text("code\nA\nC\n")
        with pytest.raises(GuardRefused):
            bulkops.reconcile("giveaways", "other.csv", target, job=job, settle=0)
        assert bulkops.reconcile("giveaways", "codes.csv", target, job=job, settle=0).verdict == "proved"
    text = bulkops.report("report.md", job).read_text(encoding="utf-8")
    assert "nothing is proved" not in text


def test_the_functions_are_listed_before_they_are_imported() -> None:
    assert {"export", "reconcile", "validate"} <= set(dir(bulkops))
