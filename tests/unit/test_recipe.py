"""A recipe is read whole, its variables filled, and anything odd in it is named."""

from pathlib import Path

import pytest

from bulkops.catalog import find_recipe, shipped_recipes
from bulkops.errors import InputUnreadable, UsageError
from bulkops.recipe import load_recipe
from bulkops_validators import CONTRACTS

ONE = """
name: one
variables: {folder: data}
steps:
  - {contract: giveaways, file: "${folder}/codes.csv", ids: {pool: 1}}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_demo_covers_every_contract() -> None:
    recipe = load_recipe(shipped_recipes()["demo"], {})
    assert {step.contract for step in recipe.steps} == set(CONTRACTS)
    assert any(step.expect == "refused" for step in recipe.steps)
    assert all(step.file.is_file() for step in recipe.steps)


def test_files_are_found_from_the_recipe_not_from_where_it_is_run(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, ONE), {})
    assert recipe.steps[0].file == tmp_path / "data" / "codes.csv"


def test_a_variable_can_be_set(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, ONE), {"folder": "other"})
    assert recipe.steps[0].file == tmp_path / "other" / "codes.csv"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("giveaways", "giveaway", "there is no contract 'giveaway'"),
        ("pool", "pol", "there is no id 'pol'"),
        ("pool: 1", "pool: 0", r"steps\.0\.ids\.pool"),
        ("name: one", "nmae: one", "nmae|name"),
        ("{folder: data}", "{}", "folder"),
        ("steps:", "steps: [", "not valid YAML"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe(write(tmp_path, ONE.replace(old, new)), {})


def test_an_unknown_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no variable 'foldr'"):
        load_recipe(write(tmp_path, ONE), {"foldr": "x"})


def test_a_recipe_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="Shipped: demo"):
        find_recipe("dmo")
    with pytest.raises(InputUnreadable):
        load_recipe(Path("/no/such/recipe.yaml"), {})
