"""`bulkops inbox` as operations run it: the command, its documents, its files and its signals."""

import csv
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner

from bulkops.cli.main import cli
from bulkops.errors import BulkopsError
from bulkops.sandbox.serve import SandboxServer
from bulkops.schemas import schema_of
from tests.cli.running import Shell

CONFIG = """
[targets.test]
base_url = "{base_url}"
key = {{env = "BULKOPS_MANAGEMENT_KEY"}}

[inbox.partner]
folder = "in"
target = "test"
quiet = "0s"
on_findings = "quarantine"

[[inbox.partner.files]]
match = "points-*.csv*"
contract = "loyalty-points"
ids = {{program = 1}}

[inbox.other]
folder = "other"
target = "test"
archive = "other-archive"

[[inbox.other.files]]
match = "codes.csv"
recipe = "codes.yaml"
"""
RECIPE = """
name: codes
variables: {file: }
steps:
  - contract: coupons
    file: ${file}
    ids: {application: 1, campaign: 1}
"""
POINTS = "customerprofileid,amount\n"


def written(folder: Path, base_url: str) -> Path:
    """Write a configuration with two inboxes and their folders."""
    (folder / "in").mkdir()
    (folder / "other").mkdir()
    (folder / "codes.yaml").write_text(RECIPE)
    path = folder / "bulkops.toml"
    path.write_text(CONFIG.format(base_url=base_url))
    return path


@pytest.fixture
def config(sandbox: SandboxServer, tmp_path: Path) -> Path:
    return written(tmp_path, sandbox.base_url)


def test_one_pass_over_all_inboxes_ends_with_one_document_and_summaries(
    shell: Shell, config: Path, sandbox: SandboxServer
) -> None:
    folder = config.parent
    (folder / "in" / "points-1.csv").write_text(f"{POINTS}customer-0001,5\ncustomer-0002,<b>many\n")
    (folder / "in" / "points-2.csv").write_text(f"{POINTS}customer-0003,5\n")
    (folder / "other" / "codes.csv").write_text("value\nCODE-A\n")
    config.write_text(config.read_text().replace('folder = "other"', 'folder = "other"\nquiet = "0s"'))
    outputs = [word for form in ("json", "md", "html") for word in ("--output", f"{form}={folder / f'pass.{form}'}")]
    metrics = folder / "bulkops.prom"
    done = shell.run("--config", str(config), "inbox", "--json", "--settle", "1", "--metrics", str(metrics), *outputs)
    assert done.code == 1, done.err
    document = done.json
    assert (document["inbox"], document["state"], document["exit"]) == (None, "refused", 1)
    found = {Path(each["path"]).name: each["state"] for each in document["files"]}
    assert found == {"points-1.csv": "partial", "points-2.csv": "imported", "codes.csv": "imported"}
    assert document["files"][1]["verdict"] == "proved"
    assert json.loads((folder / "pass.json").read_text()) == document
    assert "<b>many" not in (folder / "pass.html").read_text()
    assert "| partner | points-1.csv | partial |" in (folder / "pass.md").read_text()
    text = metrics.read_text()
    assert 'bulkops_inbox_files{inbox="partner",state="partial"} 1.0' in text
    assert 'bulkops_inbox_records{inbox="partner",state="accepted"} 2.0' in text
    assert "bulkops_exit_code 1.0" in text
    assert sandbox.state.count("point") == 2
    assert sandbox.state.count("coupon", value="CODE-A") == 1
    status = shell.run("--config", str(config), "inbox", "status", "partner", "--json")
    assert status.code == 0
    assert [each["records"] for each in status.json["corrections"]] == [1]
    assert [each["exit"] for each in status.json["passes"]] == [1]


def test_every_repeats_the_pass_until_a_signal_ends_it_cleanly(
    shell: Shell, config: Path, sandbox: SandboxServer
) -> None:
    metrics = config.parent / "bulkops.prom"
    words = ("--config", str(config), "inbox", "partner", "--every", "1s", "--settle", "1", "--metrics", str(metrics))
    process = shell.start(*words)
    _until(metrics.exists)
    draft = config.parent / "draft"
    draft.write_text(f"{POINTS}customer-0001,5\n")
    draft.replace(config.parent / "in" / "points-1.csv")
    _until(lambda: sandbox.state.count("point") == 1 and not (config.parent / "in" / "points-1.csv").exists())
    process.send_signal(signal.SIGTERM)
    done = shell.ended(process)
    assert done.code in (0, 130)
    assert "partner: 1 imported. State: " in done.out
    assert sandbox.state.count("point") == 1


HOOK = """
import sys
with open({seen!r}, "a") as file:
    file.write(sys.stdin.read().replace("\\n", " ") + "\\n")
"""


def _hooked(config: Path) -> Callable[[], list[dict[str, Any]]]:
    """Add a hook to a configuration; return a function that lists the documents that it received."""
    seen, hook = config.parent / "seen.jsonl", config.parent / "hook.py"
    hook.write_text(HOOK.format(seen=str(seen)))
    config.write_text(f"{config.read_text()}\n[on_end]\ncommand = '{sys.executable} {hook}'\n")
    return lambda: [json.loads(line) for line in seen.read_text().splitlines()] if seen.exists() else []


def _drop(config: Path, name: str, rows: str) -> None:
    draft = config.parent / "draft"
    draft.write_text(POINTS + rows)
    draft.replace(config.parent / "in" / name)


