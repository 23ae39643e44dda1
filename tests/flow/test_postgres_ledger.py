"""Imports with a ledger in PostgreSQL: kill and resume, one process a job across machines, hidden password."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Shell
from tests.crash.truth import CASES, counted, rows_of
from tests.postgres.server import Postgres

GIVEAWAYS = CASES["giveaways"]


@pytest.fixture
def ledger(postgres: Postgres) -> tuple[str, str]:
    return "--ledger", postgres.new_ledger()


@contextmanager
def stuck(shell: Shell, sandbox: SandboxServer, *words: str) -> Iterator[None]:
    """Run an import, withhold the response to its second request, and kill it in the end.

    It waits for the response longer than other commands take to end, however busy the machine is.
    """
    sandbox.set_faults("imports@2=slow:600")
    process = shell.start(*words, "--response-timeout", "600")
    try:
        end = time.monotonic() + 60
        while sandbox.state.count("giveaway") <= 10:
            assert time.monotonic() < end
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        sandbox.set_faults(None)


def test_an_import_killed_during_a_request_is_resumed_and_doubles_nothing(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, ledger: tuple[str, str]
) -> None:
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=30, seed=1)
    words = ("import", "giveaways", str(file), "--pool", "1", "--max-rows", "10", "--settle", "0.5", *ledger)
    with stuck(shell, sandbox, *words):
        pass
    shown = shell.run("jobs", "show", "--json", *ledger).json
    assert (shown["state"], shown["records"]["accepted"]) == ("unfinished", 10)
    resumed = shell.run("jobs", "resume", "--reconcile", "--json", *ledger)
    assert (resumed.code, resumed.json["reconciliation"]["verdict"]) == (0, "proved"), resumed.err
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))
    again = shell.run(*words)
    assert (again.code, "already sent the same bytes to the same target" in again.err) == (5, True)
    assert [job["state"] for job in shell.run("jobs", "list", "--json", *ledger).json["jobs"]] == ["done"]


def test_a_job_runs_on_one_machine_at_a_time(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, ledger: tuple[str, str]
) -> None:
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=30, seed=1)
    words = ("import", "giveaways", str(file), "--pool", "1", "--max-rows", "10", "--settle", "0.5", *ledger)
    elsewhere = replace(shell, state=tmp_path / "another-machine")
    with stuck(shell, sandbox, *words):
        refused = elsewhere.run("jobs", "resume", *ledger)
        assert (refused.code, "in use by a process on another machine" in refused.err) == (5, True)
    ended = elsewhere.run("jobs", "resume", "--json", *ledger)
    assert (ended.code, ended.json["state"]) == (0, "done")
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


def test_messages_and_stored_data_do_not_contain_the_password(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, ledger: tuple[str, str], postgres: Postgres
) -> None:
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=5, seed=1)
    sandbox.set_faults("imports=403")
    ended = shell.run("import", "giveaways", str(file), "--pool", "1", "--json", *ledger)
    assert (ended.code, "bulkops jobs resume" in ended.err, "***@" in ended.err) == (2, True, True)
    assert postgres.password not in ended.out + ended.err
    files = [path for path in shell.state.rglob("*") if path.is_file()]
    assert not [path for path in files if postgres.password.encode() in path.read_bytes()]


def test_undo_and_exports_find_the_folder_of_the_ledger(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, ledger: tuple[str, str]
) -> None:
    for number, items in enumerate(("red\ngreen\n", "blue\n")):
        (tmp_path / f"{number}.csv").write_text(f"item\n{items}")
        words = ("--collection", "1", "--max-removals", "100%", "--json", *ledger)
        done = shell.run("import", "collections", str(tmp_path / f"{number}.csv"), *words)
        assert done.code == 0, done.err
    assert shell.run("jobs", "undo", done.json["job"], "--yes", "--max-removals", "1", *ledger).code == 0
    assert [row["item"] for row in sandbox.state.rows("collection_item", owner=1)] == ["red", "green"]
    saved = shell.run("export", "collections", "--collection", "1", "-o", str(tmp_path / "out.csv"), *ledger)
    assert saved.code == 0, saved.err
    (folder,) = [path for path in shell.state.iterdir() if path.name.startswith("ledger-")]
    assert {path.name for path in folder.iterdir()} == {"jobs", "locks", "rate"}


def test_an_undo_of_points_keeps_its_job_in_the_database(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, ledger: tuple[str, str]
) -> None:
    (tmp_path / "points.csv").write_text("customerprofileid,amount\nann,10\nbob,2.5\n")
    done = shell.run("import", "loyalty-points", str(tmp_path / "points.csv"), "--program", "1", "--json", *ledger)
    assert done.code == 0, done.err
    undone = shell.run("jobs", "undo", done.json["job"], "--yes", "--json", *ledger)
    assert (undone.code, undone.json["undo"]["amount"]) == (0, "12.50"), undone.err
    assert undone.json["reconciliation"]["verdict"] == "proved"
    again = shell.run("jobs", "undo", done.json["job"], "--yes", *ledger)
    assert again.code == 2, again.err


def test_processes_with_the_same_ledger_share_the_rate(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, ledger: tuple[str, str]
) -> None:
    files = [GIVEAWAYS.write(tmp_path / f"{n}.csv", records=6, seed=n) for n in range(2)]
    spellings = (ledger[1], ledger[1].replace("127.0.0.1", "localhost"))
    running = [
        shell.start(
            "import", "giveaways", "--again", str(file), "--pool", "1", "--max-rows", "1", "--json", "--ledger", address
        )
        for file, address in zip(files, spellings, strict=True)
    ]
    assert [shell.ended(process).code for process in running] == [0, 0]
    assert {request.status for request in sandbox.requests} == {200}
    assert sandbox.state.count("giveaway") == 12


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_is_not_utf8_can_contain_a_ledger(
    encoding: str, postgres: Postgres, shell: Shell, tmp_path: Path
) -> None:
    name = f"other_{encoding.lower()}"
    postgres.execute_alone(
        f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    ledger = ("--ledger", postgres.address.removesuffix("postgres") + name)
    file = GIVEAWAYS.write(tmp_path / "gutscheine-\u00fc.csv", records=10, seed=1)
    ended = shell.run("import", "giveaways", str(file), "--pool", "1", "--json", *ledger)
    assert (ended.code, ended.json["state"]) == (0, "done")
    shown = shell.run("jobs", "show", "--json", *ledger)
    assert shown.json["file"]["path"] == str(file)
