"""A command continues, with its own exit code, if its output has no reader, no disk space or no terminal."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Shell
from tests.cli.terminal import Terminal
from tests.crash.truth import CASES

ROOT = Path(__file__).parents[2]
BROKEN = ROOT / "sample_data" / "broken" / "coupons.csv"
GIVEAWAYS = CASES["giveaways"]
POOL = ("--pool", "1", "--settle", "0.3")


def piped(shell: Shell, line: str, *words: str) -> Ended:
    """Run a line of bash in which "$@" is the command; the exit code is the command's own."""
    script = f"{line}; exit ${{PIPESTATUS[0]}}"
    command = ["bash", "-c", script, "bash", sys.executable, "-m", "bulkops", *words]
    done = subprocess.run(command, env=shell.environment, capture_output=True, text=True, check=False, timeout=120)
    assert "Traceback" not in done.stderr
    assert "This is a bug" not in done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("line", ['"$@" --json | head -c 100', '"$@" | head -1', '"$@" | true', '"$@" 2>&1 | true'])
def test_findings_without_a_reader_are_still_exit_1(line: str, shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_bytes(b"value,limitval\n" + b"CODE,x\n" * 2000)  # more findings than a pipe takes without a reader
    ended = piped(shell, line, "validate", "coupons", str(file))
    assert (ended.code, ended.err) == (1, "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("rules",), 0),
        (("contracts", "coupons", "--format", "json"), 0),
        (("plan", "coupons", "nowhere.csv", "--json"), 2),
        (("jobs", "show"), 2),
        (("--help",), 0),
        (("export", "giveaways", "--pool", "1", "-o", "-"), 0),
    ],
)
def test_a_command_with_a_closed_pipe_has_its_usual_exit_code(words: tuple[str, ...], code: int, shell: Shell) -> None:
    assert piped(shell, '"$@" 2>&1 | true', *words).code == code


def test_an_import_without_a_reader_goes_on_to_its_end(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    sandbox.set_faults("imports@2=refuse:atomic")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=30, seed=1)
    words = ("import", "giveaways", str(file), *POOL, "--max-rows", "10", "--no-isolate", "--json")
    assert piped(shell, '"$@" 2>&1 | true', *words).code == 1
    assert sandbox.state.count("giveaway") == 20
    assert shell.run("jobs", "show", "--json").json["records"]["rejected"] == 10


def test_ctrl_c_finishes_the_request_under_way_though_tee_is_gone(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("imports=slow:1")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=30, seed=1)
    words = ("import", "giveaways", str(file), *POOL, "--max-rows", "10")
    line = f'"$@" 2>&1 | tee {tmp_path / "log"}; exit ${{PIPESTATUS[0]}}'
    process = subprocess.Popen(
        ["bash", "-c", f"trap : INT; {line}", "bash", sys.executable, "-m", "bulkops", *words],
        env=shell.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: sandbox.state.count("giveaway") > 0)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: tee ends at once
    assert process.wait(timeout=60) == 130
    found = shell.run("jobs", "show", "--json").json["records"]
    assert (found["in_doubt"], found["accepted"]) == (0, sandbox.state.count("giveaway"))
    assert found["pending"] > 0


@pytest.mark.parametrize("options", ["--json", ""])
def test_a_full_disk_under_stdout_ends_no_import_and_is_exit_2(
    options: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=20, seed=1)
    words = ("import", "giveaways", str(file), *POOL, "--max-rows", "10", *options.split())
    ended = piped(shell, '"$@" > /dev/full', *words)
    assert (ended.code, "No space left on device" in ended.err) == (2, True)
    assert "`bulkops jobs list` shows them" in ended.err
    assert sandbox.state.count("giveaway") == 20


def test_a_full_disk_under_both_streams_keeps_the_code_of_an_unfinished_job(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("imports@2=429:86400")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=20, seed=1)
    words = ("import", "giveaways", str(file), *POOL, "--max-rows", "10", "--json")
    assert piped(shell, '"$@" > /dev/full 2>&1', *words).code == 3
    assert sandbox.state.count("giveaway") == 10


