"""A ledger of another user that sent to the same server is noticed."""

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bulkops.ledger.neighbours import FOLDER, Neighbour, neighbours, record_server_use

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SERVER = "https://one.example.com"
OTHER = 54_321
"""A user that no machine has."""


@pytest.fixture(autouse=True)
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def as_another_user(server: str, ledger: str, folder: Path) -> None:
    """Leave a trace in a process of another user."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        pytest.skip("only root can act as another user")
    script = (
        "import os, sys, datetime, bulkops.ledger.neighbours as neighbours; "
        f"os.setuid({OTHER}); "
        "neighbours.record_server_use(sys.argv[1], sys.argv[2], now=datetime.datetime(2026, 11, 30))"
    )
    environment = {**os.environ, "TMPDIR": str(folder)}
    subprocess.run([sys.executable, "-c", script, server, ledger], env=environment, check=True)


def reachable(path: Path) -> None:
    """Let every user enter the folder of a test, and write in it."""
    for folder in (parent for parent in path.parents if "pytest" in str(parent)):
        folder.chmod(0o755)
    path.chmod(0o777)


def test_a_ledger_of_another_user_for_the_same_server_is_named(shared: Path) -> None:
    reachable(shared)
    as_another_user(SERVER, "/home/other/ledger.db", shared)
    assert neighbours(SERVER, "/mine") == [
        Neighbour(user=str(OTHER), ledger="/home/other/ledger.db", last="2026-11-30")
    ]
    assert neighbours(None, "/mine") == neighbours(SERVER, "/mine")
    assert neighbours("https://two.example.com", "/mine") == []
    assert neighbours(SERVER, "/home/other/ledger.db") == []


def test_own_ledgers_are_not_named() -> None:
    record_server_use(SERVER, "/mine", now=NOW)
    record_server_use(SERVER, "/mine-too", now=NOW)
    assert neighbours(SERVER, "/mine") == []


def test_a_trace_file_of_another_owner_is_ignored(shared: Path) -> None:
    record_server_use(SERVER, "/mine", now=NOW)
    (shared / FOLDER / f"{os.getuid()}.json").rename(shared / FOLDER / f"{OTHER}.json")
    assert neighbours(SERVER, "/theirs") == []


@pytest.mark.parametrize("text", [b"", b"[]", b'{"x": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_trace_is_ignored(text: bytes, shared: Path) -> None:
    path = shared / FOLDER / f"{OTHER}.json"
    path.parent.mkdir()
    path.write_bytes(text)
    if os.getuid() == 0:
        os.chown(path, OTHER, OTHER)
    assert neighbours(SERVER, "/mine") == []
    assert neighbours(None, "/mine") == []


def test_traces_are_bounded(shared: Path) -> None:
    for number in range(150):
        record_server_use(f"https://{number}.example.com", "/mine", now=NOW)
    assert (shared / FOLDER / f"{os.getuid()}.json").stat().st_size < 10_000
