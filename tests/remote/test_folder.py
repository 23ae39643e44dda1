"""A remote folder stores, finds and removes files by version, and never replaces one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bulkops.errors import FileChanged, Unfinished
from bulkops.remote.addresses import parsed
from bulkops.remote.folder import RemoteFolder
from tests.remote.conftest import Bucket
from tests.remote.servers import SftpPlace

Write = Callable[[str, bytes], None]


@pytest.fixture(params=["s3", "sftp"])
def place(request: pytest.FixtureRequest) -> tuple[RemoteFolder, Write]:
    """Return a folder of a server, and a function with which a partner writes to it."""
    if request.param == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        return RemoteFolder(parsed(bucket.address("drop"))), lambda name, data: void(bucket.put(f"drop/{name}", data))
    sftp: SftpPlace = request.getfixturevalue("sftp")
    (sftp.root / "drop").mkdir()
    return RemoteFolder(parsed(sftp.address("drop"))), lambda name, data: void(
        (sftp.root / "drop" / name).write_bytes(data)
    )


def void(_: object) -> None:
    """Return nothing."""


def content(folder: RemoteFolder, name: str) -> bytes:
    with folder.read(name) as stream:
        return stream.read()


def test_folder_lists_its_files_with_the_versions_that_find_returns(place: tuple[RemoteFolder, Write]) -> None:
    folder, write = place
    assert folder.files() == []
    write("b ü.csv", b"abc")
    write("a.csv", b"")
    found = folder.files()
    assert [(file.name, file.size) for file in found] == [("a.csv", 0), ("b ü.csv", 3)]
    assert [folder.find(file.name) for file in found] == found
    assert all(file.modified > 1.7e9 for file in found)
    assert (content(folder, "b ü.csv"), content(folder, "a.csv")) == (b"abc", b"")
    assert folder.find("none.csv") is None
    with pytest.raises(Unfinished):
        content(folder, "none.csv")


def test_put_stores_a_file_once_and_never_replaces_another(place: tuple[RemoteFolder, Write], tmp_path: Path) -> None:
    folder, write = place
    write("taken.csv", b"of the partner")
    source = tmp_path / "local.csv"
    source.write_bytes(b"evidence" * 100_000)
    assert folder.put(source, "2026-11-30/report.csv") == "2026-11-30/report.csv"
    assert folder.put(source, "2026-11-30/report.csv") == "2026-11-30/report.csv"
    assert folder.put(source, "taken.csv") == "taken~2.csv"
    assert folder.put(source, "taken.csv") == "taken~2.csv"
    assert content(folder, "taken.csv") == b"of the partner"
    assert content(folder, "2026-11-30/report.csv") == source.read_bytes()
    assert [file.name for file in folder.files()] == ["taken.csv", "taken~2.csv"]


def test_remove_takes_only_the_version_that_was_seen(place: tuple[RemoteFolder, Write]) -> None:
    folder, write = place
    write("a.csv", b"first")
    seen = folder.find("a.csv")
    assert seen is not None
    write("a.csv", b"second and longer")
    assert not folder.remove(seen)
    now = folder.find("a.csv")
    assert now is not None
    assert folder.remove(now)
    assert folder.remove(now)
    assert folder.files() == []


def test_file_that_grows_while_it_is_read_is_noticed(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RemoteFolder(parsed(bucket.address("drop")))
    bucket.put("drop/a.csv", b"x" * 9_000_000)
    with folder.read("a.csv") as stream:
        stream.read(10)
        bucket.put("drop/a.csv", b"y" * 9_000_001)
        with pytest.raises(FileChanged):
            stream.read()


def test_file_that_replaces_another_during_its_removal_is_kept(
    sftp: SftpPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RemoteFolder(parsed(sftp.address("")))
    (sftp.root / "a.csv").write_bytes(b"first")
    seen = folder.find("a.csv")
    assert seen is not None
    find = RemoteFolder.find

    def replaced(self: RemoteFolder, name: str) -> object:
        found = find(self, name)
        (sftp.root / name).write_bytes(b"second and longer")
        return found

    monkeypatch.setattr(RemoteFolder, "find", replaced)
    assert not folder.remove(seen)
    assert [(path.name, path.read_bytes()) for path in sftp.root.iterdir()] == [("a.csv", b"second and longer")]


@pytest.mark.parametrize("changed", [False, True])
def test_removal_from_sftp_that_was_killed_is_completed_or_undone(
    changed: bool, sftp: SftpPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RemoteFolder(parsed(sftp.address("")))
    (sftp.root / "a.csv").write_bytes(b"first")
    seen = folder.find("a.csv")
    assert seen is not None
    if changed:
        (sftp.root / "a.csv").write_bytes(b"second and longer")
        monkeypatch.setattr(RemoteFolder, "find", lambda *_: seen)  # it was replaced right after the look

    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(
            "bulkops.remote.folder.delete" if not changed else "bulkops.remote.folder.present_version", killed
        )
        dying.setattr("bulkops.remote.folder.existing_version", killed)
        with pytest.raises(KeyboardInterrupt):
            RemoteFolder._remove_aside(folder, parsed(sftp.address("a.csv")), seen)
    monkeypatch.undo()
    assert [path.name for path in sftp.root.iterdir()] != ["a.csv"]
    (sftp.root / "a.csv").write_bytes(b"the day after")
    assert not folder.remove(seen)
    found = {path.name: path.read_bytes() for path in sftp.root.iterdir()}
    kept = {"a~2.csv": b"second and longer"} if changed else {}
    assert found == {"a.csv": b"the day after", **kept}
