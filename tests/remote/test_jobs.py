"""A job of a remote file resumes on the bytes that it began with, in another process, or stops with the facts."""

import json
import shutil
import time
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Shell
from tests.crash.truth import CASES, counted, rows_of
from tests.remote.conftest import SECRET, Bucket

GIVEAWAYS = CASES["giveaways"]
POOL = ("--pool", "1", "--max-rows", "10", "--settle", "0.3")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return GIVEAWAYS.write(tmp_path / "g.csv", records=30, seed=1)


@pytest.fixture
def own(sandbox: SandboxServer, alone: Path) -> Shell:
    return Shell(alone, sandbox.base_url)


def killed_while_sending(shell: Shell, sandbox: SandboxServer, address: str) -> str:
    """Kill an import after its first chunk, and return the job."""
    sandbox.set_faults("imports=slow:0.5")
    process = shell.start("import", "giveaways", address, *POOL)
    end = time.monotonic() + 60
    while sandbox.state.count("giveaway") <= 0 and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    process.kill()
    process.communicate()
    sandbox.set_faults(None)
    return str(shell.run("jobs", "list", "--json").json["jobs"][0]["job"])


def resumed(shell: Shell, *words: str) -> Ended:
    return shell.run("jobs", "resume", *words, "--settle", "0.3", "--json")


@pytest.mark.parametrize("copy", ["kept", "lost"])
def test_killed_job_of_an_object_resumes_from_its_copy_or_reads_it_again(
    own: Shell, sandbox: SandboxServer, bucket: Bucket, file: Path, copy: str
) -> None:
    address = bucket.put("in/g.csv", file.read_bytes())
    job = killed_while_sending(own, sandbox, address)
    if copy == "lost":
        shutil.rmtree(own.state / "remote")
    ended = resumed(own, job)
    assert ended.code == 0
    assert ("from the copy in the state folder" in ended.err) == (copy == "kept")
    assert ended.json["file"]["path"] == address
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))
    assert own.run("validate", "giveaways", address).code == 0
    assert not [path for path in (own.state / "remote").rglob("*") if path.is_file()]


def test_ledger_stores_address_version_and_checksum_and_no_secret(
    own: Shell, sandbox: SandboxServer, bucket: Bucket, file: Path
) -> None:
    address = bucket.put("in/g.csv", file.read_bytes())
    ended = own.run("import", "giveaways", address, *POOL, "--json")
    stored = b"".join(path.read_bytes() for path in own.state.glob("ledger.db*"))
    assert SECRET.encode() not in stored
    etag = bucket.client.head_object(Bucket=bucket.name, Key="in/g.csv")["ETag"].strip('"')
    assert json.dumps({"size": file.stat().st_size, "modified": None})[1:20].encode() in stored
    assert etag.encode() in stored
    assert ended.json["file"]["path"] == address


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_resume_of_a_changed_object_stops_with_5_and_names_the_copy(
    own: Shell, sandbox: SandboxServer, bucket: Bucket, file: Path, change: str
) -> None:
    address = bucket.put("in/g.csv", file.read_bytes())
    job = killed_while_sending(own, sandbox, address)
    sent = GIVEAWAYS.held(sandbox)
    if change == "replaced":
        bucket.put("in/g.csv", file.read_bytes() + b"NEW-1\n")
    else:
        bucket.client.delete_object(Bucket=bucket.name, Key="in/g.csv")
    ended = resumed(own, job)
    error = ended.json["error"]
    assert (ended.code, error["exit"]) == (5, 5)
    assert f"{address} {'was replaced: it was' if change == 'replaced' else 'is gone'}" in error["message"]
    assert GIVEAWAYS.held(sandbox) == sent
    copy = error["hint"].partition("--file ")[2].partition(",")[0].rstrip(".")
    assert Path(copy).read_bytes() == file.read_bytes()
    assert resumed(own, job, "--file", copy).code == 0
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


def test_object_that_is_replaced_before_the_first_request_stops_the_import(
    own: Shell, sandbox: SandboxServer, bucket: Bucket, file: Path
) -> None:
    address = bucket.put("in/g.csv", file.read_bytes())
    sandbox.set_faults("reads=slow:2")
    process = own.start("import", "giveaways", address, *POOL)
    end = time.monotonic() + 60
    while not list((own.state / "remote").glob("*/facts.json")):
        assert time.monotonic() < end
        time.sleep(0.02)
    bucket.put("in/g.csv", file.read_bytes() + b"NEW-1\n")
    ended = own.ended(process)
    sandbox.set_faults(None)
    assert ended.code == 5
    assert "was replaced: it was" in ended.err
    assert "Nothing was sent." in ended.err
    assert sandbox.state.count("giveaway") == 0


@pytest.mark.soak
def test_report_of_a_job_notes_that_its_storage_cannot_be_reached(
    own: Shell, sandbox: SandboxServer, bucket: Bucket, file: Path
) -> None:
    address = bucket.put("in/g.csv", file.read_bytes())
    ended = own.run("import", "giveaways", address, *POOL)
    assert ended.code == 0
    refused = own.ended(own.start("import", "giveaways", address, *POOL))
    assert (refused.code, "already sent the same bytes" in refused.err) == (5, True)
    elsewhere = {**own.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    report = own.ended(own.start("report", "-o", str(file.with_name("r.html")), environment=elsewhere))
    assert report.code == 0
    assert "could not check the file again" in file.with_name("r.html").read_text()


@pytest.mark.soak
def test_only_new_records_of_a_remote_file_are_sent(
    own: Shell, sandbox: SandboxServer, bucket: Bucket, file: Path
) -> None:
    assert own.run("import", "giveaways", bucket.put("in/g.csv", file.read_bytes()), *POOL).code == 0
    longer = file.read_bytes() + b"".join(b"NEW-%d\n" % n for n in range(3))
    file.write_bytes(longer)
    ended = own.run("import", "giveaways", bucket.put("in/g.csv", longer), *POOL, "--only-new", "--json")
    assert (ended.code, ended.json["records"]["accepted"]) == (0, 3)
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))


@pytest.mark.soak
def test_recipe_imports_an_object_and_skips_it_when_it_runs_again(
    own: Shell, sandbox: SandboxServer, bucket: Bucket, file: Path
) -> None:
    bucket.put("in/g.csv", file.read_bytes())
    recipe = file.with_name("r.yaml")
    step = "  - contract: giveaways\n    file: ${drop}/g.csv\n    ids: {pool: 1}\n    reconcile: false\n"
    recipe.write_text(f"name: nightly\nvariables: {{drop: null}}\nsteps:\n{step}")
    words = ("run", str(recipe), "--set", f"drop={bucket.address('in')}", "--json")
    assert own.run(*words).code == 0
    again = own.run(*words)
    assert (again.code, again.json["steps"][0]["file"]) == (0, bucket.address("in/g.csv"))
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(file))
