"""Completion in real shells: commands, contracts, rules, jobs, targets and recipes."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.store import Ledger
from tests.unit.ledger.test_store import CHUNK, JOB

JOB_NAME = "coupons-20261130-101500-3f2a"
LINES = [
    ("bulkops rec", "reconcile"),
    ("bulkops jobs res", "resume"),
    ("bulkops import loyalty-po", "loyalty-points"),
    ("bulkops rules COD10", "COD101"),
    ("bulkops import coupons f.csv --accept STR101,COD10", "STR101,COD101"),
    ("bulkops jobs show coupons-2026", JOB_NAME),
    ("bulkops import coupons f.csv --target li", "live"),
    ("bulkops export achieve", "achievements"),
    ("bulkops recipes de", "demo"),
    ("bulkops help jo", "jobs"),
]
SCRIPTS = {
    "bash": """
eval "$(_BULKOPS_COMPLETE=bash_source bulkops)"
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_bulkops_completion bulkops
printf '%s\\n' "${{COMPREPLY[@]}}"
""",
    "fish": """
_BULKOPS_COMPLETE=fish_source bulkops | source
complete -C "{words}" | string split -f1 \\t
""",
    "zsh": """
autoload -Uz compinit && compinit -u -d {dump}
source <(_BULKOPS_COMPLETE=zsh_source bulkops)
words=({words}); CURRENT=${{#words}}
compadd() {{ print -l -- "${{(P)@[-1][@]}}" }}
_describe() {{ print -l -- "${{(P)3[@]}}" | sed 's/:.*//' }}
_bulkops_completion
""",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a command called bulkops, a ledger with a job, and a configuration with a target."""
    folder = tmp_path_factory.mktemp("place")
    command = folder / "bulkops"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m bulkops "$@"\n')
    command.chmod(0o755)
    (folder / "bulkops.toml").write_text('[targets.live]\nbase_url = "https://one.example.com"\n')
    ledger = Ledger.open(str(folder / "ledger.db"), clock=SystemClock())
    ledger.create(replace(JOB, id=JOB_NAME), [CHUNK])
    ledger.close()
    return folder


def offered(shell: str, line: str, place: Path) -> list[str]:
    """Return the completions that a shell offers for the last word of a line."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = SCRIPTS[shell].format(words=line, dump=place / "dump")
    environment = {
        **os.environ,
        "PATH": f"{place}:{os.environ['PATH']}",
        "BULKOPS_STATE": str(place),
        "HOME": str(place),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [shell, *flags, "-c", script], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.stdout.split("\n")


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_completes_a_word_of_every_kind(shell: str, place: Path) -> None:
    for line, word in LINES:
        if shell == "fish" and "," in word:
            continue  # click's script for fish cuts an offer at its first comma
        assert word in offered(shell, line, place), line


@pytest.mark.parametrize(
    "line", ["bulkops nothing ", "bulkops jobs show x", "bulkops --config missing.toml run --target x"]
)
def test_a_line_that_cannot_be_completed_prints_nothing(line: str, place: Path) -> None:
    assert [word for word in offered("bash", line, place) if word] in ([], sorted(offered("bash", "bulkops ", place)))
