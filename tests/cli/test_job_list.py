"""`bulkops jobs list` for people and monitoring, and `jobs resume --all`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.events import Accepted, OutcomeUnknown, Reconciled, Refused, Rejected
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.reconciling.result import Reconciliation, Verdict
from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Shell
from tests.crash.truth import CASES
from tests.unit.ledger.test_store import CHUNK, JOB, SENT

GIVEAWAYS = CASES["giveaways"]


@contextmanager
def ledger_of(shell: Shell) -> Iterator[Ledger]:
    shell.state.mkdir(exist_ok=True)
    ledger = Ledger.open(str(shell.state / "ledger.db"), clock=SystemClock())
    yield ledger
    ledger.close()


def three_jobs(shell: Shell) -> None:
    """Begin three jobs a day apart: the first in doubt, the second done and proved, the third unfinished."""
    with ledger_of(shell) as ledger:
        for day, name in enumerate(("first", "second", "third")):
            job = replace(JOB, id=name, created=JOB.created + timedelta(days=day))
            ledger.create(job, [replace(CHUNK, number=1)])
        chunk = ledger.chunks("first")[0]
        chunk = ledger.move("first", chunk, ChunkState.SENDING, SENT)
        ledger.move("first", chunk, ChunkState.IN_DOUBT, OutcomeUnknown(message="no response"), undecided=True)
        chunk = ledger.chunks("second")[0]
        chunk = ledger.move("second", chunk, ChunkState.SENDING, SENT)
        ledger.move("second", chunk, ChunkState.ACCEPTED, Accepted(status=200, import_id=1, amount=None))
        proved = Reconciliation(contract="giveaways", verdict=Verdict.PROVED, reason="", records=1, matched=1)
        ledger.change_job(ledger.job("second"), Reconciled(), reconciliation=proved.to_json())


def test_jobs_are_listed_newest_first_with_date_target_and_proof(shell: Shell) -> None:
    three_jobs(shell)
    lines = shell.run("jobs", "list").out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["third", "second", "first"]
    second = lines[3]
    assert f"{JOB.created + timedelta(days=1):%Y-%m-%d %H:%M}" in second
    assert str(JOB.target["base_url"]) in second
    assert "proved" in second
    assert all(f"{name} {value}" in second for name, value in JOB.target["ids"].items())
    assert [job["job"] for job in shell.run("jobs", "list", "--json").json["jobs"]] == ["third", "second", "first"]


def test_a_job_with_rejected_records_is_listed_as_done_with_their_number(shell: Shell) -> None:
    three_jobs(shell)
    with ledger_of(shell) as ledger:
        chunk = ledger.move("third", ledger.chunks("third")[0], ChunkState.SENDING, SENT)
        chunk = ledger.move("third", chunk, ChunkState.REFUSED, Refused(status=400, message="a wrong value"))
        ledger.move("third", chunk, ChunkState.REJECTED, Rejected(message="a wrong value"))
    line = shell.run("jobs", "list").out.splitlines()[2]
    assert f"done with {CHUNK.records} rejected" in line
    assert "refused" not in line
    (job,) = shell.run("jobs", "list", "--json", "--limit", "1").json["jobs"]
    assert job["state"] == "refused"


def test_jobs_are_listed_by_state_and_up_to_a_limit(shell: Shell) -> None:
    three_jobs(shell)
    states = ("--state", "unfinished", "--state", "in_doubt")
    assert [job["job"] for job in shell.run("jobs", "list", *states, "--json").json["jobs"]] == ["third", "first"]
    limited = shell.run("jobs", "list", "--limit", "1")
    assert "third" in limited.out
    assert "second" not in limited.out
    assert "2 older jobs not shown" in limited.err
    assert "No job is refused." in shell.run("jobs", "list", "--state", "refused").out


def test_the_exit_code_of_the_list_is_for_monitoring_only_if_asked(shell: Shell) -> None:
    assert shell.run("jobs", "list", "--exit-code").code == 0
    three_jobs(shell)
    assert shell.run("jobs", "list").code == 0
    assert shell.run("jobs", "list", "--exit-code", "--limit", "1").code == 4
    assert shell.run("jobs", "list", "--exit-code", "--state", "unfinished", "--json").code == 3
    assert shell.run("jobs", "list", "--exit-code", "--state", "done").code == 0


def broken_off(shell: Shell, sandbox: SandboxServer, file: Path, pool: int) -> str:
    """Begin an import, refuse its second chunk, and return the job, which can be resumed."""
    sandbox.set_faults("imports@2=403")
    ended = shell.run("import", "giveaways", str(file), "--pool", str(pool), "--max-rows", "10", "--again", "--json")
    sandbox.set_faults(None)
    assert ended.json["state"] == "unfinished"
    return str(ended.json["job"])


def test_resume_all_goes_on_with_every_unfinished_job(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    files = [GIVEAWAYS.write(tmp_path / f"{seed}.csv", records=20, seed=seed) for seed in (1, 2, 3)]
    jobs = [broken_off(shell, sandbox, file, 1) for file in files]
    files[1].write_text("code\nother\n")
    ended = shell.run("jobs", "resume", "--all", "--json")
    assert ended.code == 5
    found = json.loads(ended.out)["jobs"]
    assert [job["job"] for job in found] == jobs
    assert [job.get("state") for job in found] == ["done", None, "done"]
    assert found[1]["error"]["exit"] == 5
    assert jobs[1] in ended.err
    assert sandbox.state.count("giveaway") == 50
    assert [job["job"] for job in shell.run("jobs", "list", "--state", "unfinished", "--json").json["jobs"]] == [
        jobs[1]
    ]


@pytest.mark.parametrize("words", [("a-job",), ("--file", "f.csv"), ("--pool", "1")])
def test_resume_all_takes_no_job_file_or_id(words: tuple[str, ...], shell: Shell) -> None:
    ended = shell.run("jobs", "resume", "--all", *words)
    assert ended.code == 2
    assert "--all" in ended.err


def test_resume_all_without_an_unfinished_job_reports_it(shell: Shell) -> None:
    ended = shell.run("jobs", "resume", "--all")
    assert (ended.code, ended.out) == (0, "No job is unfinished.\n")


def test_a_new_ledger_is_named(shell: Shell) -> None:
    assert f"New ledger: {shell.state / 'ledger.db'}" in shell.run("jobs", "list").err
    assert "New ledger" not in shell.run("jobs", "list").err
