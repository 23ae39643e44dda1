"""`bulkops run` from the outside: its own sandbox, going on after a stop, guards, ids, signals."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Shell
from tests.crash.truth import CASES, counted, rows_of

GIVEAWAYS = CASES["giveaways"]
COUPONS = CASES["coupons"]

Step = dict[str, Any]


def recipe(folder: Path, *steps: Step, **more: object) -> str:
    path = folder / "recipe.yaml"
    path.write_text(json.dumps({"name": "two", "steps": steps, **more}))
    return str(path)


def giveaways(folder: Path, name: str = "g.csv", **more: object) -> Step:
    GIVEAWAYS.write(folder / name, records=20, seed=1)
    return {"contract": "giveaways", "file": name, "ids": {"pool": 1}, "max_rows": 10, **more}


def coupons(folder: Path, **more: object) -> Step:
    COUPONS.write(folder / "c.csv", records=20, seed=1)
    return {"contract": "coupons", "file": "c.csv", "ids": {"application": 1, "campaign": 1}, **more}


def run(shell: Shell, *words: str) -> Ended:
    return shell.run("run", *words, "--settle", "0.5", "--json")


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_recipe_with_a_sandbox_never_writes_to_the_deployment_of_the_environment(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    path = recipe(tmp_path, giveaways(tmp_path), sandbox={})
    assert shell.environment["BULKOPS_BASE_URL"] == sandbox.base_url
    ended = run(shell, path)
    assert (ended.code, ended.json["state"]) == (0, "done")
    assert ended.json["steps"][0]["import"]["target"]["base_url"].startswith("sandbox://")
    assert sandbox.requests == []
    named = shell.environment | {"BULKOPS_TARGET": "live", "BULKOPS_POOL": "9"}
    started = Shell(shell.state).start("run", path, "--json", environment=named)
    ended = shell.ended(started)
    assert (ended.code, sandbox.requests) == (0, [])


def test_a_recipe_with_a_sandbox_refuses_a_target_of_the_command_line(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    path = recipe(tmp_path, giveaways(tmp_path), sandbox={})
    for words in (("--base-url", sandbox.base_url), ("--target", "live"), ("--target", "sandbox")):
        ended = run(shell, path, *words)
        assert (ended.code, "its own sandbox" in ended.json["error"]["message"]) == (2, True)
    assert sandbox.requests == []


def test_a_stopped_recipe_goes_on_where_it_stopped(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    path = recipe(tmp_path, giveaways(tmp_path), coupons(tmp_path, max_rows=5))
    sandbox.set_faults("importCoupons@3=403")
    stopped = run(shell, path)
    assert (stopped.code, stopped.json["state"]) == (2, "stopped")
    assert stopped.json["error"] == stopped.json["steps"][1]["error"]
    assert "Continue with: bulkops run" in stopped.err
    sandbox.set_faults(None)
    ended = run(shell, path)
    first, second = ended.json["steps"]
    assert ended.code == 0, ended.err
    assert first["already_done_by"] == stopped.json["steps"][0]["import"]["job"]
    assert (second["resumed"], second["import"]["job"]) == (True, stopped.json["steps"][1]["import"]["job"])
    assert f"was done by job {first['already_done_by']}" in ended.err
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(tmp_path / "g.csv"))
    assert COUPONS.held(sandbox) == counted(rows_of(tmp_path / "c.csv"))


def test_a_step_that_was_imported_without_proof_is_proved(shell: Shell, tmp_path: Path) -> None:
    assert run(shell, recipe(tmp_path, giveaways(tmp_path, reconcile=False))).code == 0
    ended = run(shell, recipe(tmp_path, giveaways(tmp_path)))
    (step,) = ended.json["steps"]
    assert (ended.code, step["import"]["reconciliation"]["verdict"]) == (0, "proved")
    assert step["already_done_by"] == step["import"]["job"]


def test_a_replaced_list_is_imported_again_after_another_file_replaced_it(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    for name, items in (("a", "red\nblue\n"), ("b", "green\n")):
        (tmp_path / f"{name}.csv").write_text("item\n" + items)
    step = {"contract": "collections", "file": "a.csv", "ids": {"collection": 1}, "max_removals": "100%"}
    path = recipe(tmp_path, step)
    assert run(shell, path).json["steps"][0]["already_done_by"] is None
    assert run(shell, path).json["steps"][0]["already_done_by"] is not None
    other = ("import", "collections", str(tmp_path / "b.csv"), "--collection", "1", "--max-removals", "100%", "--yes")
    assert shell.run(*other).code == 0
    assert run(shell, path).json["steps"][0]["already_done_by"] is None
    assert {row["item"] for row in sandbox.state.rows("collection_item")} == {"red", "blue"}


def test_a_step_with_again_is_imported_in_each_run(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    path = recipe(tmp_path, giveaways(tmp_path, again=True, reconcile=False))
    assert [run(shell, path).code, run(shell, path).code] == [0, 0]
    assert sandbox.state.count("giveaway") == 40


def test_a_guard_that_refuses_a_step_names_the_key_that_lifts_it(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    (tmp_path / "empty.csv").write_text("item\n")
    step = {"contract": "collections", "file": "empty.csv", "ids": {"collection": 1}}
    ended = run(shell, recipe(tmp_path, giveaways(tmp_path), step))
    assert ended.code == 5
    assert [each["as_expected"] for each in ended.json["steps"]] == [True, False]
    assert ended.json["steps"][0]["import"]["state"] == "done"
    assert "`allow_empty: true` in the step" in ended.json["error"]["hint"]
    lifted = run(shell, recipe(tmp_path, giveaways(tmp_path), {**step, "allow_empty": True}))
    assert lifted.code == 0


def test_refused_records_stop_the_recipe_and_it_can_go_on_from_the_next_step(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    path = recipe(tmp_path, giveaways(tmp_path, max_rows=10, reconcile=False), coupons(tmp_path))
    GIVEAWAYS.write(tmp_path / "g.csv", records=11, seed=1)
    sandbox.set_faults("imports@2=400")
    stopped = run(shell, path)
    assert stopped.code == 1
    assert len(stopped.json["steps"]) == 1
    sandbox.set_faults(None)
    again = run(shell, path)
    assert (again.code, again.json["steps"][0]["import"]["state"]) == (1, "refused")
    assert "--from 2" in again.err
    assert run(shell, path, "--from", "2").code == 0
    assert COUPONS.held(sandbox) == counted(rows_of(tmp_path / "c.csv"))
    assert run(shell, path, "--from", "3").code == 2


def test_ids_that_a_step_lacks_come_from_options_and_from_the_target(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    step = giveaways(tmp_path)
    del step["ids"]
    path = recipe(tmp_path, step)
    missing = run(shell, path)
    assert (missing.code, "needs ids: pool" in missing.json["error"]["message"]) == (2, True)
    assert run(shell, path, "--dry-run", "--pool", "1").code == 0
    table = f'[targets.live]\nbase_url = "{sandbox.base_url}"\nkey = {{env = "BULKOPS_MANAGEMENT_KEY"}}\npool = 1\n'
    config = tmp_path / "bulkops.toml"
    config.write_text(table)
    ended = shell.run("--config", str(config), "run", path, "--target", "live", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["steps"][0]["import"]["target"]["ids"] == {"pool": 1}


def test_a_dry_run_of_a_recipe_sends_and_remembers_nothing(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    ended = run(shell, recipe(tmp_path, giveaways(tmp_path), coupons(tmp_path)), "--dry-run")
    assert (ended.code, ended.json["dry_run"], len(ended.json["steps"])) == (0, True, 2)
    assert {request.method for request in sandbox.requests} == {"GET"}
    assert sandbox.state.count("coupon") == sandbox.state.count("giveaway") == 0
    assert shell.run("jobs", "list", "--json").json == {"jobs": []}


def test_a_lost_network_under_json_is_one_document_with_the_job(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    path = recipe(tmp_path, giveaways(tmp_path), coupons(tmp_path))
    sandbox.set_faults("importCoupons=404")
    ended = run(shell, path)
    assert ended.code == 2
    assert ended.json["steps"][1]["import"]["job"].startswith("coupons-")
    assert ended.json["error"]["exit"] == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_request_under_way_and_the_recipe_goes_on(
    number: int, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    path = recipe(tmp_path, giveaways(tmp_path, max_rows=5), coupons(tmp_path))
    sandbox.set_faults("imports=slow:0.6")
    process = shell.start("run", path, "--settle", "0.5", "--json")
    wait_for(lambda: sandbox.state.count("giveaway") > 0)
    process.send_signal(number)
    ended = shell.ended(process)
    assert (ended.code, ended.json["state"], ended.json["error"]["exit"]) == (130, "stopped", 130)
    figures = ended.json["steps"][0]["import"]["records"]
    assert (figures["in_doubt"], figures["accepted"]) == (0, sandbox.state.count("giveaway"))
    assert "Continue with: bulkops run" in ended.err
    sandbox.set_faults(None)
    assert run(shell, path).code == 0
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(tmp_path / "g.csv"))


def test_a_recipe_that_was_killed_goes_on_and_doubles_nothing(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    path = recipe(tmp_path, giveaways(tmp_path, max_rows=5), coupons(tmp_path))
    sandbox.set_faults("imports=slow:0.6")
    process = shell.start("run", path, "--settle", "0.5", "--json")
    wait_for(lambda: sandbox.state.count("giveaway") > 0)
    process.kill()
    process.communicate()
    sandbox.set_faults(None)
    ended = run(shell, path)
    assert (ended.code, [step["resumed"] for step in ended.json["steps"]]) == (0, [True, False]), ended.err
    assert GIVEAWAYS.held(sandbox) == counted(rows_of(tmp_path / "g.csv"))
    assert COUPONS.held(sandbox) == counted(rows_of(tmp_path / "c.csv"))


def test_a_signal_during_the_comparison_of_a_step_keeps_the_finished_steps(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    (tmp_path / "items.csv").write_text("item\nred\n")
    step = {"contract": "collections", "file": "items.csv", "ids": {"collection": 1}}
    path = recipe(tmp_path, giveaways(tmp_path, reconcile=False), step)
    sandbox.set_faults("exports=slow:5")
    process = shell.start("run", path, "--json")
    wait_for(lambda: list((shell.state / "ledger" / "jobs").glob("*/before.csv*")))
    process.send_signal(signal.SIGTERM)
    ended = shell.ended(process)
    assert (ended.code, [s["as_expected"] for s in ended.json["steps"]]) == (130, [True, False])
    assert ended.json["steps"][1]["import"] is None


def test_a_step_with_an_id_that_its_contract_does_not_use_is_refused(shell: Shell, tmp_path: Path) -> None:
    ended = run(shell, recipe(tmp_path, giveaways(tmp_path, ids={"pool": 1, "campaign": 2})))
    assert (ended.code, "the id campaign does not apply" in ended.json["error"]["message"]) == (2, True)
    ended = run(shell, recipe(tmp_path, giveaways(tmp_path, max_errors="few")))
    assert (ended.code, "max_errors" in ended.json["error"]["message"]) == (2, True)
