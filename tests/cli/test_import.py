"""`bulkops import` from the outside: exit codes, JSON, guards, signals, and a key that is never shown."""

import signal
import time
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Shell
from tests.crash.truth import CASES, counted, rows_of

COUPONS = CASES["coupons"]
CAMPAIGN = ("--application", "1", "--campaign", "1")


def test_an_import_is_done_balanced_and_proved(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=50, seed=1)
    ended = shell.run("import", "coupons", str(file), *CAMPAIGN, "--max-rows", "20", "--reconcile", "--json")
    assert ended.code == 0, ended.err
    document = ended.json
    assert document["state"] == "done"
    assert document["records"] == {
        "input": 50, "accepted": 50, "skipped": 0, "rejected": 0, "in_doubt": 0, "pending": 0
    }  # fmt: skip
    assert [chunk["records"] for chunk in document["chunks"]] == [20, 20, 10]
    assert [chunk["import_id"] for chunk in document["chunks"]] == [1, 2, 3]
    assert document["reconciliation"]["verdict"] == "proved"
    assert COUPONS.held(sandbox) == counted(rows_of(file))
    assert shell.holds_the_key() == []
    again = shell.run("import", "coupons", str(file), *CAMPAIGN, "--json")
    assert (again.code, document["job"] in again.json["error"]["message"]) == (5, True)


def test_an_import_of_a_file_with_errors_sends_no_request(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("value,limitval\nCODE-1,3\nCODE-2,many\n")
    ended = shell.run("import", "coupons", str(file), *CAMPAIGN, "--json")
    assert ended.code == 1
    assert (ended.json["job"], ended.json["state"], ended.json["records"]["pending"]) == (None, "refused", 2)
    assert ended.json["validation"]["errors"] == 1
    assert sandbox.requests == []
    assert shell.run("jobs", "list", "--json").json == {"jobs": []}


def test_a_dry_run_sends_and_remembers_nothing(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=5, seed=1)
    ended = shell.run("import", "coupons", str(file), *CAMPAIGN, "--dry-run", "--json")
    assert (ended.code, ended.json["dry_run"], ended.json["records"]["pending"]) == (0, True, 5)
    assert {request.method for request in sandbox.requests} == {"GET"}
    assert sandbox.state.count("coupon") == 0
    assert shell.run("jobs", "list", "--json").json == {"jobs": []}


def test_a_missing_id_is_named_by_its_option(shell: Shell, tmp_path: Path) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=5, seed=1)
    ended = shell.run("import", "coupons", str(file), "--application", "1")
    assert ended.code == 2
    assert "--campaign" in ended.err


def test_a_wrong_key_is_exit_2_after_one_request_and_leaves_no_job(tmp_path: Path) -> None:
    with SandboxServer(key="another") as server:
        shell = Shell(tmp_path / "state", server.base_url)
        file = COUPONS.write(tmp_path / "f.csv", records=5, seed=1)
        ended = shell.run("import", "coupons", str(file), *CAMPAIGN, "--json")
        assert (ended.code, ended.json["error"]["exit"]) == (2, 2)
        assert "The key was not accepted" in ended.json["error"]["hint"]
        assert [(request.method, request.status) for request in server.requests] == [("GET", 401)]
        assert "jobs resume" not in ended.err
        assert shell.run("jobs", "list", "--json").json == {"jobs": []}


