"""Files of state and customer data are their owner's alone, whatever the umask is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.private import private, private_folder, write_private


@pytest.fixture(params=[0o000, 0o022, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("umask")
def test_missing_folders_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    before = mode(tmp_path)
    private_folder(tmp_path / "a" / "b" / "c")
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c")] == [0o700] * 3
    assert mode(tmp_path) == before


def test_own_folder_of_an_earlier_version_is_closed_and_those_above_it_are_left(tmp_path: Path) -> None:
    above = tmp_path / "a"
    above.mkdir(mode=0o755)
    (above / "rate").mkdir()
    (above / "rate").chmod(0o755)
    private_folder(above / "rate")
    assert (mode(above), mode(above / "rate")) == (0o755, 0o700)


@pytest.mark.usefixtures("umask")
def test_files_are_made_and_left_for_their_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    write_private(tmp_path / "new", "text")
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o644)
    with open(tmp_path / "old", "wb", opener=private) as file:
        file.write(b"x")
    assert [mode(tmp_path / name) for name in ("new", "old")] == [0o600] * 2
    assert (tmp_path / "new").read_text() == "text"


def test_file_in_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(OSError, match="exists"):
        private_folder(tmp_path / "a")
