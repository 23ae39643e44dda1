"""Only the owner can read the files of an import beside a ledger, for every place of the ledger and every umask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Shell


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(*roots: Path) -> dict[str, str]:
    """Return the files and folders that others can read or change, with their rights."""
    found = [path for root in roots for path in (root, *root.rglob("*"))]
    assert found
    return {str(path): oct(path.stat().st_mode & 0o777) for path in found if path.stat().st_mode & 0o077}


def test_ledger_jobs_locks_and_rate_slots_are_closed_to_others(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    ledger = tmp_path / "shared" / "deep" / "ledger.db"
    old, new, bad = tmp_path / "old.csv", tmp_path / "new.csv", tmp_path / "bad.csv"
    old.write_text("item\nred\ngreen\n")
    new.write_text("item\nred\ngreen\nblue\n")
    bad.write_text("code,startdate,enddate,attributes\nAAA1,,,\nBBB1,,,\n")
    for file in (old, new):
        assert shell.run("import", "collections", str(file), "--collection", "1", "--ledger", str(ledger)).code == 0
    sandbox.set_faults("imports@p1=400")
    words = ("import", "giveaways", str(bad), "--pool", "1", "--ledger", str(ledger), "--settle", "0.2")
    assert shell.run(*words).code == 1
    names = {path.name for path in (tmp_path / "shared").rglob("*")}
    assert {"ledger.db", "before.csv", "locks", "rate", "jobs"} <= names
    assert any(name.endswith("-rejected.csv") for name in names)
    assert open_to_others(tmp_path / "shared") == {}


def test_embedded_sandbox_and_state_folder_are_closed_to_others(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("item\nred\n")
    plain = Shell(shell.state)
    assert plain.run("import", "collections", str(file), "--collection", "1", "--target", "sandbox").code == 0
    assert (shell.state / "sandbox" / "data.db").is_file()
    assert open_to_others(shell.state) == {}
