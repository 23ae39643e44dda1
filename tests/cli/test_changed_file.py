"""The file of a job changes while the job is validated, planned, sent or proved: it is said, and no row goes twice."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Shell
from tests.cli.terminal import asked
from tests.crash.truth import CASES, Rows, counted, rows_of

GIVEAWAYS = CASES["giveaways"]
POINTS = CASES["loyalty-points"]
POOL = ("--pool", "1", "--max-rows", "10", "--settle", "0.3")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return GIVEAWAYS.write(tmp_path / "f.csv", records=30, seed=1)


def held(sandbox: SandboxServer) -> Rows:
    return GIVEAWAYS.held(sandbox)


def while_sending(
    shell: Shell, sandbox: SandboxServer, words: tuple[str, ...], change: Callable[[], object], *, after: int = 0
) -> Ended:
    """Run a command, and change something once more than `after` giveaways have arrived."""
    sandbox.set_faults("imports=slow:0.5")
    process = shell.start(*words)
    end = time.monotonic() + 60
    while sandbox.state.count("giveaway") <= after and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    change()
    ended = shell.ended(process)
    sandbox.set_faults(None)
    return ended


def append(file: Path, text: str) -> Callable[[], object]:
    def change() -> None:
        with file.open("a") as out:
            out.write(text)

    return change


def in_shell(command: str, shell: Shell) -> None:
    subprocess.run(["sh", "-c", command], check=True, env=shell.environment, capture_output=True)


def test_import_of_a_growing_file_ends_with_5_and_the_command_that_sends_the_rest(
    shell: Shell, sandbox: SandboxServer, file: Path
) -> None:
    words = ("import", "giveaways", str(file), *POOL, "--reconcile", "--json")
    ended = while_sending(shell, sandbox, words, append(file, "NEW-1\nNEW-2\n"))
    error = ended.json["error"]
    assert (ended.code, error["exit"]) == (5, 5)
    assert f"{file} has grown since the job began: 12 new bytes (2 records)." in error["message"]
    assert ended.json["records"]["accepted"] == 30
    assert ended.json["reconciliation"] is None
    assert "Resume with" not in ended.err
    in_shell(error["hint"].partition("separate file: ")[2], shell)
    rest = file.with_name("f.rest.csv")
    assert rest.read_text() == "code\nNEW-1\nNEW-2\n"
    assert shell.run("import", "giveaways", str(rest), *POOL).code == 0
    assert held(sandbox) == counted(rows_of(file))


def test_run_of_a_growing_file_suggests_no_run_without_from(
    shell: Shell, sandbox: SandboxServer, file: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "r.yaml"
    step = f"  - contract: giveaways\n    file: {file}\n    ids: {{pool: 1}}\n    max_rows: 10\n"
    recipe.write_text(f"name: two\nsteps:\n{step}{step}    expect: refused\n")
    ended = while_sending(shell, sandbox, ("run", str(recipe), "--settle", "0.3"), append(file, "NEW-1\nNEW-2\n"))
    assert ended.code == 5
    assert "has grown since the job began: 12 new bytes (2 records)" in ended.err
    assert "--from 2" in ended.err
    assert not [line for line in ended.err.splitlines() if "bulkops run" in line and "--from" not in line]
    assert sandbox.state.count("giveaway") == 30


@pytest.mark.parametrize("how", ["touched", "replaced by the same bytes", "moved behind a link"])
def test_an_import_of_a_file_replaced_by_equal_bytes_continues(
    how: str, shell: Shell, sandbox: SandboxServer, file: Path
) -> None:
    def change() -> None:
        if how == "touched":
            os.utime(file)
        elif how == "replaced by the same bytes":
            other = file.with_name("other.csv")
            other.write_bytes(file.read_bytes())
            other.rename(file)
        else:
            moved = file.rename(file.with_name("moved.csv"))
            file.symlink_to(moved)

    ended = while_sending(shell, sandbox, ("import", "giveaways", str(file), *POOL, "--reconcile", "--json"), change)
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (0, "proved"), ended.err


@pytest.mark.parametrize("how", ["cut", "replaced", "gone", "turned"])
def test_a_file_that_changes_while_it_is_sent_resumes_only_on_the_original(
    how: str, shell: Shell, sandbox: SandboxServer, file: Path, tmp_path: Path
) -> None:
    original, kept = file.read_bytes(), tmp_path / "kept.csv"
    kept.write_bytes(original)
    other = GIVEAWAYS.write(tmp_path / "other.csv", records=30, seed=2)
    if how == "turned":
        file.unlink()
        file.symlink_to(kept)

    def change() -> None:
        if how == "cut":
            os.truncate(file, len(original) // 2)
        elif how == "replaced":
            other.rename(file)
        else:
            file.unlink()
        if how == "turned":
            file.symlink_to(other)

    ended = while_sending(shell, sandbox, ("import", "giveaways", str(file), *POOL, "--json"), change)
    assert ended.code == 5, ended.err
    assert 0 < ended.json["records"]["pending"] < 30
    job = ended.json["job"]
    assert "import the new file" not in ended.err
    refused = shell.run("jobs", "resume", job)
    assert (refused.code, f"bulkops jobs resume {job} --file" in refused.err) == (5, True), refused.err
    assert shell.run("jobs", "resume", job, "--file", str(other if other.exists() else file)).code in (2, 5)
    resumed = shell.run("jobs", "resume", job, "--file", str(kept), "--reconcile", "--json")
    assert (resumed.code, resumed.json["file"]["path"]) == (0, str(kept)), resumed.err
    assert held(sandbox) == counted(rows_of(kept))
    assert shell.run("reconcile", "--job", job, "--settle", "0").code == 0


def test_a_file_deleted_after_its_last_request_is_an_error(shell: Shell, sandbox: SandboxServer, file: Path) -> None:
    words = ("import", "giveaways", str(file), *POOL, "--json")
    ended = while_sending(shell, sandbox, words, file.unlink, after=20)
    assert (ended.code, ended.json["records"]["accepted"]) == (5, 30)
    assert "cannot be read" in ended.json["error"]["message"]


def test_a_grown_file_resumes_on_its_first_bytes(shell: Shell, sandbox: SandboxServer, file: Path) -> None:
    original = file.read_bytes()
    sandbox.set_faults("imports@2=401")
    job = shell.run("import", "giveaways", str(file), *POOL, "--json").json["job"]
    sandbox.set_faults(None)
    append(file, "NEW-1\n")()
    refused = shell.run("jobs", "resume", job, "--json")
    assert (refused.code, "has grown since the job began: 6 new bytes" in refused.err) == (5, True), refused.err
    hint = refused.json["error"]["hint"]
    assert "import the new file" not in hint
    command = hint.partition("began with: ")[2].partition(" && ")[0]
    in_shell(command, shell)
    first = file.with_name("f.first.csv")
    assert first.read_bytes() == original
    assert shell.run("jobs", "resume", job, "--file", str(first)).code == 0
    assert held(sandbox) == counted(rows_of(first))


def test_a_file_that_grows_while_the_question_is_open_is_not_sent(
    shell: Shell, sandbox: SandboxServer, file: Path
) -> None:
    words = ("import", "giveaways", str(file), *POOL)
    code, seen = asked(shell, *words, question="Send it?", answer="y", meanwhile=append(file, "NEW-1\nNEW-2\nNEW-3\n"))
    assert code == 5, seen
    assert "has grown since the job began: 18 new bytes (3 records)" in " ".join(seen.split())
    assert "Nothing was sent" in seen
    assert shell.run("jobs", "list", "--json").json == {"jobs": []}
    assert sandbox.state.count("giveaway") == 0


def test_a_cut_off_last_record_is_named(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("code\nGIFT-1\nGIFT-2\nGIF")
    ended = while_sending(
        shell, sandbox, ("import", "giveaways", str(file), "--pool", "1", "--json"), append(file, "T-3\nGIFT-4\n")
    )
    error = ended.json["error"]
    assert ended.code == 5
    assert "11 new bytes (1 record); the last record of the job was cut off and continues in them" in error["message"]
    assert "Record 3 was sent before it was complete" in error["hint"]


def test_reconcile_takes_the_file_of_a_job_from_where_it_is_now(shell: Shell, tmp_path: Path) -> None:
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=5, seed=1)
    job = shell.run("import", "giveaways", str(file), "--pool", "1", "--json").json["job"]
    moved = file.rename(tmp_path / "moved.csv")
    refused = shell.run("reconcile", "--job", job, "--settle", "0")
    assert (refused.code, "cannot be read" in refused.err) == (5, True), refused.err
    found = shell.run("reconcile", "--job", job, "--settle", "0", "--file", str(moved), "--json")
    assert (found.code, found.json["verdict"]) == (0, "proved")
    other = GIVEAWAYS.write(tmp_path / "other.csv", records=5, seed=2)
    refused = shell.run("reconcile", "--job", job, "--settle", "0", "--file", str(other))
    assert (refused.code, "is not the file that job" in refused.err) == (5, True)
    assert shell.run("reconcile", "giveaways", str(moved), "--pool", "1", "--file", str(moved)).code == 2


def test_import_and_run_of_a_moved_file_go_on_with_its_job(
    shell: Shell, sandbox: SandboxServer, file: Path, tmp_path: Path
) -> None:
    sandbox.set_faults("imports@2=401")
    job = shell.run("import", "giveaways", str(file), *POOL, "--json").json["job"]
    sandbox.set_faults(None)
    moved = file.rename(tmp_path / "a moved file.csv")
    refused = shell.run("import", "giveaways", str(moved), *POOL)
    assert (refused.code, f"bulkops jobs resume {job} --file '{moved}'" in refused.err) == (5, True), refused.err
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"name: one\nsteps:\n  - contract: giveaways\n    file: {moved}\n    ids: {{pool: 1}}\n    max_rows: 10\n"
    )
    ended = shell.run("run", str(recipe), "--settle", "0.3")
    assert ended.code == 0, ended.err
    assert held(sandbox) == counted(rows_of(moved))


def test_split_refuses_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    from bulkops.chunking.limits import ChunkLimits
    from bulkops.chunking.plan import plan_file
    from bulkops.chunking.split import write_chunks
    from bulkops.errors import DataError

    file = tmp_path / "f.csv"
    file.write_text("code\nA\nB\n")
    plan = plan_file(file, ChunkLimits(max_records=1, max_bytes=1000, whole=False))
    file.write_text("code\nA\nC\n")
    with pytest.raises(DataError, match="changed while bulkops was splitting it: chunk 2"):
        write_chunks(plan, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["f-0001.csv"]
