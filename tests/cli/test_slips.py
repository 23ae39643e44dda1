"""Slips of a new user: helped on, or refused; never accepted in silence."""

from pathlib import Path

import pytest

from tests.cli.running import Inside, Shell

SAMPLES = Path(__file__).parents[2] / "sample_data"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("import", "points", "f.csv"), "Did you mean 'loyalty-points'?"),
        (("validate", "budgets", "f.csv"), "Did you mean 'store-budgets'?"),
        (("validate", "Loyalty_Cards", "f.csv"), "Did you mean 'loyalty-cards'?"),
        (("export", "tiers", "-o", "-"), "Did you mean 'loyalty-tiers'?"),
        (("coupons", "f.csv"), "bulkops import coupons FILE"),
        (("plan", "-q", "coupons", "f.csv"), "bulkops -q plan …"),
        (("jobs", "list", "--debug"), "bulkops --debug jobs list …"),
        (("jobs", "list", "--verbose"), "bulkops --verbose jobs list …"),
        (("jobs", "undo"), "`bulkops jobs list` lists all jobs."),
        (("jobs", "show", "--config", "x.toml"), "bulkops --config jobs show …"),
    ],
    ids=" ".join,
)
def test_a_mistyped_command_is_an_error_with_the_correct_words(words: tuple[str, ...], hint: str, shell: Shell) -> None:
    ended = shell.run(*words)
    assert ended.code == 2
    assert hint in ended.err


def test_help_as_a_command_prints_the_help_of_every_command(shell: Shell) -> None:
    assert shell.run("help").out == shell.run("--help").out
    assert shell.run("help", "jobs", "resume").out == shell.run("jobs", "resume", "--help").out
    assert shell.run("help", "nothing").code == 2


@pytest.mark.parametrize("words", [(), ("jobs",), ("export",)], ids=["bulkops", "jobs", "export"])
def test_a_group_without_a_command_prints_its_help_on_several_lines(words: tuple[str, ...], shell: Shell) -> None:
    ended = shell.run(*words)
    assert ended.code == 2
    assert "\\n" not in ended.err
    assert "\nCommands:\n" in ended.err


@pytest.mark.parametrize(
    "bounds",
    [
        ("coupons", "--application", "1", "--created-after", "2026-05-01", "--created-before", "2026-04-30"),
        ("coupons", "--application", "1", "--deleted-after", "2026-05-01", "--deleted-before", "2026-04-30"),
        ("card-ledger", "--program", "1", "--card", "c", "--range-start", "2026-05-01", "--range-end", "2026-04-30"),
        ("customer-sessions", "--application", "1", "--updated-after", "2026-05-01", "--updated-before", "2026-04-30"),
    ],
    ids=lambda bounds: f"{bounds[0]} {bounds[-2]}",
)
def test_reversed_bounds_are_refused(bounds: tuple[str, ...], shell: Shell) -> None:
    ended = shell.run("export", *bounds, "-o", "-")
    assert ended.code == 2
    assert f"is later than {bounds[-2]} 2026-04-30T00:00:00Z: the period ends before it begins" in ended.err


@pytest.mark.parametrize(
    ("words", "suffix"),
    [
        (("export", "audiences", "--audience", "1", "-o"), ".xlsx"),
        (("export", "audiences", "--audience", "1", "-o"), ".JSON"),
        (("export", "audiences", "--audience", "1", "--format", "parquet", "-o"), ".csv"),
        (("fix", "coupons", str(SAMPLES / "coupons.csv"), "-o"), ".xlsx"),
        (("reconcile", "audiences", str(SAMPLES / "audiences.csv"), "--audience", "1", "--repair"), ".ods"),
        (("report", "-o"), ".docx"),
        (("report", "-o"), ".csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_file_is_not_written_under_the_name_of_another_form(
    words: tuple[str, ...], suffix: str, shell: Shell, tmp_path: Path
) -> None:
    path = tmp_path / f"out{suffix}"
    ended = shell.run(*words, str(path))
    assert ended.code == 2
    assert f"{path} has the suffix of" in ended.err
    assert not path.exists()


@pytest.mark.parametrize(("option", "value"), [("--max-removals", "200%"), ("--max-errors", "100.1%")])
def test_a_limit_of_more_than_all_records_is_refused(option: str, value: str, shell: Shell) -> None:
    ended = shell.run("import", "audiences", str(SAMPLES / "audiences.csv"), "--audience", "1", option, value)
    assert ended.code == 2
    assert f"{option} '{value}' is more than 100%" in ended.err


def test_ids_of_a_recipe_that_differ_from_those_of_the_target_are_named(shell: Shell, tmp_path: Path) -> None:
    recipe = tmp_path / "two.yaml"
    step = f"contract: giveaways, file: {SAMPLES}/giveaways.csv, ids: {{pool: 1}}"
    recipe.write_text(f"name: two\nsteps:\n  - {{{step}}}\n  - {{{step}, again: true}}\n")
    ended = shell.run("run", str(recipe), "--pool", "5", "--dry-run")
    assert "two: steps 1, 2 send to pool 1 as the recipe says, not to pool 5" in ended.err
    assert "not to pool" not in shell.run("run", str(recipe), "--pool", "1", "--dry-run").err


def test_an_id_of_the_environment_that_differs_from_that_of_the_target_is_named(shell: Shell, tmp_path: Path) -> None:
    config = tmp_path / "bulkops.toml"
    config.write_text(f'[targets.live]\nbase_url = "{shell.base_url}"\npool = 1\n')
    words = ("--config", str(config), "export", "giveaways", "--target", "live", "-o", "-")
    other = shell.ended(shell.start(*words, environment={**shell.environment, "BULKOPS_POOL": "5"}))
    assert "pool 5 from the environment overrides pool 1 of target 'live'" in other.err
    meant = shell.run(*words, "--pool", "5")
    assert "overrides" not in meant.err


@pytest.fixture
def inside(tmp_path: Path) -> Inside:
    """Return a command line in this process; its target cannot be reached."""
    return Inside(tmp_path / "state", "http://127.0.0.1:1")


def test_a_file_of_another_import_is_answered_with_the_contract_and_not_with_repairs(inside: Inside) -> None:
    ended = inside.run("import", "coupons", str(SAMPLES / "stores.csv"), "--application", "1", "--campaign", "1")
    assert ended.code == 1
    assert "Use the contract that the finding names, or the correct file." in ended.err
    assert "bulkops fix" not in ended.err


@pytest.mark.parametrize(("record", "repairable"), [("CODE-1, 3", True), ("CODE-1,three", False)])
def test_repairs_are_offered_only_if_there_are_some(
    record: str, repairable: bool, inside: Inside, tmp_path: Path
) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"value,limitval\n{record}\n")
    ended = inside.run("import", "coupons", str(path), "--application", "1", "--campaign", "1")
    assert ended.code == 1, ended.err
    assert ("`bulkops fix` repairs at most 1" in ended.err) == repairable


@pytest.mark.parametrize("command", ["import", "plan", "split", "reconcile"])
def test_standard_input_is_refused_where_a_file_is_read_more_than_once(command: str, inside: Inside) -> None:
    more = ("--into", "parts") if command == "split" else ()
    ended = inside.run(command, "coupons", "-", *more)
    assert ended.code == 2
    assert "FILE cannot be standard input" in ended.err
    assert "Write it to a file first" in ended.err
