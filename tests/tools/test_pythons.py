"""The interpreters for the tests are those that start and have the version."""

import os
import sys
from pathlib import Path

import pytest

from tools import pythons
from tools.wording import ROOT

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_supported_versions_are_those_of_the_metadata(tmp_path: Path) -> None:
    metadata = tmp_path / "pyproject.toml"
    prefix = "Programming Language :: Python ::"
    names = [f"{prefix} 3", f"{prefix} 3.11", f"{prefix} 3.13", "Typing :: Typed"]
    metadata.write_text(f"[project]\nclassifiers = {names}\n", encoding="utf-8")
    assert pythons.supported(metadata) == ["3.11", "3.13"]


def test_interpreter_of_this_version_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"python{VERSION}").symlink_to(sys.executable)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pythons.interpreter(VERSION) == tmp_path / f"python{VERSION}"


def test_interpreter_that_does_not_start_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / f"python{VERSION}"
    broken.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 127\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin")
    assert pythons.interpreter(VERSION) != broken


def test_this_version_is_supported() -> None:
    assert VERSION in pythons.supported(ROOT / "pyproject.toml")
