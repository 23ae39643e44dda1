"""An import that the API might gain is added with the files that CONTRIBUTING names, and works from end to end.

`files` contains these files for an invented import, value maps: in a copy of the sources, a new file is added, a module
that exists is replaced, and YAML is added at the end.
"""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Ended, Shell

ROOT = Path(__file__).parents[2]
FILES = Path(__file__).parent / "files"
IDS = ("--application", "1", "--campaign", "1", "--value-map", "1")
SANDBOX = ("--target", "sandbox")
OPTIONS_OF_COMMANDS = """
import json, click
from bulkops.cli.main import cli

def commands(command, context, path):
    yield path, [name for p in command.params for name in p.opts]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            yield from commands(child, click.Context(child, info_name=name, parent=context), f"{path} {name}")

print(json.dumps(dict(commands(cli, click.Context(cli, info_name="bulkops"), "bulkops"))))
"""


def added_files() -> list[str]:
    return sorted(path.relative_to(FILES).as_posix() for path in FILES.rglob("*") if path.suffix in (".py", ".yaml"))


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


class Copy(Shell):
    """A copy of the sources with the invented import, and a command line that runs from it."""

    sources: Path

    @property
    def environment(self) -> dict[str, str]:
        paths = f"{self.sources}:{self.sources / 'validators'}"
        # Without PYTHONSAFEPATH, `python -m` would import from the current folder first: the sources themselves.
        return super().environment | {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}

    def python(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.sources,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def json(self, *words: str, code: int = 0) -> Any:
        ended: Ended = self.run(*words, "--json")
        assert ended.code == code, ended.err + ended.out
        return ended.json


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    folder = tmp_path_factory.mktemp("new-import")
    sources = folder / "sources"
    for name in ("bulkops", "validators", "sample_data", "recipes"):
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    (sources / "tests/description").mkdir(parents=True)
    shutil.copy(ROOT / "tests/description/facts.yaml", sources / "tests/description")
    for name in added_files():
        text = (FILES / name).read_text(encoding="utf-8")
        if name.endswith(".yaml"):
            text = (sources / name).read_text(encoding="utf-8") + text
        (sources / name).write_text(text, encoding="utf-8")
    made = Copy(folder / "state")
    object.__setattr__(made, "sources", sources)
    made.python("-m", "compileall", "-q", "bulkops", "validators")  # or each process below would compile them
    made.python("-m", "sample_data.make_samples")
    return made


@pytest.fixture(scope="module")
def sample(copy: Copy) -> str:
    return str(copy.sources / "sample_data/value-maps.csv")


def test_a_new_import_takes_the_files_that_contributing_names() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Add an import\n")[1].split("\n## ")[0]
    named = re.findall(r"^\d\. `([^`]+)`", section, re.MULTILINE)
    assert sorted(name.replace("NAME", "value_maps") for name in named) == added_files()
    assert len(named) <= 5


def test_the_sources_without_the_files_do_not_know_the_new_import() -> None:
    from bulkops_validators import CONTRACTS, ID_NAMES

    assert "value-maps" not in CONTRACTS
    assert "value-map" not in ID_NAMES


def test_every_command_that_takes_ids_takes_the_new_id(copy: Copy) -> None:
    options = json.loads(copy.python("-c", OPTIONS_OF_COMMANDS))
    takes_ids = {command for command, names in options.items() if "--pool" in names and "--application" in names}
    assert {"bulkops import", "bulkops validate", "bulkops reconcile", "bulkops jobs resume"} <= takes_ids
    assert "bulkops export value-maps" in takes_ids
    for command in takes_ids:
        assert options[command].count("--value-map") == 1, command


def test_validate_checks_files_of_the_new_import(copy: Copy, sample: str) -> None:
    assert copy.json("validate", "value-maps", sample)["errors"] == 0
    broken = copy.sources / "sample_data/broken/value-maps.csv"
    places = json.loads((broken.parent / "expected.json").read_text())["value-maps"]
    found = copy.json("validate", "value-maps", str(broken), code=1)["files"][0]["findings"]
    assert {place["line"] for place in places} == {finding["line"] for finding in found}


def test_plan_of_the_new_import_is_one_request(copy: Copy, sample: str) -> None:
    plan = copy.json("plan", "value-maps", sample)
    assert (plan["records"], plan["requests"]) == (240, 1)


def test_new_import_is_sent_reconciled_and_exported(copy: Copy, sample: str, tmp_path: Path) -> None:
    done = copy.json("import", "value-maps", sample, *IDS, *SANDBOX, "--max-removals", "100%", "--reconcile")
    assert (done["state"], done["mode"], done["records"]["accepted"]) == ("done", "replace", 240)
    assert done["target"]["ids"] == {"application": 1, "campaign": 1, "value-map": 1}
    assert done["reconciliation"]["verdict"] == "proved"
    assert copy.json("reconcile", "value-maps", sample, *IDS, *SANDBOX)["verdict"] == "proved"
    assert copy.run("export", "value-maps", "-o", str(tmp_path / "out.csv"), *IDS, *SANDBOX).code == 0
    assert rows_of(tmp_path / "out.csv") == rows_of(Path(sample))
    (tmp_path / "other.csv").write_text("identifier,value\nsku-0001,11\n")
    differing = str(tmp_path / "other.csv")
    other = copy.json("reconcile", "value-maps", differing, *IDS, *SANDBOX, "--settle", "0", code=1)
    assert (other["verdict"], other["different"], other["unexpected"]) == ("mismatch", 1, 239)


def test_new_import_that_would_remove_items_is_refused(copy: Copy, sample: str, tmp_path: Path) -> None:
    copy.run("import", "value-maps", sample, *IDS, *SANDBOX, "--max-removals", "100%")
    (tmp_path / "few.csv").write_text("identifier,value\nsku-0001,10.11\n")
    ended = copy.run("import", "value-maps", str(tmp_path / "few.csv"), *IDS, *SANDBOX)
    assert (ended.code, "--max-removals" in ended.err) == (5, True)


def test_new_id_that_is_missing_is_named(copy: Copy, sample: str) -> None:
    ended = copy.run("import", "value-maps", sample, *IDS[:4], *SANDBOX)
    assert (ended.code, "--value-map" in ended.err) == (2, True)


def test_new_id_comes_from_the_environment_the_configuration_and_the_python_api(
    copy: Copy, sample: str, tmp_path: Path
) -> None:
    config = tmp_path / "bulkops.toml"
    config.write_text('[targets.live]\nbase_url = "https://a.test"\nvalue-map = 7\n')
    script = (
        "import sys, pathlib, bulkops; from bulkops.configuration import read_config, target_profile;"
        "print(dict(target_profile(read_config(pathlib.Path(sys.argv[1])), 'live').ids),"
        "dict(bulkops.target('https://a.test', key='k', value_map=7).ids))"
    )
    assert copy.python("-c", script, str(config)) == "{'value-map': 7} {'value-map': 7}\n"
    environment = copy.environment | {"BULKOPS_VALUE_MAP": "99"}
    words = ("export", "value-maps", "-o", str(tmp_path / "o.csv"), *IDS[:4], *SANDBOX)
    ended = copy.ended(copy.start(*words, environment=environment))
    assert "The value map 99 does not exist" in ended.err


def test_a_recipe_runs_the_new_import(copy: Copy, sample: str, tmp_path: Path) -> None:
    recipe = tmp_path / "maps.yaml"
    step = (FILES / "recipes/demo.yaml").read_text().replace("${samples}/value-maps.csv", sample)
    recipe.write_text(f"name: maps\nsandbox: {{}}\nsteps:\n{step}    max_removals: 100%\n")
    assert copy.json("run", str(recipe))["state"] == "done"
