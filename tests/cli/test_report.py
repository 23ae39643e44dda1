"""The report command without jobs, with an unknown one, and where it writes."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.errors import UsageError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["report", *arguments], standalone_mode=False)


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


def test_a_ledger_without_jobs_is_said() -> None:
    assert isinstance(run().exception, UsageError)


def test_an_unknown_job_is_said(tmp_path: Path) -> None:
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


def test_a_dash_is_stdout(tmp_path: Path) -> None:
    job(tmp_path)
    assert run("-o", "-", "--format", "html").stdout.startswith("<!doctype html>")
