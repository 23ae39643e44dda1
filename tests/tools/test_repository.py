"""The files for contributors are valid, and name what exists."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tools import subject
from tools.measure import files_of_an_import
from tools.wording import ROOT

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_issue_form_has_the_keys_that_github_requires(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    for part in form["body"]:
        assert part["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert (
            "value" in part["attributes"] if part["type"] == "markdown" else part["attributes"]["label"] and part["id"]
        )


def test_hooks_of_the_repository_run_tools_of_its_environment() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for hook in (hook for repo in config["repos"] for hook in repo["hooks"]):
        program, *words = hook["entry"].split()
        assert program.startswith(".venv/bin/")
        module = words[1] if words[:1] == ["-m"] else None
        assert (
            (ROOT / f"{module.replace('.', '/')}.py").exists() if module else f"$(BIN)/{Path(program).name}" in makefile
        )


def test_contributing_names_at_most_five_files_for_an_import() -> None:
    assert 1 <= len(files_of_an_import(ROOT)) <= 5


def test_contributing_names_targets_of_the_makefile() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {word for call in re.findall(r"(?:`|\$ )make ([a-z -]+)", page) for word in call.split()}
    assert named
    assert named <= targets


@pytest.mark.parametrize(
    ("message", "refused"),
    [("a" * 72 + "\n\n" + "b" * 90, False), ("a" * 73, True), ("Merge branch " + "b" * 90, False)],
)
def test_subject_of_a_commit_has_at_most_72_characters(message: str, refused: bool) -> None:
    assert (subject.problem(message) is not None) == refused


def test_python_versions_of_the_metadata_are_those_of_the_pages() -> None:
    metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    versions = re.findall(r"Python :: (3\.\d+)", metadata)
    text = f"Python {', '.join(versions[:-1])} or {versions[-1]}"
    for page in ("README.md", "CONTRIBUTING.md"):
        assert text in (ROOT / page).read_text(encoding="utf-8")
    assert f'requires-python = ">={versions[0]}"' in metadata


def test_makefile_lists_its_targets() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    done = subprocess.run([make, "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make site" in done.stdout
