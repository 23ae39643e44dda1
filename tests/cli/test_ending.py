"""However a command ends, it says so plainly: mistakes, signals, closed streams, odd terminals."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bulkops.escaping import one_line
from bulkops.sandbox.serve import SandboxServer
from tests.cli.documents import check_document
from tests.cli.running import KEY, Shell

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_data"
BULKOPS = [sys.executable, "-m", "bulkops"]


def bulkops(*words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*BULKOPS, *words], capture_output=True, text=True, check=False, cwd=cwd, env=os.environ | environment
    )
    assert "Traceback" not in done.stderr
    assert "This is a bug" not in done.stderr
    check_document(words, done.stdout)
    return done


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["validte"], "Did you mean 'validate'?"),
        (["rules", "COD2033"], "Did you mean 'COD203'?"),
        (["run", "dmeo"], "Did you mean 'demo'?"),
        (["recipes", "dmeo"], "Did you mean 'demo'?"),
        (["export", "cupons"], "Did you mean 'coupons'?"),
        (["plan", "coupons", "x.csv", "--max-rows", "one"], "'one' is not a whole number"),
        (["validate", "coupons", "x.csv", "--select", "CODE"], "Unknown rule 'CODE'"),
        (["validate", "coupons", "x.csv", "--baseline", "none.json"], "The baseline none.json does not exist."),
        (["fix", "coupons", str(SAMPLES / "coupons.csv"), "-o", "nodir/x.csv"], "The folder nodir does not exist."),
        (["export", "coupons", "--application", "1", "-o", "nodir/x.csv"], "The folder nodir does not exist."),
        (["fix", "coupons", str(SAMPLES / "coupons.csv"), "-o", "/dev/null/x.csv"], "/dev/null is not a folder."),
        (["export", "coupons", "--application", "1", "-o", "-", "--base-url", "http://[::1"], "not a base address"),
    ],
)
def test_a_misspelt_word_gets_a_suggestion(words: list[str], told: str, tmp_path: Path) -> None:
    done = bulkops(*words, cwd=tmp_path)
    assert (done.returncode, told in done.stderr) == (2, True), done.stderr


def test_an_unusual_configuration_is_an_error_without_traceback(tmp_path: Path) -> None:
    words = ("export", "coupons", "--application", "1", "-o", "x.csv", "--target", "live", "--json")
    for text in (
        '[targets]\nlive = "x"',
        'targets = "live"',
        f'[targets.live]\nbase_url = "https://a.b"\nkey = "{KEY}"',
    ):
        (tmp_path / "bulkops.toml").write_text(text)
        done = bulkops(*words, cwd=tmp_path)
        assert (done.returncode, "bulkops.toml" in done.stderr) == (2, True), done.stderr
        assert KEY not in done.stderr + done.stdout


def test_a_closed_stdout_is_reported_before_any_work() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m bulkops rules >&-"], stderr=subprocess.PIPE, text=True, check=False
    )
    assert (done.returncode, "stdout is closed" in done.stderr) == (2, True)
    closed = f"{sys.executable} -m bulkops plan coupons nowhere.csv 2>&-"
    assert subprocess.run(["/bin/sh", "-c", closed], check=False).returncode == 2


def waiting(shell: Shell, sandbox: SandboxServer, *words: str) -> subprocess.Popen[str]:
    """Return a command that waits for an answer of the sandbox."""
    sandbox.set_faults("exports=slow:20")
    process = shell.start(*words)
    end = time.monotonic() + 60
    while not sandbox.requests and sandbox.state.count("import") == 0 and time.monotonic() < end:
        time.sleep(0.05)
        if any(shell.state.rglob("*.lock")):
            time.sleep(1.0)
            break
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_export_and_leaves_no_part_of_it(number: int, tmp_path: Path) -> None:
    with SandboxServer(key=KEY) as sandbox:
        shell = Shell(tmp_path / "state", sandbox.base_url)
        out = tmp_path / "out.csv"
        process = waiting(shell, sandbox, "export", "coupons", "--application", "1", "-o", str(out), "--json")
        process.send_signal(number)
        ended = shell.ended(process)
    assert (ended.code, ended.json["error"]["exit"]) == (130, 130)
    assert "Interrupted." in ended.err
    assert list(tmp_path.glob("out*")) == []


def wait_until_it_reads(process: subprocess.Popen[str], file: Path) -> None:
    links = Path(f"/proc/{process.pid}/fd")
    while process.poll() is None and file not in (link.resolve() for link in links.iterdir()):
        time.sleep(0.01)


@pytest.mark.parametrize("command", ["validate", "fix", "check"])
def test_a_signal_ends_a_command_that_reads_a_file(command: str, tmp_path: Path) -> None:
    pipe, out = tmp_path / "pipe.csv", tmp_path / "out.csv"
    os.mkfifo(pipe)
    words = ["validate", "coupons", str(pipe)]
    if command == "fix":
        words = ["fix", "coupons", str(pipe), "-o", str(out)]
    if command == "check":
        (tmp_path / "bulkops.toml").write_text('[check]\ncoupons = "*.csv"\n')
        pipe.unlink()
        big = SAMPLES / "coupons-20000.csv"
        head, _, rows = big.read_text().partition("\n")
        (tmp_path / "big.csv").write_text(head + "\n" + rows * 40)
        words = ["check"]
    process = subprocess.Popen(
        [*BULKOPS, *words, "--json"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if command == "check":
        wait_until_it_reads(process, tmp_path / "big.csv")
    else:
        with pipe.open("wb") as feed:
            feed.write(b"value\n")
            feed.flush()
            time.sleep(1.0)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    if command == "check":
        process.send_signal(signal.SIGTERM)
    told, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(told)["error"]["exit"] == 130
    assert "Traceback" not in err
    assert list(tmp_path.glob("out.csv*")) == []


def test_a_document_interrupted_while_written_is_not_followed_by_another() -> None:
    words = [*BULKOPS, "rules", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)  # less than the document, and nobody reads
        time.sleep(2.0)
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.startswith("[")
    assert '"exit": 130' not in told


def test_a_table_begins_with_its_header_and_follows_no_color() -> None:
    assert bulkops("rules").stdout.splitlines()[0].split()[:2] == ["code", "name"]
    seen = on_a_terminal(["validate", "coupons", str(SAMPLES / "broken" / "coupons.csv")], NO_COLOR="1")
    assert "\x1b[3" not in seen
    assert "\x1b[3" in on_a_terminal(["validate", "coupons", str(SAMPLES / "broken" / "coupons.csv")])


def test_a_narrow_terminal_shows_a_block_for_each_row() -> None:
    seen = on_a_terminal(["contracts"], columns=40)
    assert "contract: coupons" in seen
    assert "contract  " in on_a_terminal(["contracts"], columns=100)


def on_a_terminal(words: list[str], *, columns: int = 120, **environment: str) -> str:
    leader, follower = pty.openpty()
    settings = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", **environment}
    process = subprocess.Popen([*BULKOPS, *words], stdout=follower, stderr=subprocess.DEVNULL, env=settings)
    os.close(follower)
    seen = bytearray()
    while True:
        try:
            read = os.read(leader, 4096)
        except OSError:  # Linux says so when the other side is gone
            break
        if not read:
            break
        seen += read
    process.wait()
    os.close(leader)
    return seen.decode()


def test_control_characters_are_escaped_on_a_terminal() -> None:
    assert one_line("a\x1b[2Jb\nc\u202ed") == "a\\x1b[2Jb\\nc\\u202ed"
    assert one_line("Zoë 🎉") == "Zoë 🎉"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_another_encoding_of_stdout_causes_no_error(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("value\nŁÓDŹ 🎉\n")
    done = bulkops("validate", "coupons", str(file), "--json", PYTHONIOENCODING=encoding)
    assert json.loads(done.stdout)["files"]
    assert bulkops("validate", "coupons", str(file), PYTHONIOENCODING=encoding).returncode in (0, 1)
    assert bulkops("rules", PYTHONIOENCODING=encoding).returncode == 0
    assert bulkops("rules", LC_ALL="C", PYTHONIOENCODING="", PYTHONUTF8="0").returncode == 0
