"""The examples of the scheduling page are valid, and run the command as it exists."""

import ast
import configparser
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from bulkops.cli.main import cli

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "schedule.md"


def blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def accepted(words: list[str]) -> str:
    """Parse a command line of bulkops; return the name of its command."""
    context = cli.make_context("bulkops", words)
    name, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
    assert command is not None
    command.make_context(str(name), rest, parent=context)
    return str(name)


def test_the_unit_and_the_timer_of_systemd_are_complete() -> None:
    found: dict[str, dict[str, Any]] = {}
    for block in blocks("ini"):
        if "[" in block:
            parser = configparser.ConfigParser(interpolation=None)
            parser.optionxform = str  # type: ignore[assignment, method-assign] # keys of systemd have capitals
            parser.read_string(block)
            found |= {name: dict(parser[name]) for name in parser.sections()}
    program, *words = shlex.split(found["Service"]["ExecStart"])
    assert program.endswith("/bulkops")
    assert accepted(words) == "inbox"
    assert found["Service"]["Type"] == "oneshot"
    assert found["Timer"]["OnCalendar"]


def test_the_jobs_of_kubernetes_and_github_run_the_inbox() -> None:
    cron, actions = (yaml.safe_load(block) for block in blocks("yaml"))
    pod = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert accepted(container["args"]) == "inbox"
    assert pod["securityContext"]["runAsNonRoot"] is container["securityContext"]["readOnlyRootFilesystem"] is True
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert set(mounts) == {each["name"] for each in pod["volumes"]}
    state = next(each["value"] for each in container["env"] if each["name"] == "BULKOPS_STATE")
    assert state.startswith(mounts["data"])
    command = shlex.split(actions["jobs"]["inbox"]["steps"][0]["run"])
    assert accepted(command[1:]) == "inbox"


def test_the_container_runs_as_a_user_and_takes_the_options_of_the_inbox() -> None:
    (dockerfile,) = blocks("dockerfile")
    assert "\nUSER 10001\n" in dockerfile
    entry = re.search(r"^ENTRYPOINT (.+)$", dockerfile, flags=re.MULTILINE)
    assert entry is not None
    assert accepted([*ast.literal_eval(entry[1])[1:], "--every", "5m"]) == "inbox"


def test_the_line_of_cron_has_five_times_and_a_command() -> None:
    (line,) = blocks("text")
    *times, command = line.strip().split(" ", 5)
    assert len(times) == 5
    words = re.search(r"\$\(/usr/local/bin/bulkops (.+) 2>&1\)", command)
    assert words is not None
    assert accepted(shlex.split(words[1])) == "inbox"
    assert "%" not in command  # cron would end the line there


def test_the_dag_of_airflow_is_valid_python_and_runs_the_inbox() -> None:
    (code,) = blocks("python")
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.List)]
    words = [each.value for each in calls[0].elts if isinstance(each, ast.Constant)]
    assert accepted([str(word) for word in words[1:]]) == "inbox"


def test_an_unknown_option_would_be_found() -> None:
    with pytest.raises(click.UsageError):
        accepted(["inbox", "--never"])


BULKOPS = Path(sys.executable).with_name("bulkops")
INBOX = """[inbox.partner]
folder = "{folder}/in"
archive = "{folder}/archive"
quarantine = "{folder}/quarantine"
target = "sandbox"
quiet = "0s"
[[inbox.partner.files]]
match = "points-*.csv"
contract = "loyalty-points"
ids = {{program = 1}}
reconcile = false
"""


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """Return a folder with an inbox that contains a complete file."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "points-1.csv").write_text("customerprofileid,amount\ncustomer-0001,5\n")
    (tmp_path / "bulkops.toml").write_text(INBOX.format(folder=tmp_path))
    return tmp_path


def run_shell(
    script: str, folder: Path, *, path: str = f"{BULKOPS.parent}:{os.defpath}", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run lines of the page with the folders and the program of this test."""
    script = script.replace("/srv/bulkops", str(folder)).replace("/etc/bulkops", str(folder))
    script = script.replace("/usr/local/bin/bulkops", str(BULKOPS))
    environ = {"PATH": path, **variables}
    return subprocess.run(["sh", "-ec", script], env=environ, cwd="/", capture_output=True, text=True, check=False)


def imported(folder: Path) -> bool:
    """Return whether the file has left the inbox for the archive."""
    return not any((folder / "in").iterdir()) and len(list(folder.glob("archive/*/*/points-1.csv"))) == 1


def test_the_line_of_cron_imports_a_file(served: Path) -> None:
    (line,) = blocks("text")
    environment = next(block for block in blocks("ini") if "[" not in block)
    (served / "environment").write_text(environment.replace("/srv/bulkops", str(served)))
    command = line.strip().split(" ", 5)[5]
    ended = run_shell(command, served, path="/usr/bin:/bin")  # as cron sets it
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert imported(served)
    assert (served / "state" / "ledger.db").is_file()


def test_the_line_of_cron_prints_the_summary_of_a_pass_with_problems(served: Path) -> None:
    (line,) = blocks("text")
    (served / "environment").write_text(f"BULKOPS_STATE={served}/state\n")
    (served / "in" / "points-1.csv").write_text("customerprofileid,amount\nAnn,many\n")
    ended = run_shell(line.strip().split(" ", 5)[5], served, path="/usr/bin:/bin")
    assert "partner: 1 quarantined. State: refused." in ended.stdout


