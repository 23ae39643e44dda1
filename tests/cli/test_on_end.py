"""`[on_end]` of the configuration: a command, a web hook and Apprise learn how an import or a recipe ended."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner

from bulkops.cli.main import cli, run
from bulkops.cli.options import on_end
from bulkops.sandbox.serve import SandboxServer
from bulkops.schemas import schema_of
from tests.cli.running import KEY, Shell
from tests.crash.truth import CASES

GIVEAWAYS = CASES["giveaways"]
HOOK = """
import json, os, sys
text = sys.stdin.read()
with open({seen!r}, "a") as file:
    file.write(json.dumps({{"stdin": json.loads(text), "environment": dict(os.environ)}}) + "\\n")
print("the hook ran")
{then}
"""


CHILD = """
import pathlib, subprocess
child = subprocess.Popen(["sleep", "60"])
pathlib.Path({child!r}).write_text(str(child.pid))
"""


@contextmanager
def web_hook(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve a web hook on loopback; yield its address and the requests it gets."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            got.append({"path": self.path, "headers": dict(self.headers), "body": body})
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()


class Desk:
    """A folder with a configuration, and what its hook command received."""

    def __init__(self, folder: Path, shell: Shell) -> None:
        self.config = folder / "bulkops.toml"
        self.seen = folder / "seen.jsonl"
        self._hook = folder / "hook.py"
        self._shell = shell

    def configure(self, *lines: str, then: str = "") -> None:
        self._hook.write_text(HOOK.format(seen=str(self.seen), then=then))
        self.config.write_text("\n".join(["[on_end]", f"command = '{sys.executable} {self._hook}'", *lines]))

    def words(self, *words: str) -> tuple[str, ...]:
        return ("--config", str(self.config), *words)

    @property
    def received(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.seen.read_text().splitlines()] if self.seen.exists() else []


@pytest.fixture
def desk(tmp_path: Path, shell: Shell) -> Desk:
    return Desk(tmp_path, shell)


def pool(file: Path, *more: str) -> tuple[str, ...]:
    return ("import", "giveaways", str(file), "--pool", "1", "--max-rows", "10", "--settle", "0.3", *more)


def test_command_web_hook_and_apprise_receive_the_summary_and_no_key(
    desk: Desk, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("imports@2=refuse:atomic")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=20, seed=1)
    with web_hook() as (address, got):
        desk.configure(f'url = "{address}/hook?token=1"', f'apprise = "{address.replace("http", "json")}/apprise"')
        process = shell.start(*desk.words(*pool(file, "--no-isolate", "--json")), environment=shell.environment)
        ended = shell.ended(process)
    assert (ended.code, "the hook ran" in ended.err, "on_end" in ended.err) == (1, True, False), ended.err
    (received,) = desk.received
    document = received["stdin"]
    assert jsonschema_rs.is_valid(schema_of("on-end"), document)
    assert (document["command"], document["state"], document["exit"]) == ("import", "problems", 1)
    assert document["jobs"][0]["job"] == ended.json["job"]
    assert document["records"] == ended.json["records"]
    assert (document["records"]["accepted"], document["records"]["rejected"]) == (10, 10)
    hook, apprise = got
    assert (hook["path"], hook["body"]) == ("/hook?token=1", document)
    assert ended.json["job"] in apprise["body"]["message"]
    assert KEY not in json.dumps([received, got])
    assert "BULKOPS_MANAGEMENT_KEY" not in received["environment"]


@pytest.mark.parametrize(
    ("lines", "then", "told"),
    [
        ((), "sys.exit(3)", "The command of [on_end] failed: its exit code was 3."),
        (('url = "http://127.0.0.1:1/secret-path"',), "", "The url of [on_end] failed: 127.0.0.1 did not receive it"),
    ],
)
def test_a_hook_that_fails_is_reported_and_changes_no_exit_code(
    lines: tuple[str, ...], then: str, told: str, desk: Desk, shell: Shell, tmp_path: Path
) -> None:
    desk.configure(*lines, then=then)
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=5, seed=1)
    ended = shell.run(*desk.words(*pool(file)))
    assert (ended.code, told in ended.err, "secret-path" in ended.err) == (0, True, False), ended.err
    assert desk.received[0]["stdin"]["state"] == "done"


def test_a_refused_file_is_announced_with_its_reason_and_a_good_run_only_if_asked(
    desk: Desk, shell: Shell, tmp_path: Path
) -> None:
    desk.configure('when = "problem"')
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=5, seed=1)
    recipe = tmp_path / "nightly.yaml"
    recipe.write_text(f"name: nightly\nsteps:\n  - contract: giveaways\n    file: {file}\n    ids: {{pool: 1}}\n")
    assert shell.run(*desk.words("run", str(recipe), "--settle", "0.3")).code == 0
    assert desk.received == []
    file.write_text("code\n\n,x\n")
    ended = shell.run(*desk.words("run", str(recipe), "--settle", "0.3"))
    (received,) = desk.received
    assert (received["stdin"]["exit"], received["stdin"]["recipe"]) == (ended.code, str(recipe))
    assert received["stdin"]["errors"][0]["message"] in ended.err
    assert "nightly stopped at step 1" in received["stdin"]["text"]


def test_a_long_wait_for_a_hook_is_reported_and_a_signal_ends_it_with_the_same_exit_code(
    desk: Desk, shell: Shell, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    desk.configure(then=f"{CHILD.format(child=str(child))}\nchild.wait()")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=5, seed=1)
    process = shell.start(*desk.words(*pool(file)))
    assert process.stderr is not None
    while (line := process.stderr.readline()) and "Waiting up to 55 s for the command of [on_end]." not in line:
        pass
    assert desk.received
    assert line
    process.send_signal(signal.SIGTERM)
    ended = shell.ended(process)
    assert (ended.code, "interrupted by a signal" in ended.err) == (0, True), ended.err
    await_end(int(child.read_text()))


def await_end(number: int) -> None:
    """Wait until a process has ended; a zombie has."""
    end = time.monotonic() + 10
    status = Path(f"/proc/{number}/stat")
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(("then", "lives"), [("child.wait()", False), ("", True)], ids=["hung", "ended"])
def test_a_hung_command_ends_with_its_children_and_one_that_ended_keeps_them(
    then: str, lives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_end, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(on_end, "COMMAND_SECONDS", 1.5)
    hook, child = tmp_path / "hook.py", tmp_path / "child"
    hook.write_text(f"{CHILD.format(child=str(child))}\n{then}\n")
    (tmp_path / "bulkops.toml").write_text(f"[on_end]\ncommand = '{sys.executable} {hook}'\n")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=5, seed=1)
    words = ["--config", str(tmp_path / "bulkops.toml"), *pool(file, "--target", "sandbox", "--yes")]
    with (tmp_path / "errors").open("w+") as errors:
        monkeypatch.setattr("sys.stderr", errors)
        monkeypatch.setattr("sys.argv", ["bulkops", *words])
        monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
        assert run() == 0
        assert ("did not end within" in (tmp_path / "errors").read_text()) == (not lives)
    number = int(child.read_text())
    if lives:
        os.kill(number, signal.SIGKILL)
    await_end(number)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "must have a command, a url or apprise"),
        ('comand = "x"', "Did you mean 'command'?"),
        ("command = 3", "command must be text"),
        ('command = "no-such-program-here x"', "was not found"),
        ('url = "http://example.com/x"', "must begin with https://"),
        ('url = "https://a.b/x"\nurl-env = "X"', "only one of them"),
        ('url-env = "BULKOPS_TEST_UNSET"', "BULKOPS_TEST_UNSET, which is not set"),
        ('command = "true"\nwhen = "sometimes"', "when must be one of always, problem"),
        ('command = "\'x"', "cannot be read"),
    ],
)
def test_a_mistake_in_the_table_ends_the_command_before_it_begins(table: str, told: str, tmp_path: Path) -> None:
    config = tmp_path / "bulkops.toml"
    config.write_text(f"[on_end]\n{table}\n")
    words = ["--config", str(config), "import", "giveaways", os.devnull, "--pool", "1", "--target", "sandbox"]
    result = CliRunner().invoke(cli, words)
    error = result.exception
    assert told in f"{getattr(error, 'message', error)} {getattr(error, 'hint', '')}"
    assert getattr(error, "exit_code", None) == 2
