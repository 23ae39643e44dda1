"""A state folder of another user, and one that cannot be written: the cause, the owner and the next step."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Inside

OTHER = 54_321
"""A user that no machine has."""
POOL = ("--pool", "1", "--yes")


@contextmanager
def other_user() -> Iterator[None]:
    """Run as another user; without root, the permissions of the folder alone have to do."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(OTHER, OTHER, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def filled(sandbox: SandboxServer, tmp_path: Path) -> Iterator[Inside]:
    """Return a state folder with one job that all users can read."""
    for folder in (parent for parent in tmp_path.parents if "pytest" in str(parent)):
        folder.chmod(0o755)
    tmp_path.chmod(0o755)
    file = tmp_path / "gifts.csv"
    file.write_text("code,startdate,enddate\nA1,,\nA2,,\n")
    made = Inside(tmp_path / "made", sandbox.base_url)
    assert made.run("import", "giveaways", str(file), *POOL).code == 0
    shell = Inside(tmp_path / "state", sandbox.base_url)
    shutil.copytree(made.state, shell.state)  # this process may still have the database open
    for part in (shell.state, *shell.state.rglob("*")):
        part.chmod(0o755 if part.is_dir() else 0o644)
    yield shell
    for folder in (shell.state, shell.state / "ledger" / "rate"):
        folder.chmod(0o755)


def load_modules(shell: Inside, *words: str) -> None:
    """Run a command as this user: another one may have no access to modules of Python that are not loaded yet."""
    Inside(shell.state.parent / "made", shell.base_url).run(*words)


def run_as_other(shell: Inside, *words: str) -> Ended:
    load_modules(shell, *words)
    with other_user():
        return shell.run(*words)


@pytest.mark.parametrize(
    "words",
    [
        ("jobs", "list"),
        ("ledger", "check"),
        ("ledger", "prune", "--older-than", "1d"),
        ("import", "giveaways", "FILE", *POOL, "--dry-run", "--again"),
        ("report", "-o", "-"),
    ],
    ids=" ".join,
)
def test_a_closed_state_folder_names_its_owner_and_the_next_step(words: tuple[str, ...], filled: Inside) -> None:
    words = tuple(str(filled.state.parent / "gifts.csv") if word == "FILE" else word for word in words)
    load_modules(filled, *words)
    filled.state.chmod(0o700 if os.geteuid() == 0 else 0)
    with other_user():
        ended = filled.run(*words)
    assert (ended.code, "cannot be read: Permission denied." in ended.err) == (2, True), ended.err
    if os.geteuid() == 0:
        assert "It belongs to user root." in ended.err
        assert "Run the command as user root, or choose another ledger with --ledger" in ended.err


def test_doctor_reports_a_closed_state_folder_and_completes_the_other_checks(filled: Inside) -> None:
    load_modules(filled, "doctor")
    filled.state.chmod(0o700 if os.geteuid() == 0 else 0)
    with other_user():
        ended = filled.run("doctor", "--json")
    checks = {check["name"]: check for check in ended.json["checks"]}
    assert (ended.code, checks["ledger"]["state"]) == (2, "failed"), ended
    assert "cannot be read: Permission denied." in checks["ledger"]["message"]
    assert "choose another ledger with --ledger" in checks["ledger"]["help"]
    assert "connection" in checks


def test_a_ledger_file_of_another_user_names_its_owner(filled: Inside) -> None:
    load_modules(filled, "jobs", "list")
    (filled.state / "ledger.db").chmod(0o600 if os.geteuid() == 0 else 0)
    with other_user():
        ended = filled.run("jobs", "list")
    assert (ended.code, "Permission denied." in ended.err, "--ledger" in ended.err) == (2, True, True), ended.err


@pytest.mark.parametrize("words", [("jobs", "list"), ("ledger", "check"), ("report", "-o", "-")], ids=" ".join)
def test_a_ledger_that_cannot_be_written_is_read_without_a_false_problem(
    words: tuple[str, ...], filled: Inside
) -> None:
    if os.geteuid() != 0:
        filled.state.chmod(0o555)
    ended = run_as_other(filled, *words)
    assert ended.code == 0, ended.err


def test_a_rate_limit_that_cannot_be_stored_is_a_matter_of_configuration(filled: Inside, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        (filled.state / "ledger" / "rate").chmod(0o555)
    ended = run_as_other(filled, "export", "giveaways", "--pool", "1", "-o", "-")
    assert (ended.code, "Allow this user to write there" in ended.err) == (2, True), ended.err
