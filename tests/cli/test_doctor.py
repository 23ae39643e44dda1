"""`bulkops doctor`: what works, what does not, and what to do."""

import socket
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Inside, Shell
from tests.crash.truth import CASES


def states(ended: Ended) -> dict[str, str]:
    return {check["name"]: check["state"] for check in ended.json["checks"]}


def rights(ended: Ended) -> dict[str, str]:
    return {each["operation"]: each["state"] for each in ended.json["operations"]}


def test_doctor_without_problems_reports_ok_and_changes_nothing(shell: Shell, sandbox: SandboxServer) -> None:
    ended = shell.run("doctor", "--application", "1", "--campaign", "1", "--json")
    assert (ended.code, ended.json["state"]) == (0, "ok"), ended.out
    assert set(states(ended).values()) == {"ok"}
    assert states(ended).keys() >= {"configuration", "state folder", "ledger", "target", "DNS", "key", "clock"}
    found = rights(ended)
    assert (found["getCampaign"], found["exportCoupons"]) == ("granted", "granted")
    assert {found[name] for name in ("importCoupons", "exportCustomersTiers", "deleteCoupon")} == {"not tested"}
    assert {request.method for request in sandbox.requests} == {"GET"}
    assert len(sandbox.requests) <= 30


def test_an_operation_that_the_key_lacks_is_a_warning_that_names_it(shell: Shell, sandbox: SandboxServer) -> None:
    sandbox.set_faults("getAttributes=403,exportCoupons=403")
    ended = shell.run("doctor", "--application", "1", "--campaign", "1", "--json")
    assert (ended.code, ended.json["state"]) == (0, "warning")
    assert {name for name, state in rights(ended).items() if state == "denied"} == {"getAttributes", "exportCoupons"}
    (check,) = [check for check in ended.json["checks"] if check["state"] == "warning"]
    assert "getAttributes, exportCoupons" in check["help"]


def test_a_wrong_key_is_exit_2(tmp_path: Path) -> None:
    with SandboxServer(key="another") as server:
        ended = Shell(tmp_path / "state", server.base_url).run("doctor", "--json")
    assert (ended.code, states(ended)["key"], ended.json["operations"]) == (2, "failed", [])


def test_a_server_that_does_not_listen_is_exit_3_at_once(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        ended = Shell(tmp_path / "state", f"http://127.0.0.1:{held.getsockname()[1]}").run("doctor", "--json")
    assert (ended.code, states(ended)["connection"], states(ended)["key"]) == (3, "failed", "skipped")


@pytest.mark.parametrize(
    ("words", "check", "said"),
    [
        (("--base-url", "https://no-such-host.invalid"), "DNS", "no-such-host.invalid is unknown"),
        (("--base-url", "http://example.com"), "target", "would send the key unencrypted"),
        (("--target", "nowhere"), "target", "Unknown target 'nowhere'"),
    ],
)
def test_a_target_that_cannot_be_used_is_exit_2_with_the_cause(
    tmp_path: Path, words: tuple[str, ...], check: str, said: str
) -> None:
    ended = Shell(tmp_path / "state").run("doctor", *words, "--json")
    (failed,) = [each for each in ended.json["checks"] if each["state"] == "failed"]
    assert (ended.code, failed["name"], said in failed["message"]) == (2, check, True), failed


def test_without_a_target_the_machine_is_checked_and_unfinished_jobs_are_named(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = CASES["giveaways"].write(tmp_path / "f.csv", records=4, seed=1)
    sandbox.set_faults("imports@2=401")
    job = shell.run("import", "giveaways", str(file), "--pool", "1", "--max-rows", "2", "--json").json["job"]
    ended = Shell(shell.state).run("doctor")
    assert ended.code == 0
    assert "1 unfinished" in ended.out
    assert job in ended.out
    assert "bulkops jobs resume JOB" in ended.out
    assert "No target was given" in ended.out


def test_an_invalid_configuration_and_a_state_folder_that_cannot_be_made_are_exit_2(tmp_path: Path) -> None:
    (tmp_path / "bulkops.toml").write_text("[chek]\n")
    (tmp_path / "flat").write_text("")
    ended = Shell(tmp_path / "flat" / "state").run("--config", str(tmp_path / "bulkops.toml"), "doctor", "--json")
    found = states(ended)
    assert (ended.code, found["configuration"], found["state folder"]) == (2, "failed", "failed"), ended.out


def test_a_missing_file_of_certificates_is_the_only_failure_of_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    ended = Inside(tmp_path / "state", "https://127.0.0.1:9").run("doctor", "--json")
    failed = [check["message"] for check in ended.json["checks"] if check["state"] == "failed"]
    assert (ended.code, len(failed)) == (2, 1), failed
    assert failed[0].startswith("SSL_CERT_FILE names ")


def test_a_target_without_its_key_variable_names_the_variable_and_the_remedy(tmp_path: Path) -> None:
    config = tmp_path / "bulkops.toml"
    config.write_text('[targets.live]\nbase_url = "https://a.test"\nkey = {env = "BULKOPS_TEST_UNSET"}\n')
    ended = Inside(tmp_path / "state").run("--config", str(config), "doctor", "--target", "live", "--json")
    (check,) = [check for check in ended.json["checks"] if check["state"] == "failed"]
    assert (ended.code, check["name"]) == (2, "target")
    assert "BULKOPS_TEST_UNSET, which is not set" in check["message"]
    assert "Set the variable" in check["help"]
