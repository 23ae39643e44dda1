"""A full disk: the message names the file or the folder, and the next step; nothing is blamed that has room."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from bulkops.clock import SystemClock
from bulkops.disk import temporary_file
from bulkops.errors import BulkopsError, Unfinished, UsageError
from bulkops.frames import input_path
from bulkops.ledger.care import back_up
from bulkops.ledger.locks import exclusive
from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import KEY, Inside, Shell
from tests.cli.test_ledger_care import INBOX
from tests.crash.desk import Desk
from tests.crash.truth import CASES

CAMPAIGN = ("--application", "1", "--campaign", "1")
TEMPORARY = "The folder of temporary files {} cannot be written: No space left on device."
TEMPORARY_HINT = "Free disk space there, or set TMPDIR to a folder with enough space."


class Disk:
    """A small file system with so many free bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, free: int) -> None:
        """Fill the disk up to some free bytes."""
        with (self.folder / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                file.truncate(file.tell() - free)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(key=KEY, rate_limit=0) as sandbox:
        yield sandbox


def codes(path: Path, records: int, *, tail: str = "") -> str:
    path.write_text("value\n" + "".join(f"CODE-{n:06}{tail}\n" for n in range(records)))
    return str(path)


@pytest.fixture
def small_temporary(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk.leave(64 << 10)
    monkeypatch.setattr(tempfile, "tempdir", str(disk.folder))
    return disk


def test_a_temporary_file_names_its_folder_once_and_can_be_closed(small_temporary: Disk) -> None:
    file = temporary_file()
    with pytest.raises(UsageError) as caught:
        file.write(bytes(200_000))
    assert (caught.value.message, caught.value.hint) == (TEMPORARY.format(small_temporary.folder), TEMPORARY_HINT)
    file.close()


def test_a_table_names_the_folder_of_temporary_files(
    small_temporary: Disk, server: SandboxServer, tmp_path: Path
) -> None:
    table = pl.DataFrame({"value": [f"CODE-{n:06}" for n in range(20_000)]})
    with pytest.raises(UsageError) as caught, input_path(table):
        pass
    assert caught.value.message == TEMPORARY.format(small_temporary.folder)


def test_fix_names_the_folder_of_temporary_files_and_not_its_output(disk: Disk, tmp_path: Path) -> None:
    disk.leave(64 << 10)
    shell = Shell(tmp_path / "state")
    words = ("fix", "coupons", codes(tmp_path / "in.csv", 8000, tail=" "), "-o", str(tmp_path / "out.csv"))
    ended = shell.ended(shell.start(*words, environment=shell.environment | {"TMPDIR": str(disk.folder)}))
    assert (ended.code, ended.err.splitlines()) == (
        2,
        [f"bulkops: {TEMPORARY.format(disk.folder)}", f"  {TEMPORARY_HINT}"],
    )


def test_a_mapped_file_without_room_names_the_state_folder(disk: Disk, tmp_path: Path) -> None:
    codes(tmp_path / "codes.csv", 40_000)
    recipe = tmp_path / "map.yaml"
    recipe.write_text(
        "name: m\nsteps: [{contract: coupons, source: codes.csv, ids: {application: 1, campaign: 1},\n"
        "  columns: {value: value, attributes: \"repeat('x', 300)\"}}]\n"
    )
    ended = Inside(disk.folder / "state", "http://127.0.0.1:9").run("map", str(recipe), "--into", str(tmp_path / "out"))
    assert (ended.code, "step 1 (coupons): The rows cannot be mapped: " in ended.err) == (2, True), ended.err
    assert "No space left on device" in ended.err
    assert "set BULKOPS_STATE to a folder with enough space" in ended.err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_backup_blames_the_disk_of_its_copy_and_not_the_ledger(
    small_temporary: Disk, server: SandboxServer, tmp_path: Path
) -> None:
    desk = Desk(folder=tmp_path, base_url=server.base_url, key=KEY)
    desk.begin("coupons", Path(codes(tmp_path / "many.csv", 300)), {"application": 1, "campaign": 1}, max_rows=1)
    with (tmp_path / "backup.zip").open("wb") as out, pytest.raises(UsageError) as caught:
        back_up(str(tmp_path / "ledger.db"), out, now=desk.clock.now())
    assert (caught.value.message, caught.value.hint) == (TEMPORARY.format(small_temporary.folder), TEMPORARY_HINT)


def test_digests_without_room_name_their_file_and_leave_no_job(
    disk: Disk, server: SandboxServer, tmp_path: Path
) -> None:
    state = disk.folder / "state"
    shell = Inside(state, server.base_url)
    assert shell.run("jobs", "list").code == 0
    disk.leave(200_000)
    ended = shell.run("import", "coupons", codes(tmp_path / "many.csv", 20_000), *CAMPAIGN)
    assert ended.code == 2
    assert f"{state}/ledger/digests/coupons-" in ended.err
    assert "cannot be written: No space left on device. Nothing was sent." in ended.err
    assert "Free disk space there, or give --no-digests." in ended.err
    assert shell.run("jobs", "list", "--json").json["jobs"] == []


def test_a_ledger_without_room_during_a_job_is_named(disk: Disk, server: SandboxServer, tmp_path: Path) -> None:
    desk = Desk(folder=disk.folder, base_url=server.base_url, key=KEY)
    file = CASES["giveaways"].write(tmp_path / "many.csv", records=40, seed=1)
    job = desk.begin("giveaways", file, {"pool": 1}, max_rows=1)
    disk.leave(12_000)
    with pytest.raises(Unfinished) as caught:
        desk.resume(job, begun=True)
    assert caught.value.message == f"The ledger {disk.folder}/ledger.db cannot be written: database or disk is full."
    assert caught.value.hint == "Nothing more is sent. Free disk space there, then resume the job."


def test_a_lock_without_room_for_its_owner_is_named(disk: Disk) -> None:
    (disk.folder / "locks").mkdir()
    (disk.folder / "locks" / "job.lock").touch()
    (disk.folder / "locks" / "job.owner").touch()
    disk.leave(0)
    with pytest.raises(BulkopsError) as caught, exclusive(disk.folder, "job", what="the job", clock=SystemClock()):
        pass
    assert f"{disk.folder}/locks/job.owner cannot be written: No space left on device." in str(caught.value)
    assert "BULKOPS_STATE" in str(caught.value)


def test_an_inbox_names_its_work_folder_and_goes_on_once_there_is_room(
    disk: Disk, server: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "new.csv").write_text("code\n" + "".join(f"INBOX-{n:05}\n" for n in range(12_000)))
    (tmp_path / "bulkops.toml").write_text(INBOX.format(base_url=server.base_url))
    shell = Inside(disk.folder / "state", server.base_url)
    assert shell.run("jobs", "list").code == 0
    disk.leave(250_000)
    ended = shell.run("inbox", "partner")
    work = disk.folder / "state" / "ledger" / "inboxes" / "partner" / "work"
    assert ended.code == 3
    assert f"{work}/drafts/copy cannot be written: No space left on device." in ended.err
    assert "Free disk space there, or set BULKOPS_STATE to a folder with enough space." in ended.err
    (disk.folder / "filler").unlink()
    ended = shell.run("inbox", "partner", "--json")
    assert (ended.code, ended.json["files"][0]["state"]) == (0, "imported"), ended.err


def test_rows_that_cannot_be_saved_before_an_import_are_reported_and_leave_no_folder(
    disk: Disk, server: SandboxServer, tmp_path: Path
) -> None:
    cards = tmp_path / "cards.csv"
    rows = [f'FULL-{n:04},active,"{{""category"":""{"x" * 2000}""}}"\n' for n in range(400)]
    cards.write_text("identifier,state,attributes\n" + "".join(rows))
    words = ("import", "loyalty-cards", str(cards), "--program", "2", "--yes")
    assert Inside(tmp_path / "other", server.base_url).run(*words).code == 0
    shell = Inside(disk.folder / "state", server.base_url)
    assert shell.run("jobs", "list").code == 0
    disk.leave(400 << 10)
    ended = shell.run(*words)
    assert (ended.code, "before.csv cannot be written: No space left on device." in ended.err) == (2, True)
    assert not list((shell.state / "ledger").rglob("before.csv"))


def test_conversion_of_an_export_names_the_folder_of_temporary_files(small_temporary: Disk, tmp_path: Path) -> None:
    saved = tmp_path / "saved.csv"
    saved.write_text("id,value,limitval,importid\n" + "".join(f"{n},CODE-{n:09},1,7\n" for n in range(8000)))
    words = ("export", "coupons", "--for-import", "--saved", str(saved), "-o", str(tmp_path / "out.csv"))
    ended = Inside(tmp_path / "state", "").run(*words)
    assert (ended.code, TEMPORARY.format(small_temporary.folder) in ended.err) == (2, True)