def test_the_job_of_github_imports_a_file_and_shows_the_summary(served: Path) -> None:
    job = yaml.safe_load(blocks("yaml")[1])["jobs"]["inbox"]
    own = {"RUNNER_TEMP": str(served / "temp"), "GITHUB_STEP_SUMMARY": str(served / "summary.md")}
    (served / "temp").mkdir()
    first, second = job["steps"]
    state = first["env"]["BULKOPS_STATE"].replace("/srv/bulkops", str(served))
    ended = run_shell(first["run"], served, BULKOPS_STATE=state, **own)
    assert ended.returncode == 0, ended.stderr
    assert run_shell(second["run"], served, **own).returncode == 0
    assert imported(served)
    assert "points-1.csv" in (served / "summary.md").read_text()


READ_ONLY_ROOT = """
import errno, os, sys

writable = sys.argv.pop(1)

def refuse_writes(event, values):
    writes = event in ("os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.chmod", "sqlite3.connect")
    if event == "open":
        writes = bool(values[2] and values[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    if not writes or not isinstance(values[0], (str, bytes, os.PathLike)):
        return
    path = os.fsdecode(values[0])
    path = path.removeprefix("file:") if event == "sqlite3.connect" else path
    if path not in ("/dev/null", ":memory:") and not os.path.abspath(path).startswith(writable):
        raise OSError(errno.EROFS, "Read-only file system", path)

sys.addaudithook(refuse_writes)
from bulkops.cli.main import process
sys.argv[0] = "bulkops"
process()
"""
"""Runs bulkops where only the given folders can be written."""


def test_the_container_writes_only_to_its_volumes(served: Path) -> None:
    """Run the command of the CronJob without a home folder; a write to another folder fails as on a read-only root."""
    pod = yaml.safe_load(blocks("yaml")[0])["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (served / "tmp").mkdir()
    environ = {each["name"]: each["value"].replace("/srv/bulkops", str(served)) for each in container["env"]}
    words = [each.replace("/etc/bulkops", str(served)) for each in (*container["command"], *container["args"])]

    def run(writable: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", READ_ONLY_ROOT, str(writable), *words[1:]],
            env={**environ, "TMPDIR": str(served / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip

    refused = run(served / "elsewhere")
    assert refused.returncode != 0
    assert "Read-only file system" in refused.stderr
    ended = run(served)
    assert ended.returncode == 0, ended.stderr
    assert imported(served)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit_and_the_timer(tmp_path: Path) -> None:
    paths = []
    for block in blocks("ini"):
        if (name := re.match(r"# (?:\S*/)(\S+\.(?:service|timer))\n", block)) is not None:
            paths.append(tmp_path / name[1])
            paths[-1].write_text(block.replace("/usr/local/bin/bulkops", str(BULKOPS)))
    ended = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    assert len(paths) == 2
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@contextmanager
def services_of_airflow(environ: dict[str, str], folder: Path) -> Iterator[None]:
    """Run the services of Airflow that schedule the runs of a DAG and execute its tasks."""
    with ExitStack() as stack:
        for name in ("api-server", "scheduler", "dag-processor"):
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                ["airflow", name], env=environ, stdout=log, stderr=log, cwd=folder, start_new_session=True
            )
            stack.callback(process.wait, 60)
            stack.callback(os.killpg, process.pid, signal.SIGTERM)
        yield


@pytest.mark.soak
def test_airflow_schedules_the_dag_and_its_local_executor_runs_it(served: Path) -> None:
    """Install Airflow from PyPI in an environment of its own, and let its scheduler run the DAG."""
    uv, home = shutil.which("uv"), served / "airflow"
    if uv is None:
        pytest.skip("needs uv to install Airflow")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, served / "venv"], check=True)
    subprocess.run([uv, "pip", "install", "-q", "--python", served / "venv", "apache-airflow"], check=True)
    (home / "dags").mkdir(parents=True)
    (code,) = blocks("python")
    (home / "dags" / "inbox.py").write_text(code)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    environ = {
        "PATH": f"{served / 'venv' / 'bin'}:{BULKOPS.parent}:{os.defpath}",
        "HOME": str(served),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "secret-of-a-test" * 4,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "1",
        "BULKOPS_FOLDER": str(served),
        "BULKOPS_STATE": str(served / "state"),
    }

    def airflow(*words: str) -> str:
        ended = subprocess.run(["airflow", *words], env=environ, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def ended() -> bool:
        found = json.loads(airflow("dags", "list-runs", "bulkops_inbox", "--output", "json").splitlines()[-1])
        return any(run["state"] in ("success", "failed") for run in found)

    airflow("db", "migrate")
    assert "inbox.py" not in airflow("dags", "list-import-errors", "--local")
    assert "bulkops_inbox" in airflow("dags", "list", "--local")
    with services_of_airflow(environ, served):
        deadline = time.monotonic() + 600
        while "bulkops_inbox" not in airflow("dags", "list") and time.monotonic() < deadline:
            time.sleep(5)
        airflow("dags", "unpause", "-y", "bulkops_inbox")
        while not ended() and time.monotonic() < deadline:
            time.sleep(5)
        runs = json.loads(airflow("dags", "list-runs", "bulkops_inbox", "--output", "json").splitlines()[-1])
    assert "success" in {run["state"] for run in runs}, runs
    assert "LocalExecutor" in (served / "scheduler.log").read_text()
    assert imported(served)
