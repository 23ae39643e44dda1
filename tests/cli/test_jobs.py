"""`bulkops jobs` from the outside."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import KEY, Shell
from tests.crash.truth import CASES

GIVEAWAYS = CASES["giveaways"]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(key=KEY) as server:
        yield server


@pytest.fixture
def shell(sandbox: SandboxServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path / "state", sandbox.base_url)


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
    assert shell.run("jobs", "resume").code == 2
    assert shell.run("jobs", "cancel", job).code == 2
    assert sandbox.state.count("giveaway") == 10


def test_undo_puts_back_what_a_replacement_removed(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("item\nred\ngreen\n")
    new.write_text("item\nred\nblue\n")
    assert shell.run("import", "collections", str(old), "--collection", "1").code == 0
    refused = shell.run("import", "collections", str(new), "--collection", "1", "--json")
    assert (refused.code, "--max-removals 1" in refused.json["error"]["hint"]) == (5, True)
    replaced = shell.run("import", "collections", str(new), "--collection", "1", "--max-removals", "1", "--json")
    assert replaced.code == 0
    assert shell.run("jobs", "undo", replaced.json["job"]).code == 0
    assert [row["item"] for row in sandbox.state.rows("collection_item", owner=1)] == ["red", "green"]


def test_unknown_jobs_and_empty_ledgers_are_told_plainly(shell: Shell) -> None:
    assert shell.run("jobs", "show", "nothing").code == 2
    assert shell.run("jobs", "show").code == 2
    assert "no jobs yet" in shell.run("jobs", "list").out


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


def test_undo_leaves_what_came_after_the_job_unless_told(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
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
    assert shell.run("jobs", "undo", job, "--max-removals", "3").code == 0
    assert [row["item"] for row in sandbox.state.rows("collection_item", owner=1)] == ["red"]
