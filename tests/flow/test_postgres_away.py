"""PostgreSQL goes away under a running job: exit 3 with the way on, and nothing sent without the ledger."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Shell
from tests.crash.truth import CASES, counted, rows_of
from tests.postgres.proxy import Door, door_to
from tests.postgres.server import Postgres

GIVEAWAYS = CASES["giveaways"]
SLOW = "slow:6"


@pytest.fixture
def door(postgres: Postgres) -> Iterator[Door]:
    with door_to(postgres.port) as found:
        yield found


@pytest.fixture
def ledger(postgres: Postgres, door: Door) -> tuple[str, str]:
    return "--ledger", postgres.new_ledger().replace(f":{postgres.port}/", f":{door.port}/")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return GIVEAWAYS.write(tmp_path / "f.csv", records=30, seed=1)


def words(file: Path, *more: str) -> tuple[str, ...]:
    return ("import", "giveaways", str(file), "--pool", "1", "--max-rows", "10", "--settle", "0.3", *more)


def until(process: subprocess.Popen[str], postgres: Postgres, ledger: tuple[str, str], condition: str) -> None:
    """Wait until a chunk of the ledger meets a condition; at first the ledger has no tables."""
    schema = ledger[1].rpartition("%3D")[2]
    end = time.monotonic() + 90
    while not postgres.execute(f"SELECT to_regclass('{schema}.chunks')") or not postgres.execute(
        f"SELECT count(*) FROM {schema}.chunks WHERE {condition}"
    ):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_unavailable_database_ends_the_run_with_a_resumable_job(
    shell: Shell, sandbox: SandboxServer, file: Path, ledger: tuple[str, str], door: Door, postgres: Postgres
) -> None:
    sandbox.set_faults(f"imports@2={SLOW}")
    process = shell.start(*words(file, "--json", *ledger))
    until(process, postgres, ledger, "number = 2 AND state = 'sending'")
    door.close()
    ended = shell.ended(process)
    assert (ended.code, ended.json["error"]["exit"], ended.json["state"]) == (3, 3, "unfinished"), ended.err
    figures = ended.json["records"]
    assert (figures["accepted"], figures["in_doubt"], figures["pending"]) == (10, 10, 10)
    assert "Make the database available" in ended.err
    assert f"Resume with: bulkops jobs resume {ended.json['job']}" in ended.err
    assert sandbox.state.count("giveaway") == 20
    away = shell.run("jobs", "resume", "--json", *ledger)
    assert (away.code, away.json["error"]["exit"]) == (3, 3), away.err
    assert "Make the database available" in away.json["error"]["hint"]
    door.open()
    sandbox.set_faults(None)
    resumed = shell.run("jobs", "resume", "--reconcile", "--json", *ledger)
    assert (resumed.code, resumed.json["reconciliation"]["verdict"]) == (0, "proved"), resumed.err
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


def test_a_lost_database_connection_is_opened_again_with_its_lock(
    shell: Shell, sandbox: SandboxServer, file: Path, ledger: tuple[str, str], door: Door, postgres: Postgres
) -> None:
    sandbox.set_faults(f"imports@2={SLOW}")
    process = shell.start(*words(file, "--json", *ledger))
    until(process, postgres, ledger, "number = 2 AND state = 'sending'")
    door.cut()
    ended = shell.ended(process)
    assert (ended.code, ended.json["state"]) == (0, "done"), ended.err
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


def test_a_database_lost_during_the_proof_ends_the_run_with_a_resumable_job(
    shell: Shell, sandbox: SandboxServer, file: Path, ledger: tuple[str, str], door: Door, postgres: Postgres
) -> None:
    process = shell.start(*words(file, "--json", "--reconcile", *ledger))
    sandbox.set_faults(f"exports={SLOW}")
    until(process, postgres, ledger, "number = 3 AND state = 'accepted'")
    time.sleep(1.0)
    door.close()
    ended = shell.ended(process)
    assert (ended.code, ended.json["error"]["exit"]) == (3, 3), ended.err
    assert "--reconcile" in ended.err
    door.open()
    sandbox.set_faults(None)
    proved = shell.run("jobs", "resume", "--reconcile", "--json", *ledger)
    assert (proved.code, proved.json["reconciliation"]["verdict"]) == (0, "proved"), proved.err


def test_a_recipe_can_be_run_again_after_its_database_was_lost(
    shell: Shell, sandbox: SandboxServer, file: Path, ledger: tuple[str, str], door: Door, postgres: Postgres
) -> None:
    recipe = file.with_name("recipe.yaml")
    step = f"- contract: giveaways\n  file: {file}\n  ids: {{pool: 1}}\n  max_rows: 10\n"
    recipe.write_text(f"name: gifts\nsteps:\n{step}")
    sandbox.set_faults(f"imports@2={SLOW}")
    process = shell.start("run", str(recipe), "--settle", "0.3", "--json", *ledger)
    until(process, postgres, ledger, "number = 2 AND state = 'sending'")
    door.close()
    ended = shell.ended(process)
    assert (ended.code, ended.json["error"]["exit"]) == (3, 3), ended.err
    assert "Continue with: bulkops run" in ended.err
    door.open()
    sandbox.set_faults(None)
    again = shell.run("run", str(recipe), "--settle", "0.3", "--json", *ledger)
    assert (again.code, again.json["state"]) == (0, "done"), again.err
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


def test_a_database_unavailable_from_the_start_leaves_nothing_to_resume(
    shell: Shell, file: Path, ledger: tuple[str, str], door: Door
) -> None:
    door.close()
    ended = shell.run(*words(file, "--json", *ledger))
    assert (ended.code, "Nothing was sent." in ended.json["error"]["message"]) == (2, True), ended.err
    door.open()
