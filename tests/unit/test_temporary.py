"""Temporary folders of killed processes are removed; those of running processes and of other programs stay."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bulkops import temporary
from bulkops.temporary import remove_left_folders, temporary_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from bulkops.temporary import temporary_folder

with temporary_folder(Path(sys.argv[1])) as folder:
    (folder / "rows.parquet").write_bytes(b"customer data")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(place: Path) -> Path:
    """Return the folder that a killed process left."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(place)], check=False)
    assert ended.returncode == -signal.SIGKILL
    (left,) = place.iterdir()
    return left


def test_folder_of_a_killed_process_is_removed_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = killed(tmp_path)
    assert (left / "rows.parquet").exists()
    (tmp_path / "bulkops-ledgers").mkdir()
    (tmp_path / "bulkops-of-another-program").mkdir()
    monkeypatch.setattr(temporary, "YOUNG_SECONDS", 0.0)
    with temporary_folder(tmp_path) as own:
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            [own.name, "bulkops-ledgers", "bulkops-of-another-program"]
        )
        remove_left_folders(tmp_path)
        assert own.is_dir()
    assert not own.exists()


def test_young_or_linked_folder_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = killed(tmp_path)
    remove_left_folders(tmp_path)
    assert left.is_dir()
    monkeypatch.setattr(temporary, "YOUNG_SECONDS", 0.0)
    left.rename(tmp_path / "kept")
    (tmp_path / "bulkops-link").symlink_to(tmp_path / "kept")
    remove_left_folders(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bulkops-link", "kept"]
