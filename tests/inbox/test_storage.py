"""The places of an inbox: nothing is replaced, and only the version that was read is removed."""

import errno
import gzip
import os
from pathlib import Path

import pytest

from bulkops.errors import InputUnreadable, Unfinished, UsageError
from bulkops.inbox import storage
from bulkops.inbox.storage import LocalFolder
from bulkops.inbox.taking import WorkFiles, decompress


@pytest.fixture
def place(tmp_path: Path) -> LocalFolder:
    folder = tmp_path / "place"
    folder.mkdir()
    return LocalFolder(folder)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("links", [True, False])
def test_a_copy_never_replaces_a_file_and_is_stored_once(
    links: bool, place: LocalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:

        def unsupported(*_: object) -> None:
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", unsupported)
    source = written(tmp_path / "a.csv", "new")
    source.chmod(0o640)
    assert place.put(source, "day/a.csv") == "day/a.csv"
    assert place.put(source, "day/a.csv") == "day/a.csv"
    other = written(tmp_path / "b.csv", "other")
    assert place.put(other, "day/a.csv") == "day/a~2.csv"
    assert place.put(other, "day/a.csv") == "day/a~2.csv"
    assert {path.name: path.read_text() for path in (place.folder / "day").iterdir()} == {
        "a.csv": "new",
        "a~2.csv": "other",
    }
    assert (place.folder / "day" / "a.csv").stat().st_mode & 0o777 == 0o640


def test_a_draft_of_a_killed_process_is_replaced(place: LocalFolder, tmp_path: Path) -> None:
    source = written(tmp_path / "a.csv", "new")
    place.put(source, "a.csv")
    (draft,) = [place.folder / ".bulkops-x"]
    draft.write_text("half")
    assert place.put(source, "a.csv") == "a.csv"
    assert (place.folder / "a.csv").read_text() == "new"


def test_only_the_version_that_was_read_is_removed(place: LocalFolder) -> None:
    path = written(place.folder / "a.csv", "one")
    before = place.find("a.csv")
    assert before is not None
    path.write_text("two, longer")
    assert not place.remove(before)
    assert path.read_text() == "two, longer"
    now = place.find("a.csv")
    assert now is not None
    assert place.remove(now)
    assert not path.exists()
    assert place.remove(now)


def test_a_file_that_appears_during_the_removal_stays(place: LocalFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(place.folder / "a.csv", "one")
    known = place.find("a.csv")
    assert known is not None
    original = Path.rename

    def replaced(self: Path, target: Path) -> Path:
        written(path.with_name("next"), "the next day").replace(path)
        return original(self, target)

    monkeypatch.setattr(Path, "rename", replaced)
    assert not place.remove(known)
    monkeypatch.undo()
    assert path.read_text() == "the next day"
    assert [each.name for each in place.files()] == ["a.csv"]


def test_a_removal_that_was_killed_is_completed(place: LocalFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(place.folder / "a.csv", "one")
    known = place.find("a.csv")
    assert known is not None

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        place.remove(known)
    monkeypatch.undo()
    written(path, "the next day")
    assert not place.remove(known)  # the new file has another version
    assert path.read_text() == "the next day"
    assert [each.name for each in place.folder.iterdir()] == ["a.csv"]


def test_a_folder_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    missing = LocalFolder(tmp_path / "missing")
    with pytest.raises(UsageError, match="missing cannot be read"):
        missing.files()
    with pytest.raises(Unfinished, match="cannot be read"), missing.read("a.csv"):
        pass
    blocked = LocalFolder(written(tmp_path / "file", ""))
    with pytest.raises(Unfinished, match="cannot be written"):
        blocked.put(written(tmp_path / "a.csv", ""), "day/a.csv")


def test_two_versions_of_a_name_are_both_kept_after_a_killed_removal(
    place: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(place.folder / "a.csv", "one")
    known = place.find("a.csv")
    assert known is not None
    written(place.folder / "next", "the next day").replace(path)
    monkeypatch.setattr(place, "find", lambda _: known)  # it was replaced right after the look
    monkeypatch.setattr(LocalFolder, "_settle", killed)
    with pytest.raises(KeyboardInterrupt):
        place.remove(known)
    monkeypatch.undo()
    written(path, "the day after")
    assert not place.remove(known)
    found = {each.name: (place.folder / each.name).read_text() for each in place.files()}
    assert found == {"a.csv": "the day after", "a~2.csv": "the next day"}
    assert not list(place.folder.glob(".bulkops-*"))


def killed(*_: object) -> bool:
    raise KeyboardInterrupt


def test_the_entries_of_new_folders_are_written_to_the_disk(
    place: LocalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(storage, "_sync_folder", synced.append)
    place.put(written(tmp_path / "a.csv", "new"), "2026-11-30/drop/a.csv")
    place.put(written(tmp_path / "b.csv", "new"), "2026-11-30/drop/b.csv")
    place.sync()
    day = place.folder / "2026-11-30"
    assert synced == [day / "drop", day, place.folder]


def test_a_part_of_a_damaged_compressed_file_is_removed(tmp_path: Path) -> None:
    files = WorkFiles(folder=tmp_path, name="points.csv.gz")
    files.original.parent.mkdir()
    files.original.write_bytes(gzip.compress(b"code\n" * 100_000)[:-4])
    with pytest.raises(InputUnreadable, match="damaged"):
        decompress(files)
    assert list(files.plain.parent.iterdir()) == []
