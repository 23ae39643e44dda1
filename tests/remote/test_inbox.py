"""An inbox in a bucket and on an SFTP server: the same pass as over a folder of this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.errors import BulkopsError, UsageError
from bulkops.remote.versions import aside_name
from bulkops.sandbox.serve import SandboxServer
from tests.inbox.desk import InboxDesk, balanced, held, points, states
from tests.remote.conftest import Bucket
from tests.remote.servers import SftpPlace

ANN_AND_BEN = points(("Ann", "5"), ("Ben", "7.5"))
INVALID = points(("Cem", "five"))


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


def desk_at(tmp_path: Path, server: SandboxServer, **places: str) -> InboxDesk:
    return InboxDesk(tmp_path / "desk", server.base_url, table=places)


def test_a_bucket_is_imported_and_archived_once(tmp_path: Path, server: SandboxServer, bucket: Bucket) -> None:
    places = {name: bucket.address(name) for name in ("folder", "archive", "quarantine")}
    desk = desk_at(tmp_path, server, **places)
    bucket.put("folder/points-1.csv", ANN_AND_BEN.encode())
    bucket.put("folder/points-2.csv", INVALID.encode())
    result = desk.run()
    assert states(result) == {"points-1.csv": "imported", "points-2.csv": "quarantined"}
    assert result.exit == 1
    assert balanced(result)
    assert held(server.state) == {("Ann", "5"): 1, ("Ben", "7.5"): 1}
    kept = bucket.listed()
    assert [key for key in kept if key.startswith("folder/")] == []
    assert [bucket.get(key) for key in kept if key.endswith("/points-1.csv")] == [ANN_AND_BEN.encode()]
    assert [bucket.get(key) for key in kept if key.endswith("/points-2.csv")] == [INVALID.encode()]
    assert any(key.startswith("archive/") and key.endswith("/result.csv") for key in kept)

    bucket.put("folder/points-3.csv", ANN_AND_BEN.encode())
    assert states(desk.run()) == {"points-3.csv": "skipped"}
    assert held(server.state) == {("Ann", "5"): 1, ("Ben", "7.5"): 1}
    assert set(kept) < set(bucket.listed())


def test_a_folder_of_an_sftp_server_is_imported_and_archived_here(
    tmp_path: Path, server: SandboxServer, sftp: SftpPlace
) -> None:
    sftp.trust()
    drops = sftp.root / "drops"
    drops.mkdir()
    (drops / "points-1.csv").write_text(ANN_AND_BEN)
    desk = desk_at(tmp_path, server, folder=sftp.address("drops"))
    assert states(desk.run()) == {"points-1.csv": "imported"}
    assert held(server.state) == {("Ann", "5"): 1, ("Ben", "7.5"): 1}
    assert list(drops.iterdir()) == []
    assert [path.read_text() for path in desk.kept("archive/**/points-1.csv")] == [ANN_AND_BEN]


@pytest.mark.parametrize("aside", [aside_name("points-1.csv"), ".points-1.csv.0a1b2c3d.removing"])
def test_a_file_that_a_killed_pass_set_aside_on_sftp_is_removed_or_gets_its_name(
    aside: str, tmp_path: Path, server: SandboxServer, sftp: SftpPlace
) -> None:
    sftp.trust()
    drops = sftp.root / "drops"
    drops.mkdir()
    (drops / "points-1.csv").write_text(ANN_AND_BEN)
    dropped = (drops / "points-1.csv").stat()
    desk = desk_at(tmp_path, server, folder=sftp.address("drops"))
    assert states(desk.run()) == {"points-1.csv": "imported"}
    (drops / aside).write_text(ANN_AND_BEN)
    os.utime(drops / aside, ns=(dropped.st_atime_ns, dropped.st_mtime_ns))
    assert desk.run().notes == []
    assert list(drops.iterdir()) == []
    (drops / aside).write_text(INVALID)
    (note,) = desk.run().notes
    assert note.startswith("points-1.csv: ")
    assert [(path.name, path.read_text()) for path in drops.iterdir()] == [("points-1.csv", INVALID)]


def test_a_missing_folder_of_a_server_is_an_error(tmp_path: Path, server: SandboxServer, sftp: SftpPlace) -> None:
    sftp.trust()
    desk = desk_at(tmp_path, server, folder=sftp.address("dorps"))
    with pytest.raises(BulkopsError, match="dorps"):
        desk.run()


def test_the_archive_of_a_bucket_is_not_its_inbox(tmp_path: Path, server: SandboxServer, bucket: Bucket) -> None:
    desk = desk_at(tmp_path, server, folder=bucket.address("in"), archive=bucket.address("in/"))
    with pytest.raises(UsageError, match="must differ from the folder"):
        desk.run()
