"""The built and installed package works without the checkout."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from bulkops.catalog import shipped_recipes
from bulkops.recipe import load_recipe

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from the sdist, as a release does."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", out, ".", cwd=ROOT)
    assert list(out.glob("*.tar.gz"))
    return next(out.glob("*.whl"))


@pytest.mark.soak
def test_the_wheel_in_an_empty_environment_shows_help(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=tmp_path)
    assert "validate" in run(tmp_path / "env" / "bin" / "bulkops", "--help", cwd=tmp_path)
    assert "demo" in run(tmp_path / "env" / "bin" / "bulkops", "recipes", cwd=tmp_path)
    run(python, "-c", "from bulkops_validators import Coupons; Coupons.to_schema()", cwd=tmp_path)


@pytest.mark.soak
def test_the_demo_runs_from_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{wheel}[sandbox]", cwd=tmp_path)
    bulkops = tmp_path / "env" / "bin" / "bulkops"
    done = json.loads(run("env", f"BULKOPS_STATE={tmp_path / 'state'}", bulkops, "run", "demo", "--json", cwd=tmp_path))
    assert done["state"] == "done"


def test_the_wheel_contains_every_file_of_the_shipped_recipes(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in shipped_recipes().values():
        recipe = load_recipe(path, {})
        world = recipe.sandbox.world if recipe.sandbox else None
        joined = [join.source.file for step in recipe.steps for join in step.joins.values()]
        own = [step.source.file if step.source else step.file for step in recipe.steps]
        for file in filter(None, [*own, *joined, world]):
            inside = Path(os.path.relpath(file.resolve(), ROOT))
            assert f"bulkops/{inside.as_posix()}" in names


def test_the_wheel_contains_only_the_two_typed_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"bulkops/py.typed", "bulkops_validators/py.typed", "bulkops/recipes/demo.yaml"} <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"bulkops", "bulkops_validators"}


def test_the_wheel_writes_reports_from_its_own_templates(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    script = """
import datetime, pathlib, bulkops
from bulkops.reporting.page import page_of
from bulkops.reporting.render import html, markdown
assert pathlib.Path(bulkops.__file__).parent.parent == pathlib.Path.cwd()
page = page_of([], title="From a wheel", made=datetime.datetime.now())
print(html(page), markdown(page))
"""
    written = run(sys.executable, "-c", script, cwd=tmp_path)
    assert "<h1>From a wheel</h1>" in written
    assert "--ink:" in written  # the style
    assert "# From a wheel\n" in written


def test_no_top_level_validators_package_comes_from_us() -> None:
    assert not (ROOT / "validators" / "__init__.py").exists()
    ours = {name for name, distributions in packages_distributions().items() if "bulkops" in distributions}
    assert "validators" not in ours
