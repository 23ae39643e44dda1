"""Recipes: the demo proves every row, a failing step stops the run, nothing is sent before the recipe is sound."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli.documents import check_document
from tests.foreign.server import ForeignServer

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_data"


def run(state: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    environment = os.environ | {"BULKOPS_STATE": str(state), "BULKOPS_MANAGEMENT_KEY": "foreign"}
    command = [sys.executable, "-m", "bulkops", "run", *arguments, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=state)
    assert "Traceback" not in done.stderr
    check_document(command, done.stdout)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_the_demo_proves_every_contract_and_shows_a_broken_file_refused(tmp_path: Path) -> None:
    code, document, _ = run(tmp_path, str(ROOT / "recipes" / "demo.yaml"))
    assert code == 0
    steps = document["steps"]
    verdicts = {(s["contract"], s["import"]["reconciliation"]["verdict"]) for s in steps if s["expect"] == "done"}
    assert {verdict for contract, verdict in verdicts if contract != "attribute-values"} == {"proved"}
    assert ("attribute-values", "unprovable") in verdicts
    assert len({contract for contract, _ in verdicts}) == 12
    for step in steps:
        records = step["import"]["records"]
        assert records["input"] == sum(value for name, value in records.items() if name != "input")
        if step["import"]["mode"] != "replace" and step["expect"] == "done":
            assert len(step["import"]["chunks"]) > 1
    assert steps[-1]["expect"] == "refused"
    assert steps[-1]["findings"]


def recipe(tmp_path: Path, *steps: str) -> str:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: two\nsteps:\n" + "".join(f"  - {step}\n" for step in steps), encoding="utf-8")
    return str(path)


GIVEAWAYS = f"{{contract: giveaways, file: {SAMPLES}/giveaways.csv, ids: {{pool: 5}}}}"
REFUSED = f"{{contract: stores, file: {SAMPLES}/broken/stores.csv, ids: {{application: 1, campaign: 1}}}}"


def test_a_step_that_is_not_as_expected_stops_the_recipe(tmp_path: Path) -> None:
    with ForeignServer() as server:
        code, document, errors = run(tmp_path, recipe(tmp_path, REFUSED, GIVEAWAYS), "--base-url", server.base_url)
        assert code == 1
        assert document["state"] == "stopped"
        assert [step["as_expected"] for step in document["steps"]] == [False]
        assert "stores" in errors
        assert server.world.uploads == []


def test_an_invalid_step_is_reported_before_the_first_step_is_sent(tmp_path: Path) -> None:
    bad = (
        f"{{contract: store-budgets, file: {SAMPLES}/store-budgets.csv, ids: {{application: 1, campaign: 1}}, options: "
    )
    with ForeignServer() as server:
        for options, word in (("{period: hourly}", "hourly"), ("{notifications: true}", "notifications")):
            path = recipe(tmp_path, GIVEAWAYS, f"{bad}{options}}}")
            code, document, _ = run(tmp_path, path, "--base-url", server.base_url)
            assert code == 2
            assert word in document["error"]["message"]
        assert server.world.uploads == []


def test_a_recipe_run_twice_does_not_append_twice(tmp_path: Path) -> None:
    with ForeignServer() as server:
        path = recipe(tmp_path, GIVEAWAYS)
        assert run(tmp_path, path, "--base-url", server.base_url)[0] == 0
        held = len(server.world.rows["giveaways"])
        code, document, told = run(tmp_path, path, "--base-url", server.base_url)
        (step,) = document["steps"]
        assert (code, document["state"]) == (0, "done")
        assert step["already_done_by"].startswith("giveaways-")
        assert f"was done by job {step['already_done_by']}" in told
        assert len(server.world.rows["giveaways"]) == held


def test_a_recipe_with_a_sandbox_sends_nothing_to_the_target_of_the_environment(
    tmp_path: Path, monkeypatch: Any
) -> None:
    path = Path(
        recipe(tmp_path, f"{{contract: stores, file: {SAMPLES}/stores.csv, ids: {{application: 1, campaign: 1}}}}")
    )
    path.write_text(path.read_text() + f"sandbox: {{world: {SAMPLES}/world.json}}\n")
    with ForeignServer() as server:
        monkeypatch.setenv("BULKOPS_BASE_URL", server.base_url)
        code, document, _ = run(tmp_path, str(path))
        assert (code, document["state"]) == (0, "done")
        code, document, _ = run(tmp_path, str(path), "--base-url", server.base_url)
        assert code == 2
        assert "its own sandbox" in document["error"]["message"]
        assert server.world.uploads == []
