"""`bulkops check` judges the mapped files, and only them."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.documents import check_document

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


def say(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bulkops", "check", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done


def check(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "bulkops", "check", "--json", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    check_document(command, done.stdout)
    return done.returncode, json.loads(done.stdout)


def test_every_mapped_file_is_judged_by_its_contract(project: Path) -> None:
    code, report = check(project)
    assert code == 1
    found = {Path(file["path"]).name: (file["contract"], file["errors"] > 0) for file in report["files"]}
    assert found == {"good.csv": ("coupons", False), "bad.csv": ("coupons", True), "stores.csv": ("stores", False)}


def test_every_member_of_a_mapped_archive_is_checked(project: Path) -> None:
    (project / "bulkops.toml").write_text('[check]\ncoupons = "codes/*.zip"\n')
    with zipfile.ZipFile(project / "codes" / "two.zip", "w") as archive:
        archive.write(SAMPLES / "coupons.csv", "a.csv")
        archive.write(SAMPLES / "broken" / "coupons.csv", "b.csv")
    code, report = check(project)
    assert code == 1
    assert [file["path"] for file in report["files"]] == ["codes/two.zip/a.csv", "codes/two.zip/b.csv"]


def test_check_of_given_paths_reads_only_these_files(project: Path) -> None:
    for given in ("codes/spring/good.csv", "codes/spring"):
        code, report = check(project, given)
        assert (code, [file["path"] for file in report["files"]]) == (0, ["codes/spring/good.csv"])


@pytest.mark.parametrize("path", ["notes.csv", "nowhere.csv", "empty"])
def test_check_of_a_path_without_matching_files_is_exit_2(project: Path, path: str) -> None:
    (project / "empty").mkdir()
    code, report = check(project, "stores.csv", path)
    assert (code, path in report["error"]["message"]) == (2, True)


def test_skip_unmapped_ignores_given_files_that_the_check_table_lacks(project: Path) -> None:
    code, report = check(project, "--skip-unmapped", "stores.csv", "notes.csv")
    assert (code, [file["path"] for file in report["files"]]) == (0, ["stores.csv"])
    assert check(project, "--skip-unmapped", "nowhere.csv")[0] == 2


def test_paths_of_a_check_are_relative_to_the_working_folder(project: Path) -> None:
    paths = {file["path"] for file in check(project / "codes")[1]["files"]}
    assert paths == {"bad.csv", "spring/good.csv", "../stores.csv"}


def test_a_pattern_that_matches_no_file_prints_a_warning(project: Path) -> None:
    (project / "bulkops.toml").write_text('[check]\ncoupons = "codez/*.csv"\nstores = "stores.csv"\n')
    done = say(project)
    assert done.returncode == 0
    assert "no file matches 'codez/*.csv'" in done.stderr
    assert "1 file checked." in done.stderr


def test_patterns_that_all_match_no_file_exit_2(project: Path) -> None:
    (project / "bulkops.toml").write_text('[check]\ncoupons = "codez/*.csv"\nstores = "shops.csv"\n')
    done = say(project)
    assert (done.returncode, "bulkops.toml: [check] matches no file" in done.stderr) == (2, True)
    assert "no file matches 'shops.csv'" in done.stderr
    code, report = check(project, "--skip-unmapped", "notes.csv")
    assert (code, report["files"]) == (0, [])


def test_check_options_override_the_check_table(project: Path) -> None:
    bad = (project / "codes" / "bad.csv").read_text()
    (project / "bulkops.toml").write_text(CONFIG + 'select = ["COD"]\nfail-on = "never"\n')
    code, report = check(project, "codes/bad.csv")
    assert code == 0
    assert {finding["code"][:3] for finding in report["files"][0]["findings"]} == {"COD"}
    code, report = check(project, "codes/bad.csv", "--select", "VAL", "--fail-on", "error")
    assert (code, {finding["code"][:3] for finding in report["files"][0]["findings"]}) == (1, {"VAL"})
    (project / "bulkops.toml").write_text(CONFIG + 'baseline = "known.json"\n')
    missing = check(project)
    assert (missing[0], "known.json does not exist" in missing[1]["error"]["message"]) == (2, True)
    words = ["validate", "coupons", "codes/bad.csv", "--write-baseline", "known.json"]
    subprocess.run([sys.executable, "-m", "bulkops", *words], cwd=project, check=True, capture_output=True)
    assert check(project)[0] == 0
    assert (project / "codes" / "bad.csv").read_text() == bad


def test_annotations_for_workflows_are_escaped(project: Path) -> None:
    odd = project / "codes" / "a,b.csv"
    odd.write_text('value,limitval\nCODE-1,"50%: A\nB,C"\n')
    done = say(project, "--format", "github", "codes/a,b.csv")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert all(line.startswith(("::error file=codes/a%2Cb.csv,", "::warning file=codes/a%2Cb.csv,")) for line in lines)
    assert any(",line=2,title=TYP" in line and "50%25: A" in line for line in lines), lines
    assert all(re.search(r"[^.]\. [A-Z]", line) for line in lines), lines  # the problem, and the next step
    assert "1 file checked." in done.stderr


def test_findings_for_code_scanning_are_sarif(project: Path) -> None:
    done = say(project, "--format", "sarif", "codes/bad.csv")
    log = json.loads(done.stdout)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    plain = check(project, "codes/bad.csv")[1]["files"][0]["findings"]
    assert (done.returncode, log["version"], len(run["results"])) == (1, "2.1.0", len(plain))
    for result, finding in zip(run["results"], plain, strict=True):
        assert (result["ruleId"], rules[result["ruleIndex"]]) == (finding["code"], finding["code"])
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "codes/bad.csv"
        assert place.get("region", {}).get("startLine") == finding["line"]
        assert result["level"] in ("error", "warning")


def test_a_file_name_that_is_not_utf_8_is_escaped_in_sarif(project: Path) -> None:
    odd = project / os.fsdecode(b"codes/s\xff.csv")
    odd.write_text("value\nCO 12 \n")
    done = say(project, "--format", "sarif", str(odd.relative_to(project)))
    (result,) = json.loads(done.stdout)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "codes/s%FF.csv"


def test_check_finds_the_configuration_of_a_parent_folder(project: Path) -> None:
    assert len(check(project / "codes")[1]["files"]) == 3


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ('[check]\ncupons = "*.csv"\n', "bulkops.toml:2: [check] does not know 'cupons'.Did you mean 'coupons'?"),
        ('[check]\ncoupons = "*.csv"\nfail_on = "never"\n', "[check] does not know 'fail_on'.Did you mean 'fail-on'?"),
        ("[check]\ncoupons = 3\n", "pattern"),
        ('[check]\ncoupons = "stores.csv"\nstores = "*.csv"\n', "stores.csv"),
        ("[targets]\n", "check"),
        ("check = 3\n", "bulkops.toml: [check] must be a table"),
        ('[check]\ncoupons = ""\n', "coupons: '' is an empty pattern"),
        ('[check]\ncoupons = "/abs/*.csv"\n', "coupons: '/abs/*.csv' must be relative to"),
        ('[check]\ncoupons = "*.csv"\ncase = "upper"\n', "case must be one of"),
        ('[check]\ncoupons = "*.csv"\nselect = 3\n', "select must be a rule"),
        ('[check]\ncoupons = "*.csv"\nbaseline = 3\n', "baseline must be a path"),
        ('[check]\ncoupons = "*.csv"\nselect = ["COD20"]\nignore = "XLX1"\n', "Unknown rule 'XLX1'"),
    ],
)
def test_an_invalid_check_table_is_an_error_with_the_reason(project: Path, config: str, word: str) -> None:
    (project / "bulkops.toml").write_text(config)
    code, report = check(project)
    assert code == 2
    assert word in report["error"]["message"] + (report["error"]["hint"] or "")
