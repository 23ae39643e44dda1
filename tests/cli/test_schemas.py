"""`bulkops schema`, and what every command prints against the schemas.

`tests/cli/documents.py` makes the same comparison for each document that another test has printed.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from click.testing import CliRunner

from bulkops.cli.main import cli
from bulkops.cli.options.check_table import CheckTable
from bulkops.configuration import TABLES, end_hooks, read_config, target_profile
from bulkops.configuration_tables import ConfigurationFile
from bulkops.documents import parse_toml, parse_yaml
from bulkops.errors import UsageError
from bulkops.json_documents.jobs import EventDocument
from bulkops.json_documents.reports import SettingsDocument
from bulkops.ledger.events import INTO, PAYLOADS, RUNS, STATE, ProcessEnded
from bulkops.recipe import load_recipe
from bulkops.sandbox.serve import SandboxServer
from bulkops.schemas import SCHEMAS, schema_of
from bulkops.upload.options import RunOptions
from tests.cli.documents import (
    NO_COMMAND,
    check_document,
    commands_with_json,
    faults_of,
    schema_name,
    validator,
)
from tests.cli.running import Shell

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_data"
VERSION_3 = ROOT / "tests" / "unit" / "ledger" / "data" / "version-3.sql"


def printed(*words: str) -> Any:
    result = CliRunner().invoke(cli, list(words), standalone_mode=False, catch_exceptions=False)
    check_document(words, result.stdout)
    return json.loads(result.stdout)


def test_every_command_with_json_has_a_schema_and_every_schema_has_its_command() -> None:
    assert commands_with_json() == set(SCHEMAS) - NO_COMMAND


def test_the_command_lists_the_schemas_and_prints_each(shell: Shell) -> None:
    assert [each["name"] for each in printed("schema", "--json")] == list(SCHEMAS)
    assert "jobs-show" in CliRunner().invoke(cli, ["schema"]).stdout
    for name in SCHEMAS:
        assert printed("schema", name) == schema_of(name)
    unknown = shell.run("schema", "job-list", "--json")
    assert (unknown.code, unknown.json["error"]["hint"]) == (2, "Did you mean 'jobs-list'?")


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else []:
        yield from objects(part)


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_object_of_a_schema_has_keys_that_the_schema_lacks(name: str) -> None:
    found = list(objects(schema_of(name)))
    assert found
    assert all(each["additionalProperties"] is False for each in found)


def test_a_key_without_a_schema_fails_the_comparison() -> None:
    chunk = {"number": 1, "first_record": 1, "records": 1, "bytes": 9}
    plan = {
        "contract": "coupons", "records": 1, "bytes": 9, "sha256": "0" * 64, "requests": 1, "least_seconds": 0.3,
        "verify": {"requests": 0, "least_seconds": 0.0}, "chunks": [chunk],
    }  # fmt: skip
    words = ["plan", "coupons", "f.csv", "--json"]
    assert faults_of(words, plan) == []
    assert faults_of(words, {**plan, "more": 1})
    assert faults_of(words, {**plan, "chunks": [{**chunk, "more": 1}]})
    assert faults_of(words, {name: value for name, value in plan.items() if name != "bytes"})
    assert faults_of(["jobs", "forget", "--json"], {}) == ["There is no schema for jobs-forget."]


@pytest.fixture
def configured(shell: Shell, tmp_path: Path) -> Path:
    """Return a configuration with a valid and an invalid file in its check table."""
    shutil.copy(SAMPLES / "coupons.csv", tmp_path / "good.csv")
    shutil.copy(SAMPLES / "broken" / "coupons.csv", tmp_path / "bad.csv")
    path = tmp_path / "bulkops.toml"
    path.write_text(
        f'[targets.live]\nbase_url = "{shell.base_url}"\nkey = {{env = "BULKOPS_MANAGEMENT_KEY"}}\n'
        'application = 1\n[check]\ncoupons = ["good.csv", "bad.csv"]\nfail-on = "error"\n'
    )
    return path


OFFLINE = {"init", "validate", "check", "fix", "rules", "contracts", "plan", "split", "map", "recipes", "schema"}


def test_commands_without_a_target_print_what_their_schemas_describe(configured: Path, tmp_path: Path) -> None:
    good, bad = str(tmp_path / "good.csv"), str(tmp_path / "bad.csv")
    calls = [
        (0, ["validate", "coupons", good]),
        (1, ["validate", "coupons", bad, "--max-errors", "3"]),
        (2, ["validate", "coupons", good, str(tmp_path / "missing.csv")]),
        (1, ["--config", str(configured), "check"]),
        (0, ["fix", "coupons", bad, "-o", str(tmp_path / "fixed.csv")]),
        (0, ["rules"]),
        (0, ["contracts"]),
        (0, ["contracts", "coupons"]),
        (0, ["plan", "coupons", good, "--max-rows", "100"]),
        (0, ["split", "coupons", good, "--into", str(tmp_path / "chunks"), "--max-rows", "100"]),
        (0, ["init", good]),
        (0, ["map", "shopify-discounts", "--into", str(tmp_path / "mapped")]),
        (0, ["map", "shopify-discounts", "--head", "2"]),
        (0, ["recipes"]),
        (0, ["recipes", "demo"]),
        (0, ["schema"]),
    ]
    for code, words in calls:
        result = CliRunner().invoke(cli, [*words, "--json"], standalone_mode=False, catch_exceptions=False)
        assert (result.return_value or 0) == code, result.output
        assert faults_of(words, json.loads(result.stdout)) == []
    assert {schema_name(words) for _, words in calls} == OFFLINE


def test_commands_with_a_ledger_or_a_target_print_what_their_schemas_describe(
    shell: Shell, sandbox: SandboxServer, configured: Path, tmp_path: Path
) -> None:
    seen: set[str | None] = set()

    def run(code: int, *words: str) -> Any:
        ended = shell.run(*words, "--json")
        assert (ended.code, bool(ended.out)) == (code, True), (words, ended.err)
        if set(ended.json) != {"error"}:
            seen.add(schema_name(words))
        return ended.json

    new, old, numbers = (tmp_path / name for name in ("new.csv", "old.csv", "numbers.csv"))
    old.write_text("item\nred\ngreen\n")
    new.write_text("item\nred\nblue\n")
    numbers.write_text("code\n" + "".join(f"GIVE-{number}\n" for number in range(20)))
    collection = ("--collection", "1", "--max-removals", "100%")
    codes = ("--application", "1", "--campaign", "1")
    good, bad = str(tmp_path / "good.csv"), str(tmp_path / "bad.csv")
    assert run(2, "jobs", "show")["error"]["exit"] == 2
    assert run(0, "import", "coupons", good, *codes, "--dry-run")["dry_run"]
    assert run(1, "import", "coupons", bad, *codes)["validation"]["errors"]
    assert run(0, "import", "coupons", good, *codes, "--reconcile", "--settle", "0")["reconciliation"]["matched"]
    assert run(5, "import", "coupons", good, *codes)["error"]["exit"] == 5
    assert run(0, "reconcile", "coupons", good, *codes, "--settle", "0")["matched"]
    account = str(tmp_path / "account.json")
    assert run(0, "snapshot", "-o", account)["counts"]["campaigns"]
    assert run(0, "validate", "coupons", good, "--account", account)["account"]["path"] == account
    assert run(0, "doctor", *codes)["operations"]
    assert run(2, "import", "coupons", good, "--application", "1", "--campaign", "999")["preflight"]["errors"]
    run(0, "export", "coupons", "--application", "1", "-o", str(tmp_path / "export.csv"))
    run(0, "import", "collections", str(old), *collection)
    replaced = run(0, "import", "collections", str(new), *collection)["job"]
    run(0, "jobs", "undo", replaced, "--yes", "--max-removals", "100%")
    sandbox.set_faults("imports@1=refuse:partial:4")
    doubtful = run(4, "import", "giveaways", str(numbers), "--pool", "1", "--max-rows", "10", "--settle", "0.3")
    job = doubtful["job"]
    assert doubtful["records"]["in_doubt"] == 10
    assert run(0, "jobs", "show", job, "--history")["history"]
    assert len(run(0, "jobs", "list")["jobs"]) == 5
    run(0, "jobs", "resolve", job, "1", "--as", "resend", "--reason", "they were removed")
    sandbox.set_faults("imports=403")
    assert run(2, "jobs", "resume", job)["error"]["exit"] == 2
    assert run(2, "jobs", "resume", "--all")["jobs"]
    assert run(0, "jobs", "cancel", job)["state"] == "cancelled"
    reported = run(0, "report", job, replaced, "--mask")
    assert reported["sign"]["verdict"] == "do_not_sign"
    assert reported["jobs"]
    sandbox.set_faults(None)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: a\nsteps: [{contract: coupons, file: bad.csv, ids: {application: 1, campaign: 1}}]")
    assert run(1, "run", str(recipe))["state"] == "stopped"
    run(0, "ledger", "check")
    run(0, "ledger", "backup", str(tmp_path / "backup.zip"))
    run(0, "ledger", "prune", "--older-than", "0d", "--yes")
    (tmp_path / "in").mkdir()
    table = '[inbox.partner]\nfolder = "in"\ntarget = "live"\n[[inbox.partner.files]]\nmatch = "*"\n'
    configured.write_text(f'{configured.read_text()}{table}contract = "coupons"\nids = {{campaign = 1}}\n')
    assert run(0, "--config", str(configured), "inbox")["state"] == "done"
    assert run(0, "--config", str(configured), "inbox", "status")["files"] == []
    places = tmp_path / "places.toml"
    places.write_text("[[ids]]\nfrom = {application = 1, campaign = 1}\nto = {application = 1, campaign = 1}\n")
    copied = ("copy", "coupons", "--from", "live", "--to", "sandbox", "--table", str(places), "--yes", "--settle", "0")
    assert run(0, "--config", str(configured), *copied)["state"] == "done"
    assert seen | OFFLINE | {"sandbox"} == commands_with_json()  # tests/cli/test_start.py serves the sandbox


def test_jobs_of_an_older_ledger_are_printed_as_the_schemas_say(tmp_path: Path, shell: Shell) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_3.read_text(encoding="utf-8"))
    connection.close()
    ledger = ("--ledger", str(path))
    jobs = [each["job"] for each in shell.run("jobs", "list", *ledger, "--json").json["jobs"]]
    assert jobs
    for job in jobs:
        assert shell.run("jobs", "show", job, "--history", *ledger, "--json").json["history"]
    assert shell.run("report", *jobs, *ledger, "--no-check", "--json").json["jobs"]


def test_events_and_settings_have_no_field_that_the_schemas_lack() -> None:
    stored = {each.name for payload in (*PAYLOADS.values(), ProcessEnded) for each in fields(payload)}
    assert {*stored, STATE, INTO, RUNS, "at", "kind"} == set(get_type_hints(EventDocument))
    assert set(RunOptions().as_settings()) <= set(get_type_hints(SettingsDocument))


RECIPES = [
    ("name: a\nsteps: [{contract: coupons, file: f.csv}]", True),
    ("name: a\nvariables: {n: 5, flag: true, app: }\nsteps:\n- {contract: coupons, file: f.csv, max_rows: 5}", True),
    ("name: a\nsteps:\n- {contract: coupons, file: f.csv, accept: 'COD203, XLS'}", True),
    ("name: a\nsteps:\n- {contract: coupons, file: f.csv, accept: [COD203], max_errors: 5}", True),
    ("name: a\nsteps:\n- {contract: coupons, file: f.csv, max_removals: 5%, options: {n: true}}", True),
    ("name: a\nsteps: [{contract: coupons, source: a.csv, columns: {value: code}, expect: {rows: 5}}]", True),
    ("name: a\nsteps: [{contract: coupons, source: {file: a.csv, sheet: S}, columns: {value: 5}}]", True),
    ("name: a\nsteps: [{contract: coupons, file: f.csv, ids: {live: {application: 1}, campaign: 2}}]", True),
    ("name: a\nsteps: [{contract: coupons, file: f.csv, ids: {live: {aplication: 1}}}]", False),
    ("name: a\nsteps: [{contract: coupons, source: a.csv, columns: {value: code}, file: f.csv}]", False),
    ("name: a\nsteps: [{contract: coupons, source: {fil: a.csv}, columns: {value: code}}]", False),
    ("name: a\nsteps: []", False),
    ("name: a\nsteps: [{contract: cupons, file: f.csv}]", False),
    ("name: a\nsteps: [{contract: coupons, file: f.csv, ids: {aplication: 1}}]", False),
    ("name: a\nsteps: [{contract: coupons, file: f.csv, ids: {application: 0}}]", False),
    ("name: a\nsteps: [{contract: coupons, file: f.csv, agin: true}]", False),
    ("name: a\nsteps: [{contract: coupons, file: f.csv, expect: well}]", False),
    ("name: a\nsteps: [{contract: coupons}]", False),
    ("steps: [{contract: coupons, file: f.csv}]", False),
    ("name: a\nvariables: {n: [1]}\nsteps: [{contract: coupons, file: f.csv}]", False),
]


@pytest.mark.parametrize(("text", "right"), RECIPES)
def test_the_schema_of_recipes_accepts_what_bulkops_accepts(text: str, right: bool, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    assert validator("recipe").is_valid(parse_yaml(text)) is right
    if right:
        load_recipe(path, {})
        return
    with pytest.raises(UsageError):
        load_recipe(path, {})


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_of_recipes_accepts_the_shipped_ones_with_their_variables(path: Path) -> None:
    assert validator("recipe").is_valid(parse_yaml(path.read_text(encoding="utf-8")))


def test_a_number_or_a_switch_of_a_recipe_may_be_a_variable() -> None:
    step = {"contract": "coupons", "file": "f.csv", "max_rows": "${rows}", "again": "${again}", "ids": {"pool": "${p}"}}
    assert validator("recipe").is_valid({"name": "a", "steps": [step]})
    assert not validator("recipe").is_valid({"name": "a", "steps": [{**step, "max_rows": "many"}]})


CONFIGURATIONS = [
    ('[targets.live]\nbase_url = "https://a.b"\nkey = {env = "A"}\napplication = 42\n[check]\ncoupons = "*.csv"', True),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\ncoupons = ["a", "b"]\nignore = "XLS"\nmax-age = "7d"', True),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\nstores = []\ncase = "sensitive"\nfail-on = "never"', True),
    ('[targets.live]\nkey = {env = "A"}', False),
    ("[targets.live]\nbase_url = 3", False),
    ('[targets.live]\nbase_url = "https://a.b"\nkey = "k"', False),
    ('[targets.live]\nbase_url = "https://a.b"\nkey = {}', False),
    ('[targets.live]\nbase_url = "https://a.b"\nkey = {env = "A", command = "b"}', False),
    ('[targets.live]\nbase_url = "https://a.b"\nkey = {env = " "}', False),
    ('[targets.live]\nbase_url = "https://a.b"\napplication = 0', False),
    ('[targets.live]\nbase_url = "https://a.b"\napplication = "1"', False),
    ('[targets.live]\nbase_url = "https://a.b"\napplication = true', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[targets.sandbox]\nbase_url = "https://a.b"', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\ncoupons = "*.csv"\nbaseline = "a"\naccount = "b"', True),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\ncoupons = "*.csv"\naccount = 3', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\ncoupons = "*.csv"\nmax_age = "7d"', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\ncupons = "*.csv"', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\ncoupons = 3', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\ncoupons = "*.csv"\nfail_on = "never"', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\ncoupons = "*.csv"\ncase = "upper"', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[chek]\ncoupons = "*.csv"', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\nstores = []\n[on_end]\ncommand = "true"', True),
    ('[targets.live]\nbase_url = "https://a.b"\n[check]\nstores = []\n[on_end]\nurl-env = "HOME"', True),
    ('[targets.live]\nbase_url = "https://a.b"\n[on_end]\nwhen = "always"', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[on_end]\ncommand = " "', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[on_end]\ncommand = "true"\nwhen = "never"', False),
    ('[targets.live]\nbase_url = "https://a.b"\n[on_end]\nurl = "https://a.b/c"\nurl-env = "HOOK"', False),
]


@pytest.mark.parametrize(("text", "right"), CONFIGURATIONS)
def test_the_schema_of_the_configuration_accepts_what_bulkops_accepts(text: str, right: bool, tmp_path: Path) -> None:
    path = tmp_path / "bulkops.toml"
    path.write_text(text)
    assert validator("config").is_valid(parse_toml(text)) is right

    def read() -> None:
        config = read_config(path)
        target_profile(config, "live")
        CheckTable.of(config)
        end_hooks(config, os.environ)

    if right:
        read()
        return
    with pytest.raises(UsageError):
        read()


def test_the_schema_of_the_configuration_has_every_table() -> None:
    assert set(TABLES) == set(ConfigurationFile.model_fields)
