"""`bulkops check` judges the mapped files, and only them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parents[2] / "sample_data"
CONFIG = '[check]\ncoupons = ["codes/**/*.csv"]\nstores = "stores.csv"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "codes" / "spring").mkdir(parents=True)
    shutil.copy(SAMPLES / "coupons.csv", tmp_path / "codes" / "spring" / "good.csv")
    shutil.copy(SAMPLES / "broken" / "coupons.csv", tmp_path / "codes" / "bad.csv")
    shutil.copy(SAMPLES / "stores.csv", tmp_path / "stores.csv")
    (tmp_path / "notes.csv").write_text("not mapped\n")
    (tmp_path / "bulkops.toml").write_text(CONFIG)
    return tmp_path


def check(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "bulkops", "check", "--json", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def test_every_mapped_file_is_judged_by_its_contract(project: Path) -> None:
    code, report = check(project)
    assert code == 1
    found = {Path(file["path"]).name: (file["contract"], file["errors"] > 0) for file in report["files"]}
    assert found == {"good.csv": ("coupons", False), "bad.csv": ("coupons", True), "stores.csv": ("stores", False)}


def test_given_paths_narrow_it_and_unmapped_ones_are_left_alone(project: Path) -> None:
    code, report = check(project, "codes/spring/good.csv", "notes.csv")
    assert code == 0
    assert [Path(file["path"]).name for file in report["files"]] == ["good.csv"]


def test_it_works_from_a_folder_below(project: Path) -> None:
    assert len(check(project / "codes")[1]["files"]) == 3


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ('[check]\ncupons = "*.csv"\n', "cupons"),
        ("[check]\ncoupons = 3\n", "pattern"),
        ('[check]\ncoupons = "stores.csv"\nstores = "*.csv"\n', "stores.csv"),
        ("[targets]\n", "check"),
    ],
)
def test_a_table_that_makes_no_sense_is_explained(project: Path, config: str, word: str) -> None:
    (project / "bulkops.toml").write_text(config)
    code, report = check(project)
    assert code == 2
    assert word in report["error"]["message"] + (report["error"]["hint"] or "")