def test_an_unknown_id_cancels_the_job_that_imported_nothing(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=20, seed=1)
    words = ("import", "coupons", str(file), "--application", "1", "--max-rows", "10", "--json")
    sandbox.set_faults("getCampaign=403")  # a key that may not read campaigns: only the import itself shows the mistake
    ended = shell.run(*words, "--campaign", "99")
    assert (ended.code, ended.json["state"], ended.json["error"]["exit"]) == (2, "cancelled", 2)
    assert "import the file again with the right ids and address" in ended.json["error"]["hint"]
    assert "jobs resume" not in ended.err
    assert "There is nothing to resume" in shell.run("jobs", "resume").err
    assert shell.run(*words, "--campaign", "1").code == 0
    sandbox.set_faults("imports@2=404")
    file.write_text(file.read_text().replace("CODE", "NEXT"))
    kept = shell.run(*words, "--campaign", "1")
    assert (kept.json["state"], kept.json["records"]["accepted"]) == ("unfinished", 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_finishes_the_request_under_way(
    number: int, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("imports=slow:0.6")
    file = COUPONS.write(tmp_path / "f.csv", records=40, seed=1)
    process = shell.start("import", "coupons", str(file), *CAMPAIGN, "--max-rows", "10", "--json")
    wait_for(lambda: sandbox.state.count("coupon") > 0)
    process.send_signal(number)
    ended = shell.ended(process)
    assert ended.code == 130
    assert ended.json["state"] == "unfinished"
    figures = ended.json["records"]
    assert (figures["in_doubt"], figures["accepted"] + figures["pending"]) == (0, 40)
    assert figures["accepted"] == sandbox.state.count("coupon")
    assert f"bulkops jobs resume {ended.json['job']}" in ended.err
    sandbox.set_faults(None)
    resumed = shell.run("jobs", "resume", "--reconcile", "--json")
    assert (resumed.code, resumed.json["reconciliation"]["verdict"]) == (0, "proved")
    assert COUPONS.held(sandbox) == counted(rows_of(file))


def test_the_second_signal_stops_at_once_and_the_job_resumes(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("imports@2=slow:30")
    case = CASES["giveaways"]
    file = case.write(tmp_path / "f.csv", records=30, seed=1)
    process = shell.start(
        "import", "giveaways", str(file), "--pool", "1", "--max-rows", "10", "--settle", "0.5", "--json"
    )
    wait_for(lambda: sandbox.state.count("giveaway") > 10)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    ended = shell.ended(process)
    assert ended.code == 130
    assert "bulkops jobs resume giveaways-" in ended.err
    error = ended.json["error"]
    assert (error["exit"], "bulkops jobs resume giveaways-" in error["hint"]) == (130, True)
    assert shell.run("jobs", "resume", "--json").json["state"] == "done"
    assert case.held(sandbox) == counted(rows_of(file))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_request_leaves_no_job(
    number: int, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("exports=slow:5")
    file = tmp_path / "f.csv"
    file.write_text("item\nred\n")
    process = shell.start("import", "collections", str(file), "--collection", "1", "--json")
    wait_for(lambda: any((shell.state / "ledger" / "jobs").glob("*/before.csv")))
    process.send_signal(number)
    ended = shell.ended(process)
    assert (ended.code, ended.json["error"]["exit"]) == (130, 130)
    assert list((shell.state / "ledger" / "jobs").iterdir()) == []
    assert shell.run("jobs", "list", "--json").json == {"jobs": []}


def test_a_failed_reconciliation_still_prints_the_document_of_the_job(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("exports=403")
    file = COUPONS.write(tmp_path / "f.csv", records=5, seed=1)
    ended = shell.run("import", "coupons", str(file), *CAMPAIGN, "--reconcile", "--json")
    assert (ended.code, ended.json["error"]["exit"]) == (2, 2)
    assert (ended.json["state"], ended.json["records"]["accepted"]) == ("done", 5)
    assert ended.json["reconciliation"] is None


def wait_for(condition: object) -> None:
    end = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_folder_that_cannot_be_written_stops_before_anything_is_sent(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    (tmp_path / "flat").write_text("")
    file = COUPONS.write(tmp_path / "f.csv", records=5, seed=1)
    ended = shell.run("import", "coupons", str(file), *CAMPAIGN, "--ledger", str(tmp_path / "flat" / "ledger.db"))
    assert ended.code == 2
    assert "Nothing was sent" in ended.err
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("records", "repairs"),
    [
        ("A,1\n", "repairs none"),
        ("CODE-1 ,x\nCODE-2,NULL\n", "repairs at most 1 safely, 1 with --unsafe"),
    ],
)
def test_refused_file_says_which_findings_a_repair_exists_for(
    shell: Shell, tmp_path: Path, records: str, repairs: str
) -> None:
    (tmp_path / "f.csv").write_text(f"value,limitval\n{records}")
    ended = shell.run("import", "coupons", str(tmp_path / "f.csv"), *CAMPAIGN)
    assert ended.code == 1
    assert f"`bulkops fix` {repairs}" in ended.err


def test_several_processes_together_keep_to_the_limit(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    files = [COUPONS.write(tmp_path / f"{n}.csv", records=10, seed=1) for n in range(2)]
    files[1].write_text(files[1].read_text().replace("CODE", "OTHER"))
    running = [
        shell.start("import", "coupons", str(file), *CAMPAIGN, "--max-rows", "1", "--concurrency", "3", "--json")
        for file in files
    ]
    assert [shell.ended(process).code for process in running] == [0, 0]
    assert {request.status for request in sandbox.requests} == {200}
    assert sandbox.state.count("coupon") == 20


def test_a_full_disk_stops_the_job_and_it_goes_on_once_there_is_room(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    case = CASES["giveaways"]
    file = case.write(tmp_path / "f.csv", records=12, seed=1)
    words = ("import", "giveaways", str(file), "--pool", "1", "--max-rows", "1", "--settle", "0.5", "--json")
    ended = shell.ended(shell.start(*words, largest_file=150_000))
    assert (ended.code, "cannot be written" in ended.err) == (3, True)
    sent = sandbox.state.count("giveaway")
    assert 0 < sent < 12
    resumed = shell.run("jobs", "resume", "--settle", "0.5", "--json")
    assert (resumed.code, resumed.json["state"]) == (0, "done")
    assert case.held(sandbox) == counted(rows_of(file))


def test_a_disk_that_is_too_full_for_the_job_leaves_none_and_sends_nothing(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = CASES["giveaways"].write(tmp_path / "f.csv", records=2000, seed=1)
    words = ("import", "giveaways", str(file), "--pool", "1", "--max-rows", "1", "--json")
    ended = shell.ended(shell.start(*words, largest_file=150_000))
    assert ended.code == 2, ended
    assert "Nothing was sent" in ended.err
    assert "import again" in ended.err
    assert "resume" not in ended.err
    assert not sandbox.requests
    assert shell.run("jobs", "list", "--json").json["jobs"] == []
