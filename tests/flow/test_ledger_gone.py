"""The files of a ledger go away under a running job: nothing more is sent, and what was promised can be resumed."""

import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.store import Ledger
from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Shell
from tests.crash.truth import CASES, counted, rows_of

GIVEAWAYS = CASES["giveaways"]
Damage = Callable[[Path], None]


def delete(ledger: Path) -> None:
    ledger.unlink()


def delete_all(ledger: Path) -> None:
    for file in ledger.parent.glob("ledger.db*"):
        file.unlink()


def replace_by_another_ledger(ledger: Path) -> None:
    other = ledger.with_name("other.db")
    Ledger.open(str(other), clock=SystemClock()).close()
    other.replace(ledger)


def empty(ledger: Path) -> None:
    ledger.write_bytes(b"")


def cut(ledger: Path) -> None:
    with sqlite3.connect(ledger) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with ledger.open("r+b") as file:
        file.truncate(ledger.stat().st_size // 2)


def overwrite(ledger: Path) -> None:
    with sqlite3.connect(ledger) as connection:
        connection.execute("PRAGMA wal_checkpoint")
    connection.close()
    ledger.write_bytes(b"\xff" * ledger.stat().st_size)


def write_log_into_database(ledger: Path) -> None:
    with sqlite3.connect(ledger) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def older_copy(ledger: Path) -> bytes:
    """Return a sound copy of the ledger as it is now."""
    write_log_into_database(ledger)
    return ledger.read_bytes()


def overwrite_with(ledger: Path, copy: bytes) -> None:
    """Write a copy over the ledger in place, without its log, as `cat` and `rsync --inplace` do."""
    ledger.with_name("ledger.db-wal").write_bytes(b"")
    ledger.write_bytes(copy)


def empty_log(ledger: Path) -> None:
    ledger.with_name("ledger.db-wal").write_bytes(b"")


def delete_log(ledger: Path) -> None:
    ledger.with_name("ledger.db-wal").unlink()


def delete_shared_memory(ledger: Path) -> None:
    ledger.with_name("ledger.db-shm").unlink()


def delete_locks(ledger: Path) -> None:
    shutil.rmtree(ledger.with_suffix("") / "locks")


def delete_folder(ledger: Path) -> None:
    shutil.rmtree(ledger.with_suffix(""))


def move_state_away(ledger: Path) -> None:
    ledger.parent.rename(ledger.parent.with_name("moved"))


def delete_state(ledger: Path) -> None:
    shutil.rmtree(ledger.parent)


def damaged_meanwhile(
    shell: Shell, sandbox: SandboxServer, file: Path, damage: Damage, *, before: Damage = lambda _: None
) -> Ended:
    """Return how an import of three chunks ends that loses its ledger while the second one is at the server.

    `before` is done to the ledger first, while the first chunk is at the server.
    """
    sandbox.set_faults("imports@1=slow:2,imports@2=slow:5")
    process = shell.start(
        "import", "giveaways", str(file), "--pool", "1", "--max-rows", "10", "--settle", "0.3", "--json"
    )
    wait_until(lambda: sandbox.state.count("giveaway") >= 10)
    before(shell.state / "ledger.db")
    wait_until(lambda: is_sending(shell))
    damage(shell.state / "ledger.db")
    return shell.ended(process)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_sending(shell: Shell) -> bool:
    with sqlite3.connect(f"file:{shell.state}/ledger.db?mode=ro", uri=True) as connection:
        found = connection.execute("SELECT count(*) FROM chunks WHERE state = 'sending' AND number = 2").fetchone()
    connection.close()
    return bool(found[0])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return GIVEAWAYS.write(tmp_path / "f.csv", records=30, seed=1)


def resumed_to_the_end(shell: Shell, sandbox: SandboxServer, file: Path) -> None:
    sandbox.set_faults(None)
    resumed = shell.run("jobs", "resume", "--reconcile", "--json")
    assert (resumed.code, resumed.json["reconciliation"]["verdict"]) == (0, "proved"), resumed.err
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


def saved_copy(ended: Ended) -> Path:
    found = re.search(r"saved as (\S+\.db)\.", ended.err)
    assert found is not None, ended.err
    return Path(found[1])


@pytest.mark.parametrize("damage", [delete, delete_all, replace_by_another_ledger, empty, delete_state])
def test_a_deleted_ledger_stops_the_job_and_its_copy_can_be_resumed(
    damage: Damage, shell: Shell, sandbox: SandboxServer, file: Path
) -> None:
    ended = damaged_meanwhile(shell, sandbox, file, damage)
    assert (ended.code, sandbox.state.count("giveaway")) == (3, 20), ended.err
    assert "Nothing more was sent." in ended.err
    assert ended.json["error"]["exit"] == 3
    assert (ended.json["records"]["accepted"], ended.json["records"]["pending"]) == (20, 10)
    copy = saved_copy(ended)
    assert copy.stat().st_mode & 0o077 == 0
    shell.state.mkdir(exist_ok=True)
    delete_all(shell.state / "ledger.db")
    copy.rename(shell.state / "ledger.db")
    resumed_to_the_end(shell, sandbox, file)


@pytest.mark.parametrize("damage", [cut, overwrite])
def test_a_ledger_that_is_damaged_beyond_a_copy_stops_the_job_for_a_manual_decision(
    damage: Damage, shell: Shell, sandbox: SandboxServer, file: Path
) -> None:
    ended = damaged_meanwhile(shell, sandbox, file, damage)
    assert (ended.code, sandbox.state.count("giveaway")) == (4, 20), ended.err
    assert "was damaged while it was in use. Nothing more was sent." in ended.err
    assert "A copy of its content could not be saved." in ended.err
    assert ended.json["error"]["exit"] == 4
    assert sum(n for name, n in ended.json["records"].items() if name != "input") == 30


def test_a_ledger_that_was_moved_away_is_resumed_once_it_is_back(
    shell: Shell, sandbox: SandboxServer, file: Path
) -> None:
    ended = damaged_meanwhile(shell, sandbox, file, move_state_away)
    assert (ended.code, sandbox.state.count("giveaway")) == (3, 20), ended.err
    assert "was moved or deleted" in ended.err
    assert not shell.state.exists()
    shell.state.with_name("moved").rename(shell.state)
    resumed_to_the_end(shell, sandbox, file)


@pytest.mark.parametrize("damage", [delete_log, delete_shared_memory, delete_locks, delete_folder])
def test_a_ledger_without_its_log_or_locks_stops_the_job_and_loses_nothing(
    damage: Damage, shell: Shell, sandbox: SandboxServer, file: Path
) -> None:
    ended = damaged_meanwhile(shell, sandbox, file, damage)
    assert (ended.code, sandbox.state.count("giveaway")) == (3, 20), ended.err
    assert "The ledger has lost nothing." in ended.err
    shown = shell.run("jobs", "show", "--json").json
    assert [chunk["state"] for chunk in shown["chunks"]] == ["accepted", "accepted", "pending"]
    resumed_to_the_end(shell, sandbox, file)


def test_a_ledger_overwritten_by_an_older_copy_of_itself_stops_the_job(
    shell: Shell, sandbox: SandboxServer, file: Path
) -> None:
    """The copy is sound and belongs to the same ledger: only what it lacks shows that it is older."""
    copies: list[bytes] = []
    ended = damaged_meanwhile(
        shell,
        sandbox,
        file,
        lambda ledger: overwrite_with(ledger, copies[0]),
        before=lambda ledger: copies.append(older_copy(ledger)),
    )
    assert (ended.code, sandbox.state.count("giveaway")) == (4, 20), ended.err
    assert "Nothing more was sent." in ended.err
    assert not list(shell.state.glob("*-saved-*"))
    assert (ended.json["error"]["exit"], ended.json["records"]["pending"]) == (4, 10)


def test_a_database_overwritten_by_an_older_copy_under_its_log_stops_the_job(
    shell: Shell, sandbox: SandboxServer, file: Path
) -> None:
    """The log has the last events, and the database lacks what was written into it since the copy was made."""
    copies: list[bytes] = []

    def overwrite_under_log(ledger: Path) -> None:
        older_copy(ledger)
        with sqlite3.connect(ledger) as connection:
            connection.execute("INSERT INTO events (job, at, kind, data) SELECT id, created, 'seen', '{}' FROM jobs")
        connection.close()
        time.sleep(0.1)
        ledger.write_bytes(copies[0])

    ended = damaged_meanwhile(
        shell, sandbox, file, overwrite_under_log, before=lambda ledger: copies.append(older_copy(ledger))
    )
    assert (ended.code, sandbox.state.count("giveaway")) == (4, 20), ended.err
    assert "Nothing more was sent." in ended.err


def test_a_ledger_with_an_emptied_log_stops_the_job(shell: Shell, sandbox: SandboxServer, file: Path) -> None:
    ended = damaged_meanwhile(shell, sandbox, file, empty_log, before=write_log_into_database)
    assert (ended.code, sandbox.state.count("giveaway")) == (4, 20), ended.err
    assert "Nothing more was sent." in ended.err


def test_a_checkpoint_by_another_process_does_not_stop_a_job(shell: Shell, sandbox: SandboxServer, file: Path) -> None:
    ended = damaged_meanwhile(shell, sandbox, file, write_log_into_database, before=write_log_into_database)
    assert ended.code == 0, ended.err
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))
