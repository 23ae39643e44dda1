"""A job's proof says when, by which version, on which host, with which key and against which export it was made."""

import hashlib
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bulkops.configuration import TargetProfile, profile_authorization
from bulkops.errors import UsageError
from bulkops.settings import Secret, authorization_from_environment
from bulkops.version import __version__
from tests.cli.running import KEY, Shell

IDS = ("--application", "1", "--campaign", "1")


def test_proof_names_its_circumstances_but_never_the_key(shell: Shell, tmp_path: Path) -> None:
    file, export = tmp_path / "codes.csv", tmp_path / "export.csv"
    file.write_text("value\n" + "".join(f"CODE{n:03}\n" for n in range(5)))
    began = datetime.now(UTC)
    done = shell.run("import", "coupons", str(file), *IDS, "--yes", "--reconcile", "--json").json
    proof = done["reconciliation"]["proof"]
    assert (proof["bulkops"], proof["host"]) == (__version__, socket.gethostname())
    assert (proof["address"], proof["key"], proof["export"]) == (shell.base_url, "BULKOPS_MANAGEMENT_KEY", None)
    assert began <= datetime.fromisoformat(proof["began"]) <= datetime.fromisoformat(proof["at"]) <= datetime.now(UTC)
    shell.run("export", "coupons", *IDS, "-o", str(export))
    assert shell.run("reconcile", "--job", done["job"], "--export", str(export)).code == 0
    assert shell.holds_the_key() == []
    report = shell.run("report", done["job"], "--json").json["jobs"][0]
    found = report["reconciliation"]["proof"]
    assert (found["address"], found["key"]) == ("", "")
    assert found["export"]["path"] == str(export)
    assert found["export"]["sha256"] == hashlib.sha256(export.read_bytes()).hexdigest()
    assert found["export"]["bytes"] == export.stat().st_size
    assert found["export"]["saved_from"] == {
        "address": shell.base_url, "ids": {"application": 1, "campaign": 1}, "filters": {},
    }  # fmt: skip
    assert report["sign"]["verdict"] == "sign_with_reservations"
    assert report["decisions"] == []
    text = shell.run("report", done["job"], "--format", "md", "-o", "-").out
    for part in (found["export"]["sha256"], f"- Host: `{socket.gethostname()}`", f"- Version: bulkops {__version__}"):
        assert part in text
    assert KEY not in json.dumps(report) + text


def profile(**key: str) -> Secret:
    return profile_authorization(TargetProfile(name="live", base_url="https://a.example", key=key), ENVIRON)


ENVIRON: dict[str, Any] = {"BULKOPS_BEARER_TOKEN": "token-0123456789", "LIVE_KEY": "key-0123456789", "k3y-A0": "x" * 20}


def test_the_name_of_a_key_contains_its_source() -> None:
    assert authorization_from_environment(ENVIRON).name == "BULKOPS_BEARER_TOKEN"
    assert profile(env="LIVE_KEY").name == "LIVE_KEY, target live"
    assert profile(command="echo key-0123456789").name == "key command of target live"
    with pytest.raises(UsageError):
        profile(env="ABSENT")


def test_name_of_a_variable_that_may_be_a_key_is_not_shown() -> None:
    assert profile(env="k3y-A0").name == "an environment variable, target live"
