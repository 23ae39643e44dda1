"""A recipe is read whole, its variables filled, and anything odd in it is named."""

from decimal import Decimal
from pathlib import Path

import pytest

from bulkops.catalog import find_recipe, shipped_recipes
from bulkops.errors import InputUnreadable, UsageError
from bulkops.recipe import at_target, load_recipe
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
        ("giveaways", "giveaway", "unknown contract 'giveaway'"),
        ("pool", "pol", "unknown id 'pol'"),
        ("pool: 1", "pool: 0", r"recipe\.yaml, line 5: step 1: ids\.pool must be at least 1\.$"),
        ("pool: 1", "pool: one", r"step 1: ids\.pool must be a whole number\.$"),
        ("contract: giveaways, ", "", r"step 1: contract is missing\.$"),
        ("name: one", "name: one\nvariabels: {}", r"unknown key 'variabels'. Did you mean 'variables'\?$"),
        ("ids: {pool: 1}", "reconcil: true", r"step 1: unknown key 'reconcil'. Did you mean 'reconcile'\?"),
        ("ids: {pool: 1}", "reconcile: perhaps", r"step 1: reconcile must be true or false\.$"),
        ("ids: {pool: 1}", "expect: dne", r"step 1: expect must be 'done' or 'refused'\.$"),
        ("name: one", "name: one\nsandbox: {word: w.json}", r"unknown key 'sandbox\.word'|unknown key 'word'"),
        ("{folder: data}", "{}", "folder"),
        ("steps:", "steps: [", "not valid YAML"),
    ],
)
def test_an_error_in_a_recipe_is_reported_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe(write(tmp_path, ONE.replace(old, new)), {})


def test_no_message_leaks_the_words_of_a_library(tmp_path: Path) -> None:
    for old, new in (("giveaways", "giveaway"), ("pool: 1", "pool: []"), ("name: one", "name: []"), ("steps", "stpes")):
        with pytest.raises(UsageError) as caught:
            load_recipe(write(tmp_path, ONE.replace(old, new)), {})
        assert "pydantic" not in str(caught.value)
        assert "alue error" not in str(caught.value)


def test_a_variable_may_be_a_number_and_one_without_a_value_must_be_set(tmp_path: Path) -> None:
    text = ONE.replace("{folder: data}", "{folder: data, pool: 7, day: }").replace("pool: 1", 'pool: "${pool}"')
    assert load_recipe(write(tmp_path, text), {}).steps[0].ids == {"pool": 7}
    with pytest.raises(UsageError, match=r"\$\{day\} has no value"):
        load_recipe(write(tmp_path, text.replace("codes.csv", "${day}.csv")), {})


def test_a_value_is_a_path_only_where_a_path_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    (here / "data").mkdir(parents=True)
    (here / "7").write_text("")
    monkeypatch.chdir(here)
    text = ONE.replace("{folder: data}", "{folder: data, pool: 5}")
    text = text.replace("ids: {pool: 1}", 'ids: {pool: "${pool}"}')
    step = load_recipe(write(tmp_path, text), {"pool": "7", "folder": "data"}).steps[0]
    assert step.ids == {"pool": 7}
    assert step.file == here / "data" / "codes.csv"
    assert load_recipe(write(tmp_path, text), {"folder": ""}).steps[0].file == Path("/codes.csv")
    assert load_recipe(write(tmp_path, text), {}).steps[0].file == tmp_path / "data" / "codes.csv"


def test_the_guards_of_a_step_are_read(tmp_path: Path) -> None:
    keys = "again: true, allow_empty: true, max_removals: 5%, max_errors: 3"
    step = load_recipe(write(tmp_path, ONE.replace("ids: {pool: 1}", keys)), {}).steps[0]
    assert (step.again, step.allow_empty, step.max_removals, step.max_errors) == (True, True, "5%", "3")


def test_an_unknown_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no variable 'foldr'"):
        load_recipe(write(tmp_path, ONE), {"foldr": "x"})


