"""The examples of the scheduling page are valid, and run the command as it exists."""

import ast
import configparser
import re
import shlex
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
    assert accepted(shlex.split(command.rpartition("bulkops ")[2])) == "inbox"


def test_the_dag_of_airflow_is_valid_python_and_runs_the_inbox() -> None:
    (code,) = blocks("python")
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.List)]
    words = [each.value for each in calls[0].elts if isinstance(each, ast.Constant)]
    assert accepted([str(word) for word in words[1:]]) == "inbox"


def test_an_unknown_option_would_be_found() -> None:
    with pytest.raises(click.UsageError):
        accepted(["inbox", "--never"])
