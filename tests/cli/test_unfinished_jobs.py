"""An import or a recipe names the unfinished jobs that it would leave behind, and stops where records would be lost."""

import json
import time
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Shell
from tests.crash.truth import CASES, counted, rows_of

GIVEAWAYS = CASES["giveaways"]
PLACES = {
    "giveaways": ("--pool", "1"),
    "loyalty-points": ("--program", "1"),
    "coupons": ("--application", "1", "--campaign", "1"),
    "loyalty-cards": ("--program", "2"),
    "loyalty-join-dates": ("--program", "1"),
}
ADDING = ("giveaways", "loyalty-points", "coupons")


def write(path: Path, name: str, *, first: int, records: int = 30) -> Path:
    """Write records that no other file has."""
    numbers = range(first, first + records)
    lines = {
        "giveaways": ("code", "GIFT-{:05}"),
        "loyalty-points": ("customerprofileid,amount,reason", "customer-{:05},5,order {:05}"),
        "coupons": ("value,limitval", "CODE-{:05},3"),
        "loyalty-cards": ("identifier,state", "NEWCARD-{:05},active"),
        "loyalty-join-dates": ("customerprofileid,newjoindate", "customer-{:04},2024-05-01T10:00:00Z"),
    }
    header, line = lines[name]
    path.write_text("".join(f"{text}\n" for text in [header, *(line.format(n, n) for n in numbers)]))
    return path


def send(shell: Shell, name: str, file: Path, *more: str) -> Ended:
    words = (*PLACES[name], "--max-rows", "10", "--settle", "0.3", "--yes", "--json")
    return shell.run("import", name, str(file), *words, *more)


def stopped_job(shell: Shell, sandbox: SandboxServer, name: str, file: Path, *more: str) -> str:
    """Leave a job behind that has sent ten records of its file."""
    sandbox.set_faults("imports@2=403")
    ended = send(shell, name, file, *more)
    sandbox.set_faults(None)
    assert ended.json["records"] | {"accepted": 10, "pending": 20} == ended.json["records"], ended.err
    return str(ended.json["job"])


