"""The client imports, proves, resumes, decides, undoes and reports like the command line, for files and DataFrames."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import polars as pl
import pytest

import bulkops
from bulkops.client import (
    ExportArguments,
    FileReconcileArguments,
    RecipeArguments,
    ReportArguments,
    ResumeArguments,
)
from bulkops.errors import GuardRefused, UsageError

CODES = pl.DataFrame({"code": [f"GIFT-{n:04}" for n in range(30)]})


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bulkops.Client]:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    with bulkops.local_sandbox(pool=1, audience=1, application=1, campaign=1) as target:
        yield bulkops.Client(target, ledger=f"sqlite:///{tmp_path}/ledger.db")


def test_a_frame_is_imported_proved_and_recognised(client: bulkops.Client) -> None:
    outcome = client.import_file("giveaways", CODES, max_rows=10, reconcile=True)
    assert outcome.job is not None
    assert (outcome.job.state, outcome.job.records.accepted, outcome.job.verdict) == ("done", 30, "proved")
    assert outcome.job.to_frame()["records"].to_list() == [10, 10, 10]
    with pytest.raises(GuardRefused):
        client.import_file("giveaways", CODES)
    assert client.jobs.reconcile().verdict == "proved"
    assert client.reconcile("giveaways", CODES, import_ids=outcome.job.import_ids).matched == 30


def test_jobs_are_listed_the_newest_first(client: bulkops.Client) -> None:
    with pytest.raises(UsageError, match="no job"):
        client.jobs.get()
    first = client.import_file("giveaways", CODES[:5]).job
    second = client.import_file("giveaways", CODES[5:9]).job
    assert first is not None
    assert second is not None
    assert [job.id for job in client.jobs.list()] == [second.id, first.id]
    assert client.jobs.list(state="done", limit=1)[0].id == client.jobs.get().id == second.id
    assert client.jobs.list().to_frame()["accepted"].to_list() == [4, 5]
    assert not client.jobs.list(state="in_doubt")
    assert client.jobs.history(first.id)[0]["kind"] == "created"
    assert client.jobs.resume(first.id).idle


def test_a_replacement_is_undone(client: bulkops.Client) -> None:
    members = pl.DataFrame({"profileintegrationid": [f"customer-{n}" for n in range(40)]})
    assert client.import_file("audiences", members, guards=bulkops.Guards(), reconcile=True).verdict == "proved"
    fewer = client.import_file("audiences", members[:38], reconcile=True)
    assert fewer.job is not None
    assert client.jobs.undo(fewer.job.id).state == "done"
    assert client.reconcile("audiences", members).verdict == "proved"


def test_results_show_themselves_in_a_notebook(client: bulkops.Client) -> None:
    outcome = client.import_file("giveaways", CODES, reconcile=True)
    checked = bulkops.validate("giveaways", pl.DataFrame({"code": ["<b>", "", "A", "A"]}))
    for shown in (outcome, outcome.job, client.jobs.list(), checked, checked.findings, client.jobs.reconcile()):
        page = shown._repr_html_()  # type: ignore[union-attr]
        assert page.startswith("<")
        assert "<b></" not in page
        assert repr(shown)
    assert "30 accepted, proved" in repr(outcome)
    assert set(checked.findings.to_frame()["code"]) == set(checked.files[0].counts)


def test_a_frame_is_fixed_planned_and_validated(client: bulkops.Client) -> None:
    fixed = bulkops.fix("giveaways", pl.DataFrame({"code": [" A ", "B"]}), "fixed.csv")
    assert (fixed.report.changed, fixed.left.errors, [change.before for change in fixed.changes]) == (1, 0, [" A "])
    assert bulkops.plan("giveaways", CODES, max_rows=7).records == 30
    Path("theirs.csv").write_text("x")
    with pytest.raises(UsageError):
        bulkops.fix("giveaways", CODES, "theirs.csv")
    assert client.report("report.html", client.import_file("giveaways", "fixed.csv").document["job"]).exists()


def test_a_recipe_runs_against_its_own_sandbox() -> None:
    results = bulkops.run("demo")
    assert all(result.as_expected for result in results)
    assert len(results) > 10


def test_client_arguments_are_those_of_the_functions() -> None:
    """A typed argument that its function lacks would fail only when it is used."""
    pairs = (
        (ExportArguments, bulkops.export, {"what", "out", "where", "ledger"}),
        (FileReconcileArguments, bulkops.reconcile, {"contract", "file", "where", "ledger", "ids", "saved"}),
        (RecipeArguments, bulkops.run, {"recipe", "where", "variables", "ledger", "observer"}),
        (ResumeArguments, bulkops.resume, {"job", "where", "ledger", "observer"}),
        (ReportArguments, bulkops.report, {"out", "jobs", "ledger"}),
    )
    for arguments, function, given in pairs:
        signature = get_type_hints(function)
        assert get_type_hints(arguments) == {n: t for n, t in signature.items() if n not in {*given, "return"}}


def test_plans_and_repairs_are_short_in_a_notebook_and_become_frames(tmp_path: Path) -> None:
    plan = bulkops.plan("giveaways", CODES, max_rows=10)
    assert "30 records" in repr(plan)
    assert "3 chunks" in repr(plan)
    assert plan.to_frame()["first_record"].to_list() == [1, 11, 21]
    fixed = bulkops.fix("giveaways", pl.DataFrame({"code": [" A-1", "A-2"]}), tmp_path / "fixed.csv")
    assert "1 of 2 records changed" in repr(fixed)
    assert fixed.to_frame()["line"].to_list() == [2]
    assert "A-1" in fixed._repr_html_()
