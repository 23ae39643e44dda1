"""A ledger can be backed up while in use, restored anywhere, checked, and pruned without losing its guards."""

import json
import os
import shutil
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bulkops.ledger.care import back_up
from bulkops.origins import origins_path
from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Inside, Shell

INBOX = """
[targets.test]
base_url = "{base_url}"
key = {{env = "BULKOPS_MANAGEMENT_KEY"}}

[inbox.partner]
folder = "in"
target = "test"
quiet = "0s"

[[inbox.partner.files]]
match = "*.csv"
contract = "giveaways"
ids = {{pool = 1}}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "codes.csv").write_text("code\nA\nB\n")
    (tmp_path / "members.csv").write_text("profileintegrationid\ncustomer-1\n")
    return tmp_path


def imported(shell: Shell, contract: str, file: str, *ids: str) -> None:
    done = shell.run("import", contract, file, *ids, "--ledger", "own.db")
    assert done.code == 0, done.err


def test_a_backup_restored_elsewhere_still_refuses_the_same_file(shell: Shell, place: Path) -> None:
    imported(shell, "giveaways", "codes.csv", "--pool", "1")
    done = shell.run("ledger", "backup", "copy.zip", "--ledger", "own.db", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["jobs"] == 1
    assert (place / "copy.zip").stat().st_mode & 0o077 == 0
    zipfile.ZipFile("copy.zip").extractall("restored")
    again = shell.run("import", "giveaways", "codes.csv", "--pool", "1",
                "--ledger", "restored/ledger.db")  # fmt: skip
    assert again.code == 5, again.err
    (place / "codes.csv").write_text("code\nA\nB\nC\n")
    more = shell.run("import", "giveaways", "codes.csv", "--pool", "1",
               "--ledger", "restored/ledger.db")  # fmt: skip
    assert (more.code, "--only-new" in more.err) == (5, True), more.err


def passed(shell: Shell, ledger: str) -> list[tuple[str, str]]:
    """Run a pass over the inbox, and return name and state of each file."""
    done = shell.run("--config", "bulkops.toml", "inbox", "--json", "--settle", "1", "--ledger", ledger)
    return [(Path(each["path"]).name, each["state"]) for each in done.json["files"]]


def test_a_backup_contains_the_inboxes_with_the_files_that_they_still_import(
    shell: Shell, place: Path, sandbox: SandboxServer
) -> None:
    (place / "bulkops.toml").write_text(INBOX.format(base_url=sandbox.base_url))
    (place / "in").mkdir()
    (place / "in" / "first.csv").write_text("code\nA\n")
    assert passed(shell, "own.db") == [("first.csv", "imported")]
    (place / "in" / "second.csv").write_text("code\nB\n")
    sandbox.set_faults("importPoolGiveaways=403")
    assert passed(shell, "own.db") == [("second.csv", "failed")]
    sandbox.set_faults("")
    done = shell.run("ledger", "backup", "copy.zip", "--ledger", "own.db")
    assert "2 jobs and 1 inbox in " in done.out
    zipfile.ZipFile("copy.zip").extractall("restored")
    shutil.rmtree("own")
    (place / "restored" / "ledger").rename("own")
    (place / "restored" / "ledger.db").replace("own.db")
    assert "no problem found" in shell.run("ledger", "check", "--ledger", "own.db").out
    assert passed(shell, "own.db") == [("second.csv", "imported")]


def test_a_backup_leaves_out_a_file_that_a_pass_archives_meanwhile(
    shell: Shell, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(shell, "giveaways", "codes.csv", "--pool", "1")
    work = place / "own" / "inboxes" / "partner" / "work"
    for name in ("archived", "open"):
        (work / name / "original").mkdir(parents=True)
        (work / name / "original" / "codes.csv").write_text("code\nA\n")
    scan = os.scandir

    def scandir(folder: Any) -> Any:
        if str(folder) == str(work / "archived"):
            (work / "archived").rename(place / "archived")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with (place / "copy.zip").open("xb") as out:
        back_up("own.db", out, now=datetime.now(UTC))
    monkeypatch.undo()
    found = [name for name in zipfile.ZipFile(place / "copy.zip").namelist() if "/work/" in name]
    assert found == ["ledger/inboxes/partner/work/open/original/codes.csv"]


def test_a_damaged_database_of_an_inbox_is_found_by_check_and_refused_by_backup(shell: Shell, place: Path) -> None:
    imported(shell, "giveaways", "codes.csv", "--pool", "1")
    book = place / "own" / "inboxes" / "partner" / "book.db"
    book.parent.mkdir(parents=True)
    book.write_bytes(b"no database" * 1000)
    done = shell.run("ledger", "check", "--ledger", "own.db")
    assert (done.code, f"the database of the inbox partner, {book}, is damaged" in done.out) == (1, True), done.out
    done = shell.run("ledger", "backup", "copy.zip", "--ledger", "own.db")
    assert (done.code, f"The inbox database {book} cannot be read" in done.err) == (2, True), done.err
    assert not (place / "copy.zip").exists()


def test_a_backup_never_replaces_a_foreign_file(shell: Shell, place: Path) -> None:
    imported(shell, "giveaways", "codes.csv", "--pool", "1")
    (place / "theirs.zip").write_text("x")
    assert shell.run("ledger", "backup", "theirs.zip", "--ledger", "own.db").code == 2
    assert (place / "theirs.zip").read_text() == "x"
    assert shell.run("ledger", "backup", "codes.csv", "--ledger", "own.db", "--overwrite").code == 2


@pytest.mark.parametrize("ledger", ["none.db", "other.db", "postgresql://u:secret@127.0.0.1:1/x"])
def test_a_backup_of_a_ledger_that_is_not_sqlite_is_a_usage_error(shell: Shell, ledger: str) -> None:
    with closing(sqlite3.connect("other.db")) as other:
        other.execute("CREATE TABLE theirs (x)")
    done = shell.run("ledger", "backup", "copy.zip", "--ledger", ledger)
    assert (done.code, "Traceback" in done.err, "secret" in done.err) == (2, False, False)
    assert not Path("copy.zip").exists()


def test_ledger_check_reports_unbalanced_counts_and_missing_files(shell: Shell, place: Path) -> None:
    imported(shell, "giveaways", "codes.csv", "--pool", "1")
    assert "no problem found" in shell.run("ledger", "check", "--ledger", "own.db").out
    with sqlite3.connect("own.db") as connection:
        connection.execute("UPDATE chunks SET records = 7")
        connection.execute("DELETE FROM imports")
    connection.close()
    done = shell.run("ledger", "check", "--ledger", "own.db", "--json")
    problems = [problem["message"] for problem in json.loads(done.out)["problems"]]
    assert done.code == 1
    assert "its chunks contain 7 records, its file 2" in problems
    assert any("is not claimed" in problem for problem in problems)
    with sqlite3.connect("own.db") as connection:
        connection.execute("UPDATE chunks SET records = 2, state = 'pending'")
    connection.close()
    (place / "codes.csv").rename("moved.csv")
    done = shell.run("ledger", "check", "--ledger", "own.db")
    assert (done.code, "--file PATH" in done.out) == (0, True)


def test_check_reports_a_damaged_file(shell: Shell, place: Path) -> None:
    imported(shell, "giveaways", "codes.csv", "--pool", "1")
    content = bytearray((place / "own.db").read_bytes())
    content[4096:20_000] = b"\xff" * (20_000 - 4096)
    (place / "own.db").write_bytes(content)
    done = shell.run("ledger", "check", "--ledger", "own.db")
    assert (done.code in (1, 2), "Traceback" in done.err) == (True, False)


def test_prune_removes_files_of_old_settled_jobs_and_keeps_the_guards(shell: Shell, place: Path) -> None:
    imported(shell, "audiences", "members.csv", "--audience", "1")
    imported(shell, "giveaways", "codes.csv", "--pool", "1")
    assert json.loads(shell.run("ledger", "prune", "--ledger", "own.db", "--json").out)["files"] == []
    listed = shell.run("ledger", "prune", "--older-than", "0d", "--ledger", "own.db", "--dry-run").out
    assert "before.csv" in listed
    asked = shell.run("ledger", "prune", "--older-than", "0d", "--ledger", "own.db")
    assert (asked.code, "Remove these files?" in asked.err) == (2, True)
    done = shell.run("ledger", "prune", "--older-than", "0d", "--ledger", "own.db", "--yes", "--json")
    assert json.loads(done.out)["removed"] is True
    assert not list(place.glob("own/jobs/**/before.csv"))
    assert list(place.glob("own/digests/*"))
    assert shell.run("import", "giveaways", "codes.csv", "--pool", "1",
               "--ledger", "own.db").code == 5  # fmt: skip


def test_prune_keeps_everything_of_an_unsettled_job(shell: Shell) -> None:
    imported(shell, "audiences", "members.csv", "--audience", "1")
    with sqlite3.connect("own.db") as connection:
        connection.execute("UPDATE chunks SET state = 'in_doubt'")
    connection.close()
    done = shell.run("ledger", "prune", "--older-than", "0d", "--ledger", "own.db", "--yes", "--json")
    assert json.loads(done.out)["files"] == []


@pytest.mark.parametrize("words", [("check",), ("backup", "copy.zip"), ("prune", "--yes")])
def test_a_missing_ledger_is_named_and_not_created(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = Inside(tmp_path / "state").run("ledger", *words, "--ledger", str(tmp_path / "typo.db"))
    assert (ended.code, "typo.db does not exist" in ended.err) == (2, True), ended
    assert not list(tmp_path.glob("*.db")) + list(tmp_path.glob("*.zip"))


@pytest.mark.parametrize("damage", [b"no database at all", None])
def test_a_damaged_ledger_is_named_with_the_way_back_and_never_a_new_ledger(
    damage: bytes | None, tmp_path: Path, shell: Shell
) -> None:
    inside = Inside(shell.state, shell.base_url)
    assert inside.run("import", "giveaways", "codes.csv", "--pool", "1").code == 0
    path = shell.state / "ledger.db"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x55" * (len(data) - 4096)  # all pages but the first
    path.write_bytes(damage or bytes(data))
    for words in (
        ("jobs", "list"), ("jobs", "show"), ("ledger", "backup", str(tmp_path / "b.zip")),
        ("import", "giveaways", "codes.csv", "--pool", "1"),
    ):  # fmt: skip
        ended = shell.run(*words)
        assert (ended.code, "estore" in ended.err) == (2, True), (words, ended)
        assert "ive another ledger" not in ended.err
    checked = shell.run("ledger", "check", "--json")
    assert (checked.code, [p["fatal"] for p in checked.json["problems"]]) == (1, [True])
    assert "SQLite cannot read the file" in checked.json["problems"][0]["message"]


def test_prune_removes_mapped_files_of_proved_jobs_and_keeps_the_others(
    shell: Shell, place: Path, sandbox: SandboxServer
) -> None:
    mapped: list[Path] = []
    for proved in ("true", "false"):
        (place / "codes.csv").write_text(f"Code\n{proved}-1\n{proved}-2\n")
        (place / f"{proved}.yaml").write_text(
            f"name: {proved}-codes\n"
            "steps:\n  - contract: coupons\n    source: {file: codes.csv}\n    columns: {value: '\"Code\"'}\n"
            f"    ids: {{application: 1, campaign: 1}}\n    reconcile: {proved}\n"
        )
        ended = shell.run("run", f"{proved}.yaml", "--ledger", "own.db")
        assert ended.code == 0, ended.err
        mapped += [path for path in (shell.state / "mapping").rglob("*.csv") if path not in mapped]
    words = ("ledger", "prune", "--older-than", "0d", "--ledger", "own.db", "--mapped")
    asked = shell.run(*words)
    assert (asked.code, "of mapped recipes among them" in asked.err) == (2, True), asked.err
    assert all(path.exists() for path in mapped)
    assert shell.run(*words, "--yes").code == 0
    assert [path.exists() for path in mapped] == [False, True]
    assert not mapped[0].parent.exists()


STEP = """  - contract: audiences
    source: {{file: members.csv}}
    columns: {{profileintegrationid: profileintegrationid}}
    ids: {{audience: 1}}
    reconcile: {}
"""


def test_prune_keeps_a_mapped_file_that_a_job_without_proof_also_sent(shell: Shell, place: Path) -> None:
    inside = Inside(shell.state, shell.base_url)
    (place / "members.yaml").write_text(f"name: members\nsteps:\n{STEP.format('true')}{STEP.format('false')}")
    ended = inside.run("run", "members.yaml", "--ledger", "own.db")
    assert ended.code == 0, ended.err
    proved, unproved = sorted((shell.state / "mapping").rglob("*.csv"))
    assert proved.parent == unproved.parent
    words = ("ledger", "prune", "--older-than", "0d", "--ledger", "own.db", "--mapped", "--yes")
    again = inside.run("import", "audiences", str(proved), "--audience", "1", "--yes", "--json", "--ledger", "own.db")
    assert again.code == 0, again.err
    assert inside.run(*words).code == 0
    assert [path.exists() for path in (proved, unproved, origins_path(unproved))] == [True, True, True]
    proof = inside.run("reconcile", "--job", again.json["job"], "--ledger", "own.db")
    assert proof.code == 0, proof.err
    assert inside.run(*words).code == 0
    assert [path.exists() for path in (proved, unproved, origins_path(unproved))] == [False, True, True]