@pytest.mark.parametrize("name", ADDING)
def test_import_of_a_new_file_at_the_path_of_an_unfinished_job_is_refused(
    name: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = write(tmp_path / "daily.csv", name, first=1)
    job = stopped_job(shell, sandbox, name, file)
    monday = file.read_bytes()
    write(file, name, first=1001)
    for more in ((), ("--dry-run",), ("--again",), ("--reconcile",)):
        ended = send(shell, name, file, *more)
        assert ended.code == 5
        assert f"job {job}" in ended.json["error"]["message"]
        assert "20 of 30 records not sent" in ended.json["error"]["message"]
        assert f"bulkops jobs cancel {job}" in ended.json["error"]["hint"]
        assert "--leave-unfinished" in ended.json["error"]["hint"]
    assert sandbox.state.count(CASES[name].table) == 10
    kept = tmp_path / "monday.csv"
    kept.write_bytes(monday)
    assert shell.run("jobs", "resume", job, "--file", str(kept)).code == 0
    ended = send(shell, name, file, "--reconcile")
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (0, "proved")
    assert f"job {job}" not in ended.err


def test_import_goes_on_after_the_unfinished_job_was_cancelled(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = write(tmp_path / "daily.csv", "giveaways", first=1)
    job = stopped_job(shell, sandbox, "giveaways", file)
    write(file, "giveaways", first=1001)
    assert shell.run("jobs", "cancel", job).code == 0
    ended = send(shell, "giveaways", file)
    assert (ended.code, job in ended.err) == (0, False)


def test_leave_unfinished_imports_the_new_file_and_still_names_the_job(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = write(tmp_path / "daily.csv", "giveaways", first=1)
    job = stopped_job(shell, sandbox, "giveaways", file)
    write(file, "giveaways", first=1001)
    ended = send(shell, "giveaways", file, "--leave-unfinished")
    assert ended.code == 0, ended.err
    assert f"job {job}" in ended.err
    assert f"`bulkops jobs resume {job} --file PATH` or `bulkops jobs cancel {job}`" in ended.err
    assert sandbox.state.count("giveaway") == 40


def test_import_of_another_path_names_the_unfinished_job_of_the_place(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = stopped_job(shell, sandbox, "giveaways", write(tmp_path / "monday.csv", "giveaways", first=1))
    ended = send(shell, "giveaways", write(tmp_path / "tuesday.csv", "giveaways", first=1001))
    assert ended.code == 0
    assert f"Unfinished for this target: job {job}" in ended.err
    assert f"`bulkops jobs resume {job}` or `bulkops jobs cancel {job}`" in ended.err


def test_import_to_another_place_names_the_unfinished_job_of_the_path(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = write(tmp_path / "daily.csv", "giveaways", first=1)
    job = stopped_job(shell, sandbox, "giveaways", file)
    write(file, "giveaways", first=1001)
    ended = shell.run("import", "giveaways", str(file), "--pool", "2", "--yes", "--dry-run")
    assert f"Unfinished for {sandbox.base_url} --pool 1: job {job}" in ended.err
    assert ended.code == 0, ended.err


def test_an_unfinished_job_of_another_contract_is_not_named(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = stopped_job(shell, sandbox, "giveaways", write(tmp_path / "monday.csv", "giveaways", first=1))
    ended = send(shell, "coupons", write(tmp_path / "c.csv", "coupons", first=1))
    assert (ended.code, job in ended.err) == (0, False)


@pytest.mark.parametrize("name", ["loyalty-join-dates"])
def test_an_upsert_from_the_path_of_an_unfinished_job_is_sent_and_warns_of_a_resume(
    name: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = write(tmp_path / "daily.csv", name, first=1)
    job = stopped_job(shell, sandbox, name, file)
    file.write_text(file.read_text().replace("2024-05-01", "2024-06-01"))
    ended = send(shell, name, file)
    assert ended.code == 0, ended.err
    assert f"Unfinished for this target: job {job}" in ended.err
    assert "it overwrites newer values" in ended.err


def test_a_link_to_the_folder_is_the_same_path(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    job = stopped_job(shell, sandbox, "giveaways", write(folder / "daily.csv", "giveaways", first=1))
    write(folder / "daily.csv", "giveaways", first=1001)
    ended = send(shell, "giveaways", tmp_path / "link" / "daily.csv")
    assert (ended.code, job in ended.json["error"]["message"]) == (5, True)


def test_a_job_in_another_process_is_named_and_never_refuses(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = write(tmp_path / "daily.csv", "giveaways", first=1)
    sandbox.set_faults("imports@1=slow:8")
    words = (*PLACES["giveaways"], "--max-rows", "10", "--settle", "0.3", "--yes")
    running = shell.start("import", "giveaways", str(file), *words)
    end = time.monotonic() + 60
    while sandbox.state.count("giveaway") < 10:
        assert time.monotonic() < end
        time.sleep(0.02)
    other = write(tmp_path / "new.csv", "giveaways", first=1001)
    other.replace(file)
    ended = send(shell, "giveaways", file)
    assert ended.code == 0, ended.err
    assert "Another process is working on job giveaways-" in ended.err
    shell.ended(running)


def test_many_unfinished_jobs_are_counted_not_listed(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    jobs = [
        stopped_job(shell, sandbox, "giveaways", write(tmp_path / f"{n}.csv", "giveaways", first=1000 * n))
        for n in range(1, 6)
    ]
    ended = send(shell, "giveaways", write(tmp_path / "new.csv", "giveaways", first=9001))
    assert [job in ended.err for job in jobs] == [False, False, True, True, True]
    assert "And 2 other unfinished jobs: `bulkops jobs list` shows them." in ended.err


def recipe(folder: Path, **more: object) -> str:
    step = {"contract": "giveaways", "file": "daily.csv", "ids": {"pool": 1}, "max_rows": 10, **more}
    path = folder / "recipe.yaml"
    path.write_text(json.dumps({"name": "nightly", "steps": [step]}))
    return str(path)


def test_run_refuses_a_new_file_at_the_path_of_an_unfinished_job(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = write(tmp_path / "daily.csv", "giveaways", first=1)
    sandbox.set_faults("imports@2=403")
    job = shell.run("run", recipe(tmp_path), "--json").json["steps"][0]["import"]["job"]
    sandbox.set_faults(None)
    monday = counted(rows_of(file))
    write(file, "giveaways", first=1001)
    for more in ((), ("--dry-run",)):
        ended = shell.run("run", recipe(tmp_path), "--json", *more)
        assert (ended.code, ended.json["state"]) == (5, "stopped")
        assert job in ended.json["error"]["message"]
        assert "`leave_unfinished: true` in the step" in ended.json["error"]["hint"]
    ended = shell.run("run", recipe(tmp_path, leave_unfinished=True), "--json")
    assert (ended.code, ended.json["state"]) == (0, "done"), ended.err
    assert len(GIVEAWAYS.held(sandbox) & monday) == 10


def test_run_of_the_same_file_still_goes_on_with_its_unfinished_job(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = write(tmp_path / "daily.csv", "giveaways", first=1)
    sandbox.set_faults("imports@2=403")
    job = shell.run("run", recipe(tmp_path), "--json").json["steps"][0]["import"]["job"]
    sandbox.set_faults(None)
    ended = shell.run("run", recipe(tmp_path), "--json")
    assert (ended.code, ended.json["steps"][0]["import"]["job"]) == (0, job), ended.err
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


def test_a_job_of_a_named_target_is_resumed_proved_and_undone_without_its_name(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    config = tmp_path / "bulkops.toml"
    config.write_text(f'[targets.live]\nbase_url = "{sandbox.base_url}"\nkey = {{env = "LIVE_KEY"}}\n')
    key = shell.environment["BULKOPS_MANAGEMENT_KEY"]
    kept = {n: v for n, v in shell.environment.items() if n not in ("BULKOPS_MANAGEMENT_KEY", "BULKOPS_BASE_URL")}
    file = write(tmp_path / "daily.csv", "coupons", first=1)

    def run(*words: str) -> Ended:
        command = ("--config", str(config), *words, "--json")
        return shell.ended(shell.start(*command, environment=kept | {"LIVE_KEY": key}))

    sandbox.set_faults("imports@2=403")
    words = (*PLACES["coupons"], "--max-rows", "10", "--settle", "0.3", "--yes", "--target", "live")
    job = run("import", "coupons", str(file), *words).json["job"]
    sandbox.set_faults(None)
    for following in (("jobs", "resume"), ("reconcile", "--job", job), ("jobs", "undo", job, "--yes")):
        ended = run(*following)
        assert ended.code == 0, (following, ended.err)
