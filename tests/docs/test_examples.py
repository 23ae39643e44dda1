"""The examples of the documentation run without changes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.+)$", flags=re.MULTILINE)
SAVED = re.compile(r"ave this as `([^`]+)`:\n\n```\w+\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_library_page_run_in_order(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    text = (ROOT / "docs" / "how-to" / "library.md").read_text(encoding="utf-8")
    (tmp_path / "page.py").write_text("\n\n".join(BLOCK.findall(text)), encoding="utf-8")
    environment = os.environ | {"BULKOPS_STATE": str(tmp_path / "state")}
    command = [sys.executable, "-W", "error", "page.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "already sent the same bytes to the same target" in done.stdout


@pytest.mark.parametrize("page", ["inbox", "cutover", "init", "migrate"])
def test_the_commands_of_a_page_run_in_order(page: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    for name, content in SAVED.findall(text):
        (tmp_path / name).write_text(content, encoding="utf-8")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "bulkops").write_text(f'#!/bin/sh\nexec {sys.executable} -W error -m bulkops "$@"\n')
    (programs / "bulkops").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BULKOPS_")}
    environment |= {"BULKOPS_STATE": str(tmp_path / "state"), "PATH": f"{programs}:{os.environ['PATH']}"}
    environment |= {"BULKOPS_SETTLE": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'validators'}"}
    script = "\n".join(checked(line) for block in CONSOLE.findall(text) for line in COMMAND.findall(block))
    done = subprocess.run(
        ["/bin/sh", "-c", f"set -e\n{script}"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def checked(line: str) -> str:
    """Return a command of a page that must end with the exit code its comment names, else with 0."""
    command, _, comment = line.partition("   # ")
    code = re.match(r"exit (\d+)", comment)
    return f"code=0; {command} || code=$?; [ $code -eq {code[1]} ]" if code else command
