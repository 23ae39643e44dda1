"""`jobs resume` and `run` where nothing is left to do: killed after the last write, done, cancelled, rejected."""

import sqlite3
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Shell
from tests.crash.truth import CASES, counted, rows_of

GIVEAWAYS = CASES["giveaways"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return GIVEAWAYS.write(tmp_path / "f.csv", records=20, seed=1)


@pytest.fixture
def job(shell: Shell, file: Path) -> str:
    """Return a job that is done but not proved, as a process leaves it that was killed after its last write."""
    ended = shell.run("import", "giveaways", str(file), "--pool", "1", "--json")
    assert ended.code == 0, ended.err
    return str(ended.json["job"])


def without_target(shell: Shell) -> Shell:
    return Shell(shell.state)


def test_resume_without_a_name_names_the_last_job_and_succeeds(shell: Shell, file: Path, job: str) -> None:
    file.unlink()  # archived meanwhile: it is not needed any more
    ended = without_target(shell).run("jobs", "resume", "--json")
    assert (ended.code, ended.json["job"], ended.json["state"]) == (0, job, "done"), ended.err
    assert f"There is nothing to resume. The latest job is {job}: done." in ended.err
    assert f"jobs resume {job} --reconcile" in ended.err
    text = without_target(shell).run("jobs", "resume")
    assert (text.code, f"{job}: done." in text.out) == (0, True)


def test_resume_of_a_done_job_by_name_succeeds_without_its_file(shell: Shell, file: Path, job: str) -> None:
    file.unlink()
    ended = without_target(shell).run("jobs", "resume", job)
    assert (ended.code, "There is nothing to resume" in ended.err) == (0, True), ended.err


def test_resume_with_reconcile_proves_a_done_job_once(
    shell: Shell, sandbox: SandboxServer, file: Path, job: str
) -> None:
    proved = shell.run("jobs", "resume", "--reconcile", "--json")
    assert (proved.code, proved.json["job"], proved.json["reconciliation"]["verdict"]) == (0, job, "proved"), proved.err
    reads = len(sandbox.requests)
    again = shell.run("jobs", "resume", "--reconcile", "--json")
    assert (again.code, again.json["reconciliation"]["verdict"]) == (0, "proved"), again.err
    assert "There is nothing to resume" in again.err
    assert len(sandbox.requests) == reads
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


def test_resume_of_a_job_with_a_mismatch_in_its_proof_fails(shell: Shell, sandbox: SandboxServer, job: str) -> None:
    with sandbox.state.database.writing() as connection:
        connection.execute("DELETE FROM giveaway WHERE id = (SELECT min(id) FROM giveaway)")
    assert shell.run("jobs", "resume", job, "--reconcile", "--settle", "0.3").code == 1
    ended = shell.run("jobs", "resume", "--json")
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (1, "mismatch"), ended.err


def test_resume_after_a_cancelled_job_has_nothing_to_do(shell: Shell, sandbox: SandboxServer, file: Path) -> None:
    sandbox.set_faults("imports@2=403")
    words = ("import", "giveaways", str(file), "--pool", "1", "--max-rows", "10", "--json")
    job = shell.run(*words).json["job"]
    assert shell.run("jobs", "cancel", job).code == 0
    ended = shell.run("jobs", "resume", "--json")
    assert (ended.code, ended.json["state"]) == (0, "cancelled"), ended.err
    named = shell.run("jobs", "resume", job)
    assert (named.code, "was cancelled" in named.err) == (2, True)


def test_resume_of_a_job_with_rejected_records_writes_them_if_that_was_not_done(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_text("value\nCODE-1\nCODE-2\n")
    assert shell.run("import", "coupons", str(file), "--application", "1", "--campaign", "1").code == 0
    file.write_text("value\nCODE-2\nCODE-3\n")
    words = ("import", "coupons", str(file), "--application", "1", "--campaign", "1", "--settle", "0.3", "--json")
    refused = shell.run(*words, "--again")  # CODE-2 was sent before
    assert (refused.code, refused.json["records"]["rejected"]) == (1, 1), refused.err
    rejects = Path(refused.json["rejected_file"])
    rejects.unlink()
    ended = shell.run("jobs", "resume", "--json")
    assert (ended.code, ended.json["rejected_file"]) == (1, str(rejects)), ended.err
    assert rejects.read_text() == "value\nCODE-2\n"
    assert shell.run("jobs", "resume", "--json").code == 1
    assert sandbox.state.count("coupon") == 3


def test_an_empty_ledger_has_no_job_to_resume(shell: Shell) -> None:
    ended = shell.run("jobs", "resume")
    assert (ended.code, "The ledger contains no job." in ended.err) == (2, True)


def test_a_recipe_with_a_finished_last_step_succeeds_again(shell: Shell, sandbox: SandboxServer, file: Path) -> None:
    recipe = file.with_name("recipe.yaml")
    recipe.write_text(f"name: gifts\nsteps:\n- contract: giveaways\n  file: {file}\n  ids: {{pool: 1}}\n")
    assert shell.run("run", str(recipe)).code == 0
    with sqlite3.connect(shell.state / "ledger.db") as connection:
        connection.execute("UPDATE jobs SET reconciliation = NULL")
    connection.close()
    again = shell.run("run", str(recipe), "--json")
    assert (again.code, again.json["steps"][0]["as_expected"]) == (0, True), again.err
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))
