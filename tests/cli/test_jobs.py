"""`bulkops jobs` from the outside."""

import subprocess
import sys
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.store import Ledger
from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Shell
from tests.crash.truth import CASES
from tests.unit.ledger.test_store import CHUNK, JOB

GIVEAWAYS = CASES["giveaways"]


def test_a_doubtful_job_is_shown_resolved_and_resumed(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    sandbox.set_faults("imports@1=refuse:partial:4")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=30, seed=1)
    words = ("import", "giveaways", str(file), "--pool", "1", "--max-rows", "10", "--settle", "0.3")
    ended = shell.run(*words)
    assert ended.code == 4
    assert "jobs resolve" in ended.err
    shown = shell.run("jobs", "show", "--json", "--history").json
    assert (shown["state"], shown["records"]["in_doubt"]) == ("in_doubt", 10)
    assert any(event["kind"] == "undecided" and event["rows"] == 3 for event in shown["history"])
    assert "undecided" in shell.run("jobs", "show").out
    listed = shell.run("jobs", "list", "--json").json["jobs"]
    assert [(job["job"], job["state"]) for job in listed] == [(shown["job"], "in_doubt")]
    assert shell.run("jobs", "resolve", shown["job"], "2", "--as", "accepted", "--reason", "x").code == 2
    assert shell.run("jobs", "resolve", shown["job"], "1", "--as", "resend", "--reason", " ").code == 2
    resolved = shell.run(
        "jobs", "resolve", shown["job"], "1", "--as", "resend", "--reason", "took the three out", "--json"
    )
    assert (resolved.code, resolved.json["records"]["pending"]) == (0, 10)
    assert shell.run("jobs", "resume").code == 0
    assert sandbox.state.count("giveaway") == 33


def test_a_cancelled_job_is_never_resumed(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    sandbox.set_faults("imports@2=403")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=20, seed=1)
    job = shell.run("import", "giveaways", str(file), "--pool", "1", "--max-rows", "10", "--json").json["job"]
    assert shell.run("jobs", "cancel", job, "--json").json["state"] == "cancelled"
    assert shell.run("jobs", "resume", job).code == 2
    assert shell.run("jobs", "resume").code == 0  # nothing is left to do
    assert shell.run("jobs", "cancel", job).code == 2
    assert sandbox.state.count("giveaway") == 10


def test_undo_restores_the_rows_that_a_replacement_removed(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("item\nred\ngreen\n")
    new.write_text("item\nred\nblue\n")
    assert shell.run("import", "collections", str(old), "--collection", "1").code == 0
    refused = shell.run("import", "collections", str(new), "--collection", "1", "--json")
    assert (refused.code, "--max-removals 1" in refused.json["error"]["hint"]) == (5, True)
    replaced = shell.run("import", "collections", str(new), "--collection", "1", "--max-removals", "1", "--json")
    assert replaced.code == 0
    assert shell.run("jobs", "undo", replaced.json["job"], "--yes", "--max-removals", "1").code == 0
    assert [row["item"] for row in sandbox.state.rows("collection_item", owner=1)] == ["red", "green"]


def test_an_unknown_job_is_exit_2_and_an_empty_ledger_is_reported(shell: Shell) -> None:
    assert shell.run("jobs", "show", "nothing").code == 2
    assert shell.run("jobs", "show").code == 2
    assert "contains no jobs" in shell.run("jobs", "list").out


def test_undo_of_a_job_that_changed_nothing_is_refused(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("item\nred\ngreen\n")
    other.write_text("item\n" + "".join(f"item-{n}\n" for n in range(30)))
    words = ("--collection", "1", "--max-removals", "100%")
    assert shell.run("import", "collections", str(one), *words).code == 0
    skipped = shell.run("import", "collections", str(one), *words, "--json").json
    assert skipped["records"]["skipped"] == 2
    assert shell.run("import", "collections", str(other), *words).code == 0
    ended = shell.run("jobs", "undo", skipped["job"])
    assert (ended.code, "changed nothing" in ended.err) == (2, True)
    assert sandbox.state.count("collection_item") == 30


def test_undo_keeps_rows_imported_after_the_job_without_max_removals(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    def items(*names: str) -> str:
        file = tmp_path / f"{'-'.join(names)}.csv"
        file.write_text("item\n" + "".join(f"{name}\n" for name in names))
        words = ("--collection", "1", "--max-removals", "100%", "--json")
        return str(shell.run("import", "collections", str(file), *words).json["job"])

    items("red")
    job = items("red", "green")
    items("blue", "black", "brown")
    refused = shell.run("jobs", "undo", job, "--json")
    assert (refused.code, "remove 3 of the 3" in refused.json["error"]["message"]) == (5, True)
    assert sandbox.state.count("collection_item") == 3
    assert len(shell.run("jobs", "list", "--json").json["jobs"]) == 3
    assert shell.run("jobs", "undo", job, "--max-removals", "3", "--yes").code == 0
    assert [row["item"] for row in sandbox.state.rows("collection_item", owner=1)] == ["red"]


@pytest.mark.parametrize("words", [("list",), ("show",), ("show", "--json")])
def test_listing_jobs_imports_no_heavy_library(words: tuple[str, ...], shell: Shell) -> None:
    ledger = Ledger.open(str(shell.state / "ledger.db"), clock=SystemClock())
    ledger.create(JOB, [CHUNK])
    ledger.close()
    code = (
        "import sys; from bulkops.cli.main import cli; "
        f"cli.main(['jobs', *{words!r}], standalone_mode=False); "
        "heavy = {'polars', 'numpy', 'httpx', 'duckdb', 'pandera', 'pydantic', 'sqlalchemy', 'filelock'}; "
        "sys.exit(','.join(heavy & set(sys.modules)) or 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=shell.environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, JOB.id in ended.stdout) == (0, True), ended.stderr


def test_a_server_that_asks_to_wait_a_day_ends_the_run(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    sandbox.set_faults("imports@1=429:86400")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=5, seed=1)
    ended = shell.run("import", "giveaways", str(file), "--pool", "1", "--json")
    assert ended.code == 3, ended.err
    assert ended.json["records"]["pending"] == 5, ended.err
    assert "86,400 s" in ended.json["error"]["message"]
    assert "UTC" in ended.err
    assert shell.run("jobs", "resume").code == 0
