"""A ledger in PostgreSQL: one identity by any address, locks across machines, versions, and a hidden password."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from bulkops.clock import SystemClock
from bulkops.errors import GuardRefused, Unfinished, UsageError
from bulkops.ledger.engine import parse_url
from bulkops.ledger.events import Cancelled
from bulkops.ledger.paths import without_password
from bulkops.ledger.reader import OPEN_JOB_IDS
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from tests.postgres.server import Postgres
from tests.unit.ledger.test_store import CHUNK, JOB


@pytest.fixture
def address(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    return postgres.new_ledger()


def test_a_ledger_commits_synchronously_whatever_the_default_of_its_role(address: str, postgres: Postgres) -> None:
    postgres.execute("ALTER ROLE bulkops SET synchronous_commit = off")
    try:
        ledger = Ledger.open(address, clock=SystemClock())
        assert ledger.rows("SHOW synchronous_commit")[0]["synchronous_commit"] == "on"
        ledger.close()
    finally:
        postgres.execute("ALTER ROLE bulkops RESET synchronous_commit")


def test_two_addresses_of_a_ledger_share_locks_and_rate_slots(address: str) -> None:
    folders = set()
    for spelling in (address, address.replace("127.0.0.1", "localhost"), f"{address}&application_name=other"):
        ledger = Ledger.open(spelling, clock=SystemClock())
        folders.add(ledger.folder)
        ledger.close()
    assert len(folders) == 1


def test_another_ledger_has_a_folder_of_its_own(address: str, postgres: Postgres) -> None:
    ledgers = [Ledger.open(each, clock=SystemClock()) for each in (address, postgres.new_ledger())]
    assert ledgers[0].folder != ledgers[1].folder
    for ledger in ledgers:
        ledger.close()


def test_a_lock_excludes_other_machines_until_its_connection_ends(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Ledger.open(address, clock=SystemClock())
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "another-machine"))
    there = Ledger.open(address, clock=SystemClock())
    assert here.folder != there.folder
    with here.exclusive("job-1", what="Job job-1"):
        with pytest.raises(GuardRefused, match="on another machine"), there.exclusive("job-1", what="Job job-1"):
            pass
        free = threading.Timer(
            0.3, lambda: here.rows("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        )
        free.start()
        with there.exclusive("job-1", what="Job job-1", patience=30):
            pass
        free.join()
    here.close()
    there.close()


def test_the_last_event_waits_for_a_transaction_that_may_commit_a_lower_id(address: str) -> None:
    ledger = Ledger.open(address, clock=SystemClock())
    ledger.create(JOB, [CHUNK])
    first = ledger.last_event()
    assert first is not None
    add = text("INSERT INTO events (job, at, kind, data) VALUES (:job, '2026-11-30', 'created', '{}')")
    with ledger._engine.connect() as other, other.begin():
        other.execute(add, {"job": JOB.id})
        ledger.create(replace(JOB, id="later"), [CHUNK])
        assert ledger.last_event() == first
        assert ledger.open_job_ids() == {JOB.id, "later"}
    assert ledger.last_event() == first + 2
    ledger.close()


def test_open_jobs_are_continued_from_the_last_event(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger.open(address, clock=SystemClock())
    ledger.create(JOB, [CHUNK])
    assert ledger.open_job_ids() == {JOB.id}
    ledger.create(replace(JOB, id="later"), [CHUNK])
    ledger.move(JOB.id, CHUNK, ChunkState.SKIPPED, Cancelled())
    asked, rows = list[str](), Ledger.rows
    monkeypatch.setattr(Ledger, "rows", lambda self, sql, **values: asked.append(sql) or rows(self, sql, **values))
    assert ledger.open_job_ids() == {"later"}
    assert OPEN_JOB_IDS not in asked
    ledger.close()


def test_several_processes_may_make_the_tables_at_once(address: str) -> None:
    failed = []

    def open_it() -> None:
        try:
            Ledger.open(address, clock=SystemClock()).close()
        except UsageError as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_ledger_of_the_first_version_is_brought_up_to_date(address: str) -> None:
    ledger = Ledger.open(address, clock=SystemClock())
    ledger.create(JOB, [CHUNK])
    with ledger._engine.begin() as connection:
        for statement in (
            "ALTER TABLE chunks DROP COLUMN created",
            "ALTER TABLE chunks DROP COLUMN rows_ahead",
            "ALTER TABLE bulkops_ledger DROP COLUMN identity",
            "ALTER TABLE jobs ALTER COLUMN file_bytes TYPE INTEGER",
            "DROP TABLE imports",
            "UPDATE bulkops_ledger SET version = 1",
        ):
            connection.exec_driver_sql(statement)
    ledger.close()
    again = Ledger.open(address, clock=SystemClock())
    assert again.chunks(JOB.id) == [CHUNK]
    again.create(replace(JOB, id="large", file_bytes=10**12), [])
    assert "None" not in again.folder.name
    again.close()


def test_a_lost_connection_is_reopened_and_a_failed_write_is_reported(address: str, postgres: Postgres) -> None:
    ledger = Ledger.open(address, clock=SystemClock())
    postgres.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    ledger.create(JOB, [CHUNK])
    assert ledger.jobs() == [JOB]
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE events RENAME TO gone")
    with pytest.raises(Unfinished, match="cannot be written"):
        ledger.note(JOB.id, Cancelled())
    ledger.close()


def test_the_password_is_in_no_message(address: str, postgres: Postgres) -> None:
    assert postgres.password not in without_password(address)
    assert without_password("postgresql://host/db?x=a:b@c") == "postgresql://host/db?x=a:b@c"
    with pytest.raises(UsageError) as wrong:
        Ledger.open(address.replace(f":{postgres.port}/", ":1/"), clock=SystemClock())
    assert "Nothing was sent" in str(wrong.value)
    with pytest.raises(UsageError) as other:
        parse_url(address.replace("postgresql:", "mysql:"))
    assert "neither a SQLite nor a PostgreSQL ledger" in str(other.value)
    assert postgres.password not in f"{wrong.value} {other.value}"


def test_a_lock_with_a_lost_connection_is_reacquired_unless_another_process_has_it(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'"
    here = Ledger.open(address, clock=SystemClock())
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "another-machine"))
    there = Ledger.open(address, clock=SystemClock())
    with here.exclusive("job-1", what="Job job-1"):
        postgres.execute(ended)
        here.check()
        with pytest.raises(GuardRefused, match="on another machine"), there.exclusive("job-1", what="Job job-1"):
            pass
        postgres.execute(ended)
        with (
            there.exclusive("job-1", what="Job job-1"),
            pytest.raises(Unfinished, match="in use by another process"),
        ):
            here.check()
    here.close()
    there.close()
