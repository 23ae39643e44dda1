"""The report command without jobs, with an unknown one, and where it writes."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.errors import UsageError
from bulkops.version import __version__
from tests.cli.documents import check_document


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["report", *arguments], standalone_mode=False)
    check_document(["report", *arguments], result.stdout)
    return result


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def job(folder: Path) -> None:
    file = folder / "codes.csv"
    file.write_text("value\nABCD\n")
    arguments = [
        "import",
        "coupons",
        str(file),
        "--target",
        "sandbox",
        "--application",
        "1",
        "--campaign",
        "1",
        "--yes",
    ]
    CliRunner().invoke(cli, arguments, standalone_mode=False)


def test_a_report_of_a_ledger_without_jobs_is_a_usage_error() -> None:
    assert isinstance(run().exception, UsageError)


def test_a_report_of_an_unknown_job_is_a_usage_error(tmp_path: Path) -> None:
    job(tmp_path)
    result = run("none-such")
    assert isinstance(result.exception, UsageError)
    assert "none-such" in str(result.exception)


def test_the_latest_job_is_the_default_and_the_suffix_chooses_the_form(tmp_path: Path) -> None:
    job(tmp_path)
    assert run("-o", "r.md").exception is None
    assert (tmp_path / "r.md").read_text(encoding="utf-8").startswith("# Import of coupons\n")
    assert run().exception is None
    assert len(list(tmp_path.glob("coupons-*.html"))) == 1
    assert not list(tmp_path.glob("*.part"))


def test_json_and_a_file_are_both_written(tmp_path: Path) -> None:
    job(tmp_path)
    result = run("-o", "r.html", "--json")
    assert result.exception is None
    assert json.loads(result.stdout)["jobs"]
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "title" in json.loads(run("--json").stdout)


def test_a_dash_is_stdout(tmp_path: Path) -> None:
    job(tmp_path)
    assert run("-o", "-", "--format", "html").stdout.startswith("<!doctype html>")


def test_the_file_of_the_job_a_folder_a_pipe_and_pdf_are_not_written(tmp_path: Path) -> None:
    job(tmp_path)
    kept = (tmp_path / "codes.csv").read_bytes()
    os.mkfifo("pipe")
    (tmp_path / "link.html").symlink_to(tmp_path / "codes.csv")
    for name in ("codes.csv", "link.html", "pipe", ".", "x.pdf"):
        assert run("-o", name).exception is not None
    assert (tmp_path / "codes.csv").read_bytes() == kept
    assert (tmp_path / "pipe").is_fifo()
    assert not (tmp_path / "x.pdf").exists()


def test_a_report_contains_version_options_end_and_advice_for_findings(tmp_path: Path) -> None:
    job(tmp_path)
    text = run("-o", "-", "--format", "md").stdout
    assert f"by bulkops {__version__}" in text
    assert "settle 60" in text
    assert "- Ended: 20" in text
    assert "The file breaks no rule" in text or "| Rule | Name | Severity | Findings | What to do |" in text
