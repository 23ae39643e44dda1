"""Google and Azure storage: the emulators of both store, find, read and remove files as a bucket of S3 does."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from bulkops.errors import FileChanged
from bulkops.remote.addresses import parsed
from bulkops.remote.folder import RemoteFolder
from bulkops.remote.uploads import upload
from bulkops.sandbox.serve import SandboxServer
from tests.inbox.desk import InboxDesk, held, points, states
from tests.remote.conftest import run
from tests.remote.test_folder import content

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that every emulator of Azure has."""
AZURITE = os.environ.get("BULKOPS_AZURITE") or shutil.which("azurite-blob")


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def gs(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if find_spec("gcsfs") is None or find_spec("gcp_storage_emulator") is None:
        pytest.skip("needs the dependency group clouds")
    port = free_port()
    server = import_module("gcp_storage_emulator.server").create_server(
        "127.0.0.1", port, in_memory=True, default_bucket="drops"
    )
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    yield "gs://drops/place"
    server.stop()


@pytest.fixture
def az(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    if find_spec("adlfs") is None or AZURITE is None:
        pytest.skip("needs the dependency group clouds, and azurite from npm in PATH or BULKOPS_AZURITE")
    port = free_port()
    words = [AZURITE, "--silent", "--skipApiVersionCheck", "--location", str(tmp_path / "azurite")]
    server = subprocess.Popen([*words, "--blobPort", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    )
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
    end = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                break
        except OSError:
            assert time.monotonic() < end, "azurite does not start"
            time.sleep(0.2)
    blobs = import_module("azure.storage.blob").BlobServiceClient
    with blobs.from_connection_string(connection) as client:
        client.create_container("drops")
    yield "az://drops/place"
    server.terminate()
    server.wait(30)


@pytest.fixture(params=["gs", "az"])
def cloud(request: pytest.FixtureRequest) -> str:
    """Return the address of a folder in an empty bucket or container."""
    return str(request.getfixturevalue(request.param))


def write(cloud: str, name: str, data: bytes, tmp_path: Path) -> None:
    """Write a file as a partner does, over an earlier one."""
    source = tmp_path / "partner"
    source.write_bytes(data)
    upload(source, parsed(f"{cloud}/{name}"), replace=True)


@pytest.mark.soak
def test_a_cloud_folder_stores_finds_and_removes_versions(cloud: str, tmp_path: Path) -> None:
    folder = RemoteFolder(parsed(cloud))
    write(cloud, "a.csv", b"first", tmp_path)
    write(cloud, "deep/b.csv", b"not directly here", tmp_path)
    (listed,) = folder.files()
    assert (listed.name, listed.size) == ("a.csv", 5)
    assert folder.find("a.csv") == listed
    assert content(folder, "a.csv") == b"first"
    write(cloud, "a.csv", b"other", tmp_path)
    assert not folder.remove(listed)
    now = folder.find("a.csv")
    assert now is not None
    assert now.version != listed.version
    source = tmp_path / "report.csv"
    source.write_bytes(b"report")
    assert folder.put(source, "day/a.csv") == "day/a.csv"
    assert folder.put(source, "day/a.csv") == "day/a.csv"
    assert folder.put(source, "a.csv") == "a~2.csv"
    assert folder.remove(now)
    assert folder.find("a.csv") is None


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # of the library, for its developers
def test_an_azure_file_that_is_replaced_while_it_is_read_is_noticed(az: str, tmp_path: Path) -> None:
    """The emulator of Google accepts no file that is large enough for a second request."""
    folder = RemoteFolder(parsed(az))
    write(az, "a.csv", b"x" * 9_000_000, tmp_path)
    with folder.read("a.csv") as stream:
        stream.read(10)
        write(az, "a.csv", b"y" * 9_000_000, tmp_path)
        with pytest.raises(FileChanged):
            stream.read()


@pytest.mark.soak
def test_an_inbox_in_a_cloud_is_imported_and_archived_once(cloud: str, tmp_path: Path) -> None:
    with SandboxServer(rate_limit=0) as server:
        places = {name: f"{cloud}/{name}" for name in ("folder", "archive", "quarantine")}
        desk = InboxDesk(tmp_path / "desk", server.base_url, table=places)
        write(cloud, "folder/points-1.csv", points(("Ann", "5")).encode(), tmp_path)
        write(cloud, "folder/points-2.csv", points(("Cem", "many")).encode(), tmp_path)
        assert states(desk.run()) == {"points-1.csv": "imported", "points-2.csv": "quarantined"}
        assert held(server.state) == {("Ann", "5"): 1}
        assert RemoteFolder(parsed(places["folder"])).files() == []
        ended = run("validate", "loyalty-points", f"{places['archive']}/*/*/points-1.csv")
        assert ended.code == 0, ended.err
