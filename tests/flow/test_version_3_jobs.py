"""Jobs of a ledger of version 3, stopped in any state, are resumed: every record is imported once."""

import json
import sqlite3
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import KEY, Shell
from tests.crash.truth import CASES, counted, rows_of

DUMP = Path(__file__).parents[1] / "unit" / "ledger" / "data" / "version-3.sql"
JOBS = {
    "a request of a killed process, and a pending chunk": ("loyalty-points-20261130-072857-3e27", 20, 7),
    "three pending chunks": ("loyalty-points-20261130-072857-6986", 30, 5),
    "a refused chunk": ("giveaways-20261130-072859-846f", 10, 13),
}
"""Jobs of the dump without any import, each with the number of its records and their seed."""


def restored(state: Path, job: str, file: Path, address: str) -> None:
    """Restore the dump as the default ledger, with the present places of the job's file and target."""
    state.mkdir()
    with sqlite3.connect(state / "ledger.db") as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))
        ((target,),) = connection.execute("SELECT target FROM jobs WHERE id = ?", (job,))
        moved = json.dumps({**json.loads(target), "base_url": address})
        connection.execute("UPDATE jobs SET target = ?, file_path = ? WHERE id = ?", (moved, str(file), job))
    connection.close()


@pytest.mark.parametrize("name", JOBS)
def test_a_job_of_version_3_is_resumed_and_imports_every_record_once(name: str, tmp_path: Path) -> None:
    job, records, seed = JOBS[name]
    case = CASES[job.partition("-2026")[0]]
    file = case.write(tmp_path / "f.csv", records=records, seed=seed)
    with SandboxServer(rate_limit=0, key=KEY) as sandbox:
        shell = Shell(tmp_path / "state", sandbox.base_url)
        restored(shell.state, job, file, sandbox.base_url)
        before = case.held(sandbox)
        ended = shell.run("jobs", "resume", job, "--settle", "0.2", "--reconcile", "--json")
        assert (ended.code, ended.json["state"]) == (0, "done"), ended
        assert ended.json["records"]["accepted"] == records
        assert ended.json["reconciliation"]["verdict"] == "proved"
        assert case.held(sandbox) - before == counted(rows_of(file))
