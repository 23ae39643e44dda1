"""A recipe with sources, as a process: from the legacy rows to the proof, over kills, changed sources and refusals."""

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Inside, Shell

ROWS = 60
CAMPAIGN = {"application": 1, "campaign": 1}
IDS = ("--application", "1", "--campaign", "1")


def write_codes(folder: Path, rows: int = ROWS, *, broken: int | None = None) -> None:
    """Write a semicolon file with two title lines; every third row is inactive."""
    lines = ["Export of the shop", "", "Code;Uses;Active"]
    lines += [f"LEGACY-{i:05};{'x' if i == broken else i % 5 + 1};{'no' if i % 3 == 0 else 'yes'}" for i in range(rows)]
    (folder / "codes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def inside(sandbox: SandboxServer, tmp_path: Path) -> Inside:
    return Inside(tmp_path / "state", sandbox.base_url)


def recipe(folder: Path, **keys: Any) -> str:
    step = {
        "contract": "coupons",
        "source": "codes.csv",
        "columns": {"value": "Code", "limitval": "Uses"},
        "where": "Active = 'yes'",
        "ids": CAMPAIGN,
        "max_rows": 10,
        **keys,
    }
    path = folder / "shop.yaml"
    path.write_text(json.dumps({"name": "shop", "steps": [step]}), encoding="utf-8")
    return str(path)


def run(shell: Shell, *words: str) -> Ended:
    return shell.run("run", *words, "--settle", "0.2", "--json")


def held(sandbox: SandboxServer) -> list[str]:
    return sorted(str(row["value"]) for row in sandbox.state.rows("coupon"))


def wanted(rows: int = ROWS) -> list[str]:
    return [f"LEGACY-{i:05}" for i in range(rows) if i % 3]


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_run_is_proved_and_its_books_account_for_every_source_row(
    inside: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    write_codes(tmp_path)
    path = recipe(tmp_path, expect={"source_rows": ROWS, "rows": 40, "sum(limitval)": 120})
    ended = run(inside, path)
    (step,) = ended.json["steps"]
    assert (ended.code, step["import"]["reconciliation"]["verdict"]) == (0, "proved"), ended.err
    assert step["mapping"]["rows"] == {"source": ROWS, "used": 40, "left_out": 20}
    assert step["mapping"]["records"] == step["import"]["records"]["input"] == step["import"]["records"]["accepted"]
    assert held(sandbox) == wanted()
    text = inside.run("run", path, "--settle", "0.2")
    assert "Step 1: 60 source rows = 40 used + 20 left out; 40 records = 40 accepted." in text.out
    job = step["import"]["job"]
    for form in ("html", "md"):
        report = inside.run("report", job, "-o", str(tmp_path / f"report.{form}"))
        page = (tmp_path / f"report.{form}").read_text(encoding="utf-8")
        assert report.code == 0
        assert "codes.csv" in page
        assert "60 source rows = 40 used + 20 left out" in page


def test_a_wrong_control_total_stops_the_run_before_the_first_request(
    inside: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    write_codes(tmp_path)
    ended = run(inside, recipe(tmp_path, expect={"sum(limitval)": 119}))
    assert ended.code == 1
    assert "sum(limitval): expected 119, found 120" in ended.json["error"]["message"]
    assert sandbox.requests == []


def test_findings_of_a_run_name_the_legacy_row(inside: Inside, sandbox: SandboxServer, tmp_path: Path) -> None:
    write_codes(tmp_path, broken=40)
    path = recipe(tmp_path)
    ended = run(inside, path)
    assert (ended.code, held(sandbox)) == (1, [])
    assert f"{tmp_path / 'codes.csv'}, line 44" in ended.err
    mapped = ended.json["steps"][0]["mapping"]["file"]
    checked = inside.run("validate", "coupons", mapped, "--json")
    (finding,) = checked.json["files"][0]["findings"]
    assert finding["origin"] == {
        "file": str(tmp_path / "codes.csv"), "sheet": None, "unit": "line", "line": 44, "rows": 1,
    }  # fmt: skip
    assert finding["record"] == 27
    assert f"from: {tmp_path / 'codes.csv'}, line 44" in inside.run("validate", "coupons", mapped).out


def test_refused_records_and_differences_name_the_legacy_row(
    inside: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    write_codes(tmp_path, rows=6)
    sandbox.set_faults("importCoupons@1=400")
    ended = run(inside, recipe(tmp_path, max_rows=1))
    assert ended.code == 1
    document = ended.json["steps"][0]["import"]
    assert document["records"]["rejected"] == 1
    reasons = next(inside.state.glob("**/*-rejected.reasons.csv"))
    with reasons.open(encoding="utf-8", newline="") as file:
        assert next(row["origin"] for row in csv.DictReader(file)) == f"{tmp_path / 'codes.csv'}, line 5"
    mapped = document["file"]["path"]
    words = ("--settle", "0.2", "--into", str(tmp_path / "d"), "--json")
    missing = inside.run("reconcile", "coupons", mapped, "--application", "1", "--campaign", "2", *words)
    assert (missing.code, missing.json["examples"][0]["origin"]["line"]) == (1, 5)
    with (tmp_path / "d" / "missing.csv").open(encoding="utf-8", newline="") as file:
        assert [row["origin"] for row in csv.DictReader(file)] == [
            f"{tmp_path / 'codes.csv'}, line {line}" for line in (5, 6, 8, 9)
        ]


def test_a_run_killed_while_mapping_goes_on(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    rows = 400_000
    write_codes(tmp_path, rows=rows)
    path = recipe(tmp_path, where="Active = 'yes' AND Code LIKE '%001'")
    process = shell.start("run", path, "--settle", "0.2", "--json")
    wait_for(lambda: list(shell.state.glob("mapping/*/work/staged/000/000000.parquet")))
    process.kill()
    process.communicate()
    assert sandbox.requests == []
    ended = run(shell, path)
    assert ended.code == 0, ended.err
    assert not list(shell.state.glob("mapping/*/work"))
    assert ended.json["steps"][0]["mapping"]["rows"]["source"] == rows
    assert len(held(sandbox)) == ended.json["steps"][0]["mapping"]["records"] > 0


@pytest.mark.parametrize("again", ["run", "jobs resume"])
def test_a_run_killed_in_the_upload_goes_on_and_doubles_nothing(
    again: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    write_codes(tmp_path)
    path = recipe(tmp_path)
    sandbox.set_faults("importCoupons=slow:0.5")
    process = shell.start("run", path, "--settle", "0.2", "--json")
    wait_for(lambda: sandbox.state.count("coupon") > 0)
    process.kill()
    process.communicate()
    sandbox.set_faults(None)
    if again == "jobs resume":
        assert shell.run("jobs", "resume", "--settle", "0.2").code == 0
    ended = run(shell, path)
    assert (ended.code, ended.json["steps"][0]["import"]["reconciliation"]["verdict"]) == (0, "proved"), ended.err
    assert held(sandbox) == wanted()


def test_a_source_that_changed_after_a_kill_is_refused_until_the_restart_is_explicit(
    inside: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    write_codes(tmp_path)
    path = recipe(tmp_path)
    sandbox.set_faults("importCoupons@2=403")
    assert run(inside, path).code == 2
    sandbox.set_faults(None)
    sent = len(sandbox.requests)
    write_codes(tmp_path, rows=ROWS + 3)
    refused = run(inside, path)
    assert refused.code == 5
    assert "The source of step 1 changed" in refused.json["error"]["message"]
    assert [request.method for request in sandbox.requests[sent:] if request.method != "GET"] == []
    assert inside.run("jobs", "resume", "--settle", "0.2").code == 0
    ended = run(inside, recipe(tmp_path, only_new=True), "--restart")
    assert ended.code == 0, ended.err
    assert held(sandbox) == wanted(ROWS + 3)
    write_codes(tmp_path, rows=ROWS + 6)
    assert run(inside, path).code == 0, "a run that ended as expected is no reason to refuse the next one"


def test_ids_of_the_chosen_target_are_used(inside: Inside, sandbox: SandboxServer, tmp_path: Path) -> None:
    write_codes(tmp_path)
    config = tmp_path / "bulkops.toml"
    config.write_text(
        f'[targets.live]\nbase_url = "{sandbox.base_url}"\nkey = {{env = "BULKOPS_MANAGEMENT_KEY"}}\n', encoding="utf-8"
    )
    path = recipe(tmp_path, ids={"application": 1, "live": {"campaign": 1}, "rehearsal": {"campaign": 2}})
    ended = inside.run("--config", str(config), "run", path, "--target", "live", "--settle", "0.2", "--json")
    assert ended.json["steps"][0]["import"]["target"]["ids"] == {"application": 1, "campaign": 1}
    unnamed = run(inside, path)
    assert (unnamed.code, "no ids for a target without a name" in unnamed.err) == (2, True)


def test_map_and_plan_send_nothing_and_never_replace_a_foreign_file(
    inside: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    write_codes(tmp_path)
    path, folder = recipe(tmp_path), tmp_path / "out"
    assert inside.run("map", path, "--into", str(folder), "--json").json["steps"][0]["mapping"]["records"] == 40
    first = (folder / "01-coupons.csv").read_bytes()
    assert inside.run("map", path, "--into", str(folder)).code == 0
    assert (folder / "01-coupons.csv").read_bytes() == first
    (folder / "01-coupons.csv").write_text("mine\n", encoding="utf-8")
    refused = inside.run("map", path, "--into", str(folder))
    assert (refused.code, (folder / "01-coupons.csv").read_text(encoding="utf-8")) == (2, "mine\n")
    assert inside.run("map", path, "--into", str(folder), "--overwrite").code == 0
    head = inside.run("map", path, "--head", "2")
    assert "codes.csv, line 5" in head.out
    assert max(map(len, head.out.splitlines())) <= 80
    rows = inside.run("map", path, "--head", "2", "--json").json["steps"][0]["rows"]
    assert [row["mapped"]["value"] for row in rows] == ["LEGACY-00001", "LEGACY-00002"]
    plan = run(inside, path, "--plan").json
    assert (plan["requests"], plan["steps"][0]["verify"]["requests"], plan["least_seconds"]) == (5, 1, 1.0)
    assert plan["bytes"] == plan["steps"][0]["bytes"] > 0
    assert sandbox.requests == []


def test_a_wrong_key_is_named_with_the_line_of_the_recipe(inside: Inside, tmp_path: Path) -> None:
    write_codes(tmp_path)
    path = tmp_path / "shop.yaml"
    path.write_text(
        "name: shop\nsteps:\n- contract: coupons\n  source: codes.csv\n  ids: {application: 1, campaign: 1}\n"
        "  columns:\n    value: Cod\n  unused: [Code, Uses, Active]\n",
        encoding="utf-8",
    )
    ended = run(inside, str(path))
    assert ended.code == 2
    assert f"{path}, line 7: step 1: columns.value: " in ended.json["error"]["message"]
