"""What was answered is kept: over a restart, and over a sandbox that is killed."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from bulkops.errors import UsageError
from bulkops.sandbox.serve import SandboxServer
from tests.unit.sandbox import client as at
from tests.unit.sandbox.client import talking

ROOT = Path(__file__).parents[2]
HEADERS = {"Authorization": "ManagementKey-v1 secret"}


def start(*options: str) -> tuple[subprocess.Popen[str], str]:
    """Start the command and return it with the address it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bulkops", "sandbox", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BULKOPS_SANDBOX_KEY": "secret"},
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    """Send a signal and return the exit code and what was said on stderr."""
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_its_address_takes_the_key_from_the_environment_and_ends_cleanly(
    number: signal.Signals,
) -> None:
    process, address = start()
    try:
        assert httpx.get(f"{address}/v1/applications", headers=HEADERS).status_code == 200
        assert httpx.get(f"{address}/v1/applications", headers={"Authorization": "Bearer x"}).status_code == 401
    finally:
        assert end(process, number) == (0, "")


def test_a_kill_of_the_sandbox_after_a_response_loses_no_row(tmp_path: Path) -> None:
    data = tmp_path / "sandbox.db"
    process, address = start("--data", str(data), "--rate-limit", "0")
    try:
        for number in range(5):
            lines = "".join(f"GIFT-{number}-{line}\n" for line in range(2000))
            answer = httpx.post(
                address + at.GIVEAWAYS, headers=HEADERS, files={"upFile": f"code\n{lines}".encode()}, timeout=30
            )
            assert answer.json()["amount"] == 2000
    finally:
        assert end(process, signal.SIGKILL)[0] == -signal.SIGKILL
    with talking(data=data) as client:
        rows = client.table(f"{at.POOL}/export")
        assert len(rows) == len({row["code"] for row in rows}) == 10_000
        assert {row["importid"] for row in rows} == {"1", "2", "3", "4", "5"}


def test_a_restarted_sandbox_keeps_its_data(tmp_path: Path) -> None:
    data = tmp_path / "sandbox.db"
    with talking(data=data) as client:
        client.upload(at.COUPONS, "value", "CODE1")
        client.upload(at.POINTS, "customerprofileid,amount", "customer-0001,5")
    with talking(data=data) as client:
        assert client.upload(at.COUPONS, "value", "CODE1").status_code == 400
        assert client.upload(at.COUPONS, "value", "CODE2").json()["id"] > 2
        assert client.sandbox.state.count("profile") == 300
        assert client.sandbox.state.count("card") == 20
        assert client.sandbox.state.count("point") == 1


def test_data_file_of_an_older_release_gets_the_tables_that_it_lacks(tmp_path: Path) -> None:
    data = tmp_path / "sandbox.db"
    with talking(data=data):
        pass
    with closing(sqlite3.connect(data)) as connection:
        connection.execute("DROP TABLE join_date")
    with talking(data=data) as client:
        line = "customer-0001,2024-01-01T00:00:00Z"
        assert client.upload(at.JOIN_DATES, "customerprofileid,joindate", line).status_code == 200
        assert client.sandbox.state.count("join_date") == 1


def test_a_sandbox_without_data_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with talking() as client:
        client.upload(at.COUPONS, "value", "CODE1")
        assert list(tmp_path.iterdir()) != []
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_a_message_and_exit_2() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "bulkops", "sandbox", "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("content", [b"not a database, but long enough to be read as one" * 100, b"\x00" * 5000])
def test_a_foreign_data_file_is_refused(tmp_path: Path, content: bytes) -> None:
    data = tmp_path / "notes.db"
    data.write_bytes(content)
    with pytest.raises(UsageError, match="data file"):
        SandboxServer(data=data)
    assert data.read_bytes() == content


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--assume", "weather=fine"], "no assumption 'weather'"),
        (["--faults", "importCoupons=explode"], "not known"),
        (["--world", "no-such-world.yaml"], "cannot be read"),
        (["--data", "no/such/folder/sandbox.db"], "data file"),
        (["--host", "256.0.0.1"], "cannot listen"),
    ],
)
def test_a_wrong_option_is_a_message_and_exit_2(options: list[str], words: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bulkops", "sandbox", "--port", "0", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "validators")])},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