def test_one_pass_calls_on_end_once_with_its_jobs_and_reasons(shell: Shell, config: Path) -> None:
    received = _hooked(config)
    words = ("--config", str(config), "inbox", "partner")
    assert shell.run(*words, "--settle", "1").code == 0
    _drop(config, "points-1.csv", "customer-0001,5\ncustomer-0002,many\n")
    _drop(config, "points-2.csv", "customer-0003,6\n")
    assert shell.run(*words, "--dry-run").code == 1
    assert shell.run("--config", str(config), "inbox", "status", "partner").code == 0
    assert received() == []  # no file was handled
    done = shell.run(*words, "--settle", "1")
    (document,) = received()
    assert jsonschema_rs.is_valid(schema_of("on-end"), document)
    assert (document["command"], document["state"], document["exit"]) == ("inbox", "problems", done.code)
    assert [job["verdict"] for job in document["jobs"]] == ["proved", "proved"]
    assert document["records"]["accepted"] == 2
    (error,) = document["errors"]
    assert error["message"].startswith("partner: points-1.csv: ")
    config.write_text(config.read_text().replace('quiet = "0s"', 'quiet = "0s"\nmask = true'))
    _drop(config, "points-3.csv", "customer-0002,lots\n")
    assert shell.run(*words, "--settle", "1").code == 1
    assert received()[1]["errors"] == [{"message": "partner: points-3.csv: (masked)", "hint": None}]


def test_every_pass_that_handles_a_file_calls_on_end_with_its_own_result(shell: Shell, config: Path) -> None:
    received = _hooked(config)
    process = shell.start("--config", str(config), "inbox", "partner", "--every", "1s", "--settle", "1")
    _drop(config, "points-1.csv", "customer-0001,many\n")
    _until(lambda: len(received()) == 1)
    _drop(config, "points-2.csv", "customer-0003,5\n")
    _until(lambda: len(received()) == 2)
    time.sleep(1.5)  # at least one more pass, without a file
    process.send_signal(signal.SIGTERM)
    assert shell.ended(process).code in (0, 130)
    assert [(each["state"], each["exit"], len(each["jobs"])) for each in received()] == [
        ("problems", 1, 0),
        ("done", 0, 1),
    ]
    assert [len(each["errors"]) for each in received()] == [1, 0]


def _until(found: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not found():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("words", "change", "message"),
    [
        (["nobody"], ("", ""), "The configuration has no inbox 'nobody'"),
        (["status", "a", "b"], ("", ""), "Name one inbox"),
        (["status", "--every", "5m"], ("", ""), "takes neither --every"),
        (["--every", "5m", "--json"], ("", ""), "--json prints one document"),
        (["--every", "often"], ("", ""), "is not a duration"),
        ([], ('quiet = "0s"', 'quiet = "soon"'), "quiet must be a duration such as 2m"),
        ([], ("contract =", "contrakt ="), "files does not know 'contrakt'"),
        ([], ('"loyalty-points"', '"loyalty-point"'), "the closest is 'loyalty-points'"),
        ([], ("ids = {program = 1}", 'expect = {due = "3"}'), "files.expect.due must be a time such as 03:00"),
        ([], ("[inbox.other]", "[inbox.status]\nfolder = 'x'\ntarget = 'test'\n[inbox.other]"), "must have a name"),
        (
            [],
            ('folder = "other"', 'folder = "other-archive"'),
            "bulkops.toml:17: [inbox.other]: archive and quarantine must differ from the folder",
        ),
        ([], ("ids = {program = 1}", 'expect = {timezone = "Mars"}'), "bulkops.toml:6: [inbox.partner]: the time zone"),
        ([], ('folder = "in"', 'folder = "absent"'), "cannot be read"),
        (["--output", "pdf=a"], ("", ""), "unknown format 'pdf'"),
    ],
)
def test_a_wrong_command_or_configuration_is_refused_with_its_place(
    words: list[str], change: tuple[str, str], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = written(tmp_path, "http://127.0.0.1:9")
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("BULKOPS_MANAGEMENT_KEY", "key")
    if change[0]:
        config.write_text(config.read_text().replace(*change))
    done = CliRunner().invoke(cli, ["--config", str(config), "inbox", *words], standalone_mode=False)
    if isinstance(done.exception, BulkopsError):
        assert done.exception.exit_code == 2
        assert message in done.exception.message
    else:
        assert message in done.stderr
        assert done.return_value == 2


def test_findings_and_differences_are_written_for_spreadsheets(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    rows = "".join(f"=cmd{n},many\n" for n in range(20))
    file.write_text(POINTS + rows)
    made = [f"csv={tmp_path / 'found.csv'}", f"xlsx={tmp_path / 'found.xlsx'}"]
    words = [word for each in made for word in ("--output", each)]
    done = shell.run("validate", "loyalty-points", str(file), *words)
    assert done.code == 1
    assert done.out.count("'many'") == 5  # the terminal shows examples, the file all of them
    with (tmp_path / "found.csv").open(encoding="utf-8-sig", newline="") as found:
        listed = list(csv.DictReader(found))
    assert [row["line"] for row in listed if row["column"] == "amount"] == [str(n) for n in range(2, 22)]
    assert (tmp_path / "found.xlsx").read_bytes().startswith(b"PK")
    again = shell.run("validate", "loyalty-points", str(file), "--output", f"csv={file}")
    assert again.code == 2
    file.write_text(f"{POINTS}customer-0001,5\n")
    made = ["--output", f"csv={tmp_path / 'differences.csv'}", "--output", f"xlsx={tmp_path / 'differences.xlsx'}"]
    ids = ["--program", "1", "--settle", "0.1"]
    done = shell.run("reconcile", "loyalty-points", str(file), *ids, *made, "--json")
    assert done.code == 1
    assert done.json["files"]["csv"] == str(tmp_path / "differences.csv")
    with (tmp_path / "differences.csv").open(encoding="utf-8-sig", newline="") as found:
        (row,) = csv.DictReader(found)
    assert (row["class"], row["line"]) == ("missing", "2")