def test_fix_with_a_full_disk_for_its_output_still_writes_the_copy(shell: Shell, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    try:
        ended = piped(shell, f'"$@" > {disk / "out"}', "rules", "--json")
        assert (ended.code, ended.err.splitlines()) == (
            2,
            [
                "bulkops: stdout cannot be written: No space left on device.",
                "  Free disk space there, or send the output elsewhere.",
            ],
        )
        source = tmp_path / "in.csv"
        source.write_bytes(b"value\n" + b"".join(b"CODE%d \n" % n for n in range(2000)))
        ended = piped(
            shell, f'"$@" --diff > {disk / "out2"}', "fix", "coupons", str(source), "-o", str(tmp_path / "out.csv")
        )
        assert ended.code == 2
        assert (tmp_path / "out.csv").read_bytes() == source.read_bytes().replace(b" ", b"")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_goes_away_leaves_no_request_in_doubt(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, *, ignored: bool
) -> None:
    sandbox.set_faults("imports=slow:1")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=30, seed=1)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)  # the first is what nohup does
    try:
        terminal = Terminal.running(shell, "import", "giveaways", str(file), *POOL, "--max-rows", "10", "--yes")
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for(lambda: sandbox.state.count("giveaway") > 0)
    assert terminal.close() == (0 if ignored else 130)
    found = shell.run("jobs", "show", "--json").json["records"]
    assert (found["in_doubt"], found["accepted"]) == (0, sandbox.state.count("giveaway"))
    assert (found["pending"] == 0) is ignored


def test_a_terminal_that_goes_away_at_the_question_means_no(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=5, seed=1)
    terminal = Terminal.running(shell, "import", "giveaways", str(file), *POOL)
    terminal.until("Send it?")
    assert terminal.close() == 130
    assert sandbox.state.count("giveaway") == 0


def test_a_hangup_after_a_hangup_does_not_stop_at_once(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    sandbox.set_faults("imports=slow:1.5")
    # So many requests that the import is unfinished when the signals arrive, also on a busy machine.
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=300, seed=1)
    process = shell.start("import", "giveaways", str(file), *POOL, "--max-rows", "10", "--json")
    wait_for(lambda: sandbox.state.count("giveaway") > 0)
    for _ in range(3):
        process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
    ended = shell.ended(process)
    assert (ended.code, ended.json["records"]["in_doubt"]) == (130, 0)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("validate", "coupons", "-", "--json"), 2),
        (("validate", "coupons", str(BROKEN)), 1),
        (("fix", "coupons", "-", "-o", "-"), 2),
        (("import", "giveaways", "FILE", *POOL), 0),
    ],
)
def test_a_closed_stdin_is_reported_only_by_a_command_that_reads_it(
    words: tuple[str, ...], code: int, shell: Shell, tmp_path: Path
) -> None:
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=5, seed=1)
    ended = piped(shell, '"$@" <&-', *(str(file) if word == "FILE" else word for word in words))
    assert (ended.code, "stdin is closed" in ended.err + ended.out) == (code, "-" in words), ended


def test_a_pipe_that_does_not_wait_gets_the_whole_document(shell: Shell) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    process = subprocess.Popen(
        [sys.executable, "-m", "bulkops", "rules", "--json"],
        stdout=write,
        stderr=subprocess.PIPE,
        env=shell.environment,
    )
    os.close(write)
    time.sleep(2.0)  # the pipe is full by then
    with os.fdopen(read, "rb") as pipe:
        assert len(json.loads(pipe.read())) > 50
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait(timeout=60)) == (b"", 0)
    process.stderr.close()


def test_a_signal_right_after_a_write_does_not_repeat_it(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from bulkops.cli.process.streams import prepare_streams; prepare_streams()\n"
        "def handle(*_): raise KeyboardInterrupt\n"
        "signal.signal(signal.SIGALRM, handle)\n"
        "for number in range(3000):\n"
        "    try:\n"
        "        signal.setitimer(signal.ITIMER_REAL, 0.00002 + number % 50 * 0.000002)\n"
        "        sys.stdout.write(f'{number}\\n'); sys.stdout.flush()\n"
        "        signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "    except KeyboardInterrupt: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    numbers = [line for line in done.stdout.splitlines() if line]
    assert len(numbers) == len(set(numbers))


def wait_for(condition: object) -> None:
    end = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)