def test_a_missing_recipe_is_an_error_with_suggestions() -> None:
    with pytest.raises(UsageError, match="Did you mean 'demo'"):
        find_recipe("dmo")
    with pytest.raises(UsageError, match=r"Shipped recipes: .*demo"):
        find_recipe("quarterly")
    with pytest.raises(InputUnreadable):
        load_recipe(Path("/no/such/recipe.yaml"), {})


MAPPED = """
name: mapped
steps:
  - contract: coupons
    source: {file: legacy.csv, separator: ";"}
    columns:
      value: upper(code)
      limitval: 1
    constants: {expirydate: "2030-01-01T00:00:00Z"}
    where: active = 'yes'
    unused: [Note]
    lookups: {kinds: {values: {a: A}}}
    joins: {owners: {source: owners.jsonl, match: owners.id = source.owner}}
    ids: {application: 1, live: {campaign: 5}, rehearsal: {campaign: 6}}
    expect: {rows: 3, sum(limitval): 10.10, count(*) by value: {A: 1}}
"""


def test_a_mapped_step_keeps_numbers_as_text_and_finds_its_files_beside_the_recipe(tmp_path: Path) -> None:
    (step,) = load_recipe(write(tmp_path, MAPPED), {}).steps
    assert step.source is not None
    assert (step.source.file, step.source.kind) == (tmp_path / "legacy.csv", "csv")
    assert step.joins["owners"].source.file == tmp_path / "owners.jsonl"
    assert (step.columns["limitval"], step.unused, step.expect) == ("1", ("Note",), "done")
    assert step.controls is not None
    assert step.controls.totals == {"sum(limitval)": Decimal("10.1"), "count(*) by value": {"A": Decimal(1)}}


def test_ids_are_those_of_the_chosen_target(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, MAPPED), {})
    assert at_target(recipe, "live").steps[0].ids == {"application": 1, "campaign": 5}
    assert at_target(recipe, "rehearsal").steps[0].ids == {"application": 1, "campaign": 6}
    with pytest.raises(UsageError, match="no ids for the target 'other'"):
        at_target(recipe, "other")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("limitval: 1", "limitvall: 1", 8, "columns: coupons has no column 'limitvall'. Did you mean 'limitval'?"),
        ("value: upper(code)", "startdate: a", 6, "the required column value has no expression"),
        ("expirydate: ", "limitval: ", 9, "the column limitval is mapped twice"),
        ('separator: ";"', 'seperator: ";"', 5, "unknown key 'seperator'. Did you mean 'separator'?"),
        ("legacy.csv", "legacy.dat", 5, "the format is unknown"),
        ("unused: [Note]", "unused: {Note: 1}", 11, "unused"),
        ("values: {a: A}", "valeus: {a: A}", 12, "unknown key 'valeus'. Did you mean 'values'?"),
        ("owners: {source", "Owners: {source", 13, "the name 'Owners' is invalid"),
        ("live: {campaign: 5}", "live: {campain: 5}", 14, "unknown id 'campain'. Did you mean 'campaign'?"),
        ("sum(limitval): 10.10", "sum(limitval): many", 15, "must be a number"),
        ("contract: coupons", "file: a.csv\n    contract: coupons", 4, "file and source exclude each other"),
        ('source: {file: legacy.csv, separator: ";"}', "file: a.csv", 4, "needs a source"),
        (
            'source: {file: legacy.csv, separator: ";"}',
            "source: ftp://drops/a.csv",
            5,
            "ftp:// is not a scheme",
        ),
    ],
)
def test_an_error_in_a_mapping_names_file_line_and_key(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    assert old in MAPPED
    with pytest.raises(UsageError) as caught:
        load_recipe(write(tmp_path, MAPPED.replace(old, new, 1)), {})
    assert message in caught.value.message
    assert f"recipe.yaml, line {line}: step 1: " in caught.value.message


def test_a_database_in_a_file_is_found_beside_the_recipe(tmp_path: Path) -> None:
    text = MAPPED.replace('{file: legacy.csv, separator: ";"}', '{database: "duckdb:///old.duckdb", table: codes}')
    (step,) = load_recipe(write(tmp_path, text), {}).steps
    assert step.source is not None
    assert step.source.database == f"duckdb:///{tmp_path}/old.duckdb"
