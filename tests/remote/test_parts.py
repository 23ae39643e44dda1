"""The temporary files on a server that a killed process leaves are removed by the next upload to that server."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bulkops.errors import Unfinished
from bulkops.remote import notices
from bulkops.remote.addresses import parsed
from bulkops.remote.parts import part_name, recorded
from bulkops.remote.sftp import SftpStore
from bulkops.remote.uploads import upload
from tests.remote.conftest import Bucket, run
from tests.remote.servers import SftpPlace

KILLED = """
import os, signal, sys
from pathlib import Path
from bulkops.remote.addresses import parsed
from bulkops.remote.sftp import SftpStore
from bulkops.remote.uploads import upload

SftpStore._rename = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
upload(Path(sys.argv[1]), parsed(sys.argv[2]), replace=False)
"""


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local.csv"
    path.write_bytes(b"evidence")
    return path


def names(place: SftpPlace) -> list[str]:
    return sorted(str(path.relative_to(place.root)) for path in place.root.rglob("*") if path.is_file())


def test_part_of_a_killed_upload_is_removed_by_the_next_upload_to_the_server(
    sftp: SftpPlace, local: Path, alone: Path
) -> None:
    (sftp.root / "day").mkdir()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(local), sftp.address("day/a.csv")], env=dict(os.environ), check=False
    )
    assert killed.returncode == -signal.SIGKILL
    (left,) = names(sftp)
    assert left.startswith("day/.bulkops-")
    (sftp.root / "of-partner.csv.part").write_bytes(b"still written")
    said: list[str] = []
    notices.listen(said.append)
    upload(local, parsed(sftp.address("b.csv")), replace=False)
    assert names(sftp) == ["b.csv", "of-partner.csv.part"]
    assert [text for text in said if sftp.address(left) in text and "removed" in text]
    assert not list((alone / "remote" / "parts").iterdir())


def test_part_of_a_running_upload_stays(sftp: SftpPlace, local: Path) -> None:
    part = parsed(sftp.address(part_name()))
    (sftp.root / part.name).write_bytes(b"half")
    with recorded(part):
        upload(local, parsed(sftp.address("b.csv")), replace=False)
        assert names(sftp) == sorted([part.name, "b.csv"])
    upload(local, parsed(sftp.address("c.csv")), replace=False)
    assert names(sftp) == ["b.csv", "c.csv"]


def test_part_that_could_not_be_removed_after_an_error_is_removed_later(
    sftp: SftpPlace, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as failing:
        failing.setattr(SftpStore, "_rename", broken)
        failing.setattr(SftpStore, "_remove_part", broken)
        with pytest.raises(Unfinished):
            upload(local, parsed(sftp.address("a.csv")), replace=False)
    assert names(sftp) != []
    upload(local, parsed(sftp.address("b.csv")), replace=False)
    assert names(sftp) == ["b.csv"]


def test_output_that_a_killed_process_did_not_upload_is_removed_after_30_days(bucket: Bucket, alone: Path) -> None:
    staged = alone / "remote" / "out" / "0123"
    for name in ("old.csv", "new.csv"):
        (staged / f"{name}.windows").mkdir(parents=True)
        (staged / f"{name}.part").write_bytes(b"rows")
    for path in staged.glob("old.csv.*"):
        os.utime(path, (time.time() - 31 * 86_400,) * 2)
    assert run("snapshot", "--target", "sandbox", "--application", "1", "-o", bucket.address("account.json")).code == 0
    assert sorted(path.name for path in staged.iterdir()) == ["new.csv.part", "new.csv.windows"]


def test_file_with_a_very_long_name_is_uploaded(sftp: SftpPlace, local: Path) -> None:
    name = "x" * 251 + ".csv"
    upload(local, parsed(sftp.address(name)), replace=False)
    assert names(sftp) == [name]
