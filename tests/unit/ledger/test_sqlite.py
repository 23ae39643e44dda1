"""A ledger in SQLite: synced writes, versions, damaged files, and a glance at it without SQLAlchemy."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bulkops.cli.views.recipe_view import rerun_command
from bulkops.clock import SystemClock
from bulkops.errors import UsageError
from bulkops.ledger.events import Accepted, EventKind, RequestSent
from bulkops.ledger.paths import without_password
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.readonly import ReadOnlyLedger
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from tests.unit.ledger.test_store import CHUNK, JOB

ACCEPTED = Accepted(status=200, import_id=5, amount=None)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    found = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", clock=SystemClock())
    found.create(JOB, [CHUNK])
    return found


def execute(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_every_write_is_synced_to_the_log(ledger: Ledger) -> None:
    with ledger._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://user:se-cret@host/db",
        "postgresql://host/db?user=u&password=se-cret",
        "postgresql://u:se-cret@host/db?sslpassword=se-cret#x",
    ],
)
def test_password_in_the_address_of_a_ledger_is_not_shown(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "se-cret" not in without_password(address)
    monkeypatch.setattr("sys.argv", ["bulkops", "run", "r.yaml", "--ledger", address])
    assert "se-cret" not in rerun_command()
    assert rerun_command(2).startswith("bulkops run r.yaml --ledger ")


def test_a_ledger_of_a_newer_version_is_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    execute(tmp_path / "ledger.db", "UPDATE bulkops_ledger SET version = 99")
    with pytest.raises(UsageError, match="version 99"):
        Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())


def test_open_ledger_of_another_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("This is a letter, and no database at all." * 50)
    with pytest.raises(UsageError, match="cannot be used"):
        Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "no such://thing"])
def test_ledger_in_memory_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        Ledger.open(url, clock=SystemClock())


def test_ledger_without_a_version_is_an_error(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    execute(tmp_path / "ledger.db", "DELETE FROM bulkops_ledger")
    with pytest.raises(UsageError, match="contains no version"):
        Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())


def test_a_ledger_that_is_only_read_is_not_written(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    folder = tmp_path / "kept"
    folder.mkdir()
    copy = (tmp_path / "ledger.db").rename(folder / "a ledger?.db")
    before = copy.read_bytes(), copy.stat().st_mtime_ns
    reading = ReadOnlyLedger.open(str(copy))
    assert reading is not None
    assert reading.jobs() == [JOB]
    assert reading.chunks(JOB.id) == [CHUNK]
    with pytest.raises(UsageError, match="readonly"):
        reading.rows("DELETE FROM jobs")
    reading.close()
    assert (copy.read_bytes(), copy.stat().st_mtime_ns) == before


def test_a_ledger_in_a_read_only_folder_is_read_without_new_files(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.close()
    monkeypatch.setattr("bulkops.ledger.readonly.os.access", lambda *_: False)
    reading = ReadOnlyLedger.open(str(tmp_path / "ledger.db"))
    assert reading is not None
    assert reading.jobs() == [JOB]
    reading.close()
    assert [path.name for path in tmp_path.glob("ledger.db*")] == ["ledger.db"]


def test_read_only_ledger_returns_the_same_as_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    others = [replace(CHUNK, number=n, records=n, state=state) for n, state in enumerate(ChunkState, start=2)]
    by_hand = replace(CHUNK, number=21, state=ChunkState.ACCEPTED, first_sent=JOB.created)
    ledger.create(replace(JOB, id="job-2"), [*others, replace(CHUNK, number=20, undecided=True, import_id=7), by_hand])
    ledger.move(JOB.id, CHUNK, ChunkState.ACCEPTED, ACCEPTED, import_id=5)
    glance = ReadOnlyLedger.open(f"sqlite:///{tmp_path}/ledger.db")
    assert glance is not None
    questions: list[Callable[[LedgerReader], object]] = [
        lambda one: one.jobs(),
        lambda one: one.job("job-2"),
        lambda one: one.jobs_with_file(JOB.file_sha256, JOB.target_key),
        lambda one: one.chunks("job-2"),
        lambda one: one.some_chunks("job-2", most=4),
        lambda one: one.sums(),
        lambda one: one.sums(JOB.id),
        lambda one: one.known_imports(JOB),
        lambda one: one.open_elsewhere(JOB),
        lambda one: one.unanswered_elsewhere(JOB),
        lambda one: one.accepted_without_import_elsewhere(JOB),
        lambda one: one.events(JOB.id),
        lambda one: one.events(JOB.id, chunk=1, kind=EventKind.ACCEPTED),
        lambda one: one.job_folder(JOB.id),
    ]
    for question in questions:
        assert question(glance) == question(ledger)
        assert question(glance)
    assert [chunk.number for chunk in glance.some_chunks("job-2", most=3)] == [3, 4, 6]
    with pytest.raises(UsageError, match="no job 'nothing'"):
        glance.job("nothing")
    glance.close()


@pytest.mark.parametrize("url", ["postgresql://x/y", "sqlite:///{}/ledger.db?timeout=5", "{}/nothing.db"])
def test_read_only_ledger_leaves_other_databases_to_the_ledger(url: str, ledger: Ledger, tmp_path: Path) -> None:
    assert ReadOnlyLedger.open(url.format(tmp_path)) is None


def test_read_only_ledger_of_another_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("This is a letter, and no database at all." * 50)
    with pytest.raises(UsageError, match="cannot be read"):
        ReadOnlyLedger.open(str(tmp_path / "ledger.db"))


def test_the_files_of_a_ledger_without_a_suffix_lie_beside_it(tmp_path: Path) -> None:
    ledger = Ledger.open(str(tmp_path / "ledger"), clock=SystemClock())
    assert ledger.folder == tmp_path / "ledger.files"
    assert Ledger.open(str(tmp_path / "other.db"), clock=SystemClock()).folder == tmp_path / "other"


@pytest.mark.parametrize(
    ("version", "lacking"),
    [
        (1, ("chunks created", "chunks rows_ahead", "bulkops_ledger identity")),
        (2, ("bulkops_ledger identity",)),
        (3, ()),
    ],
)
def test_a_ledger_of_an_older_version_is_upgraded_and_keeps_its_jobs(
    version: int, lacking: tuple[str, ...], ledger: Ledger, tmp_path: Path
) -> None:
    ledger.close()
    changes = [f"ALTER TABLE {table} DROP COLUMN {column}" for table, column in map(str.split, lacking)]
    execute(tmp_path / "ledger.db", "DROP TABLE imports", *changes, f"UPDATE bulkops_ledger SET version = {version}")
    assert ReadOnlyLedger.open(str(tmp_path / "ledger.db")) is None
    again = Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())
    assert again.chunks(JOB.id) == [CHUNK]
    sending = again.move(JOB.id, CHUNK, ChunkState.SENDING, RequestSent(attempt=1, clock_offset=None))
    again.move(JOB.id, sending, ChunkState.ACCEPTED, ACCEPTED, created=JOB.created, rows_ahead=2.5)
    assert (again.chunks(JOB.id)[0].created, again.chunks(JOB.id)[0].rows_ahead) == (JOB.created, 2.5)
    again.close()
    glance = ReadOnlyLedger.open(str(tmp_path / "ledger.db"))
    assert glance is not None
    glance.close()
