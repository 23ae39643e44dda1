"""Unattended runs leave a log and metrics: complete, without keys, and never in a file of somebody else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bulkops.cli.main import cli
from bulkops.cli.options.run_log import RunLog
from bulkops.cli.output.console import Console
from bulkops.journal import record
from tests.cli.running import KEY, Shell
from tests.crash.truth import CASES

GIVEAWAYS = CASES["giveaways"]


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(GIVEAWAYS.write(tmp_path / "codes.csv", records=30, seed=1))


def imported(shell: Shell, file: str, *words: str) -> None:
    ids = [word for name, value in GIVEAWAYS.ids.items() for word in (f"--{name}", str(value))]
    done = shell.run("import", "giveaways", file, *ids, "--yes", "--max-rows", "10", "--reconcile", *words)
    assert done.code == 0, done.err


def test_json_log_contains_requests_chunks_and_the_end_of_a_run(shell: Shell, file: str, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    imported(shell, file, "--log-file", str(log), "--log-format", "json")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [lines[0]["event"], lines[-1]["event"]] == ["started", "ended"]
    assert (lines[0]["command"], lines[-1]["exit"]) == ("import", 0)
    accepted = [line for line in lines if line["event"] == "ledger" and line["kind"] == "accepted"]
    assert [line["chunk"] for line in accepted] == [1, 2, 3]
    posts = [line for line in lines if line["event"] == "request" and line["method"] == "POST"]
    assert len([line for line in posts if line["path"].endswith("/import")]) == 3
    (job,) = [line for line in lines if line["event"] == "job_ended"]
    assert (job["records"]["accepted"], job["verdict"]) == (30, "proved")
    assert KEY not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_text_log_of_a_second_run_is_appended(shell: Shell, file: str, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    for _ in range(2):
        shell.run("validate", "giveaways", file, "--log-file", str(log))
    lines = log.read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["started", "validated", "ended"] * 2
    assert "records=30 errors=0" in lines[1]


def test_log_of_a_failing_run_contains_the_error_and_the_exit_code(shell: Shell, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    assert shell.run("plan", "giveaways", "missing.csv", "--log-file", str(log)).code == 2
    assert "missing.csv" in log.read_text()
    assert "exit=2" in log.read_text().splitlines()[-1]


def test_metrics_have_records_requests_findings_and_the_exit_code(shell: Shell, file: str, tmp_path: Path) -> None:
    metrics = tmp_path / "bulkops.prom"
    imported(shell, file, "--metrics", str(metrics))
    text = metrics.read_text()
    assert 'contract="giveaways"' in text
    assert 'state="accepted"} 30.0' in text
    assert 'bulkops_requests{method="POST",status="200"} 3.0' in text or 'status="201"} 3.0' in text
    assert 'bulkops_findings{severity="error"} 0.0' in text
    assert "bulkops_exit_code 0.0" in text
    assert text.count("bulkops_proved{") == 1
    shell.run("validate", "giveaways", file, "--metrics", str(metrics))
    assert 'command="validate"' in metrics.read_text()


@pytest.mark.parametrize("option", ["--log-file", "--metrics"])
def test_log_and_metrics_never_overwrite_a_foreign_file(shell: Shell, file: str, tmp_path: Path, option: str) -> None:
    before = Path(file).read_bytes()
    done = shell.run("validate", "giveaways", file, option, file)
    assert (done.code, option in done.err) == (2, True)
    assert Path(file).read_bytes() == before
    assert shell.run("validate", "giveaways", file, option, str(tmp_path / "no" / "such")).code == 2


@pytest.mark.parametrize("form", ["text", "json"])
def test_mask_hides_texts_that_may_contain_values(tmp_path: Path, form: str) -> None:
    log = RunLog(file=tmp_path / "run.log", form=form, masked=True)
    log.open("import")
    record("ledger", kind="refused", message="Anna Smith is not a profile", chunk=3)
    log.close(1)
    text = (tmp_path / "run.log").read_text()
    assert ("Anna" in text, "(masked)" in text, "refused" in text) == (False, True, True)


def test_a_subcommand_and_the_environment_take_the_options(shell: Shell, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    environment = {**shell.environment, "BULKOPS_LOG_FILE": str(log)}
    shell.ended(shell.start("jobs", "list", environment=environment))
    assert 'started command="jobs list"' in log.read_text()


@pytest.mark.parametrize("option", ["--log-file", "--metrics"])
def test_a_named_pipe_is_refused_and_stays_one(shell: Shell, file: str, tmp_path: Path, option: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = shell.run("validate", "giveaways", file, option, str(pipe))
    assert (done.code, str(pipe) in done.err, pipe.is_fifo()) == (2, True, True)


def test_metrics_are_written_through_a_link_that_stays(shell: Shell, file: str, tmp_path: Path) -> None:
    link, real = tmp_path / "link.prom", tmp_path / "real.prom"
    link.symlink_to(real)
    shell.run("validate", "giveaways", file, "--metrics", str(link))
    assert (link.is_symlink(), "bulkops_exit_code" in real.read_text()) == (True, True)


def test_one_file_for_log_and_metrics_is_refused(shell: Shell, file: str, tmp_path: Path) -> None:
    both = tmp_path / "both"
    done = shell.run("validate", "giveaways", file, "--metrics", str(both), "--log-file", str(both))
    assert (done.code, both.exists()) == (2, False), done.err


def test_metrics_that_cannot_be_written_are_reported_and_change_no_exit_code(
    shell: Shell, file: str, tmp_path: Path
) -> None:
    log = tmp_path / "run.log"
    words = ("validate", "giveaways", file, "--metrics", str(tmp_path / "m.prom"), "--log-file", str(log))
    done = shell.ended(shell.start(*words, largest_file=700))
    assert (done.code, "--metrics" in done.err, "was not written" in done.err) == (0, True, True), done.err
    assert not (tmp_path / "m.prom").exists()


def test_the_log_has_the_exit_code_of_the_process_also_without_a_place_for_its_output(
    shell: Shell, file: str, tmp_path: Path
) -> None:
    log = tmp_path / "run.log"
    command = [sys.executable, "-m", "bulkops", "validate", "giveaways", file, "--log-file", str(log)]
    with Path("/dev/full").open("w") as full:
        code = subprocess.run(
            command, env=shell.environment, stdout=full, stderr=subprocess.PIPE, check=False
        ).returncode
    assert code == 2
    assert "exit=2" in log.read_text().splitlines()[-1]


def commands_of(group: click.Command) -> Iterator[click.Command]:
    """Yield the commands of a group and of its groups."""
    if not isinstance(group, click.Group):
        yield group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        if (found := group.get_command(context, name)) is not None:
            yield from commands_of(found)


def test_every_command_can_mask_its_log(tmp_path: Path) -> None:
    lacking = [each.name for each in commands_of(cli) if not any("--mask" in p.opts for p in each.params)]
    log, console = tmp_path / "run.log", Console()
    words = ["plan", "giveaways", "Anna-Muster.csv", "--log-file", str(log), "--mask"]
    CliRunner().invoke(cli, words, obj=console)
    for close in reversed(console.at_exit):
        close(2)
    assert ("Anna" in log.read_text(), "error message=(masked)" in log.read_text()) == (False, True)
    assert lacking == []
