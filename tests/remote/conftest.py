"""Servers of remote files, and the command line that uses them."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from moto.server import ThreadedMotoServer

from bulkops.cli.main import cli
from bulkops.cli.output.console import Console
from bulkops.errors import BulkopsError
from bulkops.remote import retries
from bulkops.remote.opening import close_stores
from tests.cli.running import Ended
from tests.remote.servers import HttpsPlace, SftpPlace, https_server, sftp_server

SECRET = "secret-access-key-that-nobody-may-see"
NUMBERS = itertools.count(1)


def run(*words: str | Path) -> Ended:
    """Run a command in this process; the error is in `err`, as people see it."""
    result = CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False, obj=Console())
    err, code = result.stderr, result.return_value if isinstance(result.return_value, int) else 0
    if isinstance(result.exception, BulkopsError):
        err, code = f"{err}{result.exception}", result.exception.exit_code
    elif result.exception is not None:
        raise result.exception
    assert SECRET not in result.stdout + err
    return Ended(code, result.stdout, err)


@dataclass
class Bucket:
    """An empty bucket of a server that behaves as S3."""

    name: str
    client: Any
    endpoint: str

    def address(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def put(self, key: str, content: bytes) -> str:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)
        return self.address(key)

    def get(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def listed(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Give each test a state folder, new connections, short waits, and no configuration of this machine."""
    for name in [name for name in os.environ if name.lower().endswith(("_proxy", "_cert_file", "_ca_bundle"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(retries, "WAITS", (0.05, 0.05, 0.05))
    yield tmp_path / "state"
    close_stores()


@pytest.fixture
def bucket(moto: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    name = f"drops-{next(NUMBERS)}"
    client.create_bucket(Bucket=name)
    return Bucket(name, client, moto)


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SftpPlace]:
    folder = tmp_path / "sftp"
    folder.mkdir()
    with sftp_server(folder) as place:
        monkeypatch.setenv("HOME", str(place.home))
        yield place


@pytest.fixture
def https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpsPlace]:
    with https_server(tmp_path) as place:
        monkeypatch.setenv("SSL_CERT_FILE", str(place.authority))
        yield place
