"""Every option of every command can come from the environment, and none means two things under one name."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bulkops.cli.main import cli
from bulkops.cli.options.environment import EnvironmentOption, Reach
from tests.cli.running import Shell

SAMPLES = Path(__file__).parents[2] / "sample_data"
OF_CLICK = {"help", "version"}
GUARDS = {"accept", "again", "allow-empty", "max-removals", "yes", "overwrite", "unsafe", "write-baseline"}


def commands(group: click.Group, parent: click.Context) -> Iterator[click.Context]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, parent=parent, info_name=name)
        yield context
        if isinstance(command, click.Group):
            yield from commands(command, context)


ROOT = click.Context(cli, info_name="bulkops")
CONTEXTS = [ROOT, *commands(cli, ROOT)]
OPTIONS = [
    (context, option)
    for context in CONTEXTS
    for option in context.command.params
    if isinstance(option, click.Option) and option.name not in OF_CLICK
]


def test_every_option_has_a_variable_of_its_command() -> None:
    assert len(OPTIONS) > 300
    for context, option in OPTIONS:
        called = f"{context.command_path} {option.opts[0]}"
        assert isinstance(option, EnvironmentOption), f"{called}: declare it with `options.environment.option`"
        words = "_".join(["BULKOPS", *context.command_path.split()[1:]])
        long = next(name for name in option.opts if name.startswith("--")).removeprefix("--")
        first, *others = option.variables(context)
        assert first == f"{words}_{long}".upper().replace("-", "_")
        if option.reach is Reach.EVERYWHERE:
            assert (first, *others)[-1] == f"BULKOPS_{long}".upper().replace("-", "_")


def test_a_shared_variable_has_the_same_type_in_every_command() -> None:
    found = defaultdict(set)
    for context in CONTEXTS:
        for option in context.command.params:
            if isinstance(option, EnvironmentOption):
                for name in option.variables(context):
                    kind = option.type.to_info_dict()
                    found[name].add(str((kind, option.is_flag, option.multiple, option.secondary_opts)))
    assert {name: kinds for name, kinds in found.items() if len(kinds) > 1} == {}


def test_a_guard_is_lifted_for_one_command_only() -> None:
    lifted = defaultdict(set)
    for context in CONTEXTS:
        for option in context.command.params:
            if isinstance(option, EnvironmentOption) and option.opts[-1].removeprefix("--") in GUARDS:
                for name in option.variables(context):
                    lifted[name].add(context.command_path)
    assert lifted["BULKOPS_MAX_REMOVALS"] == {"bulkops import"}
    assert {name: paths for name, paths in lifted.items() if len(paths) > 1} == {}


@pytest.mark.parametrize(
    ("variable", "value", "words", "told"),
    [
        ("BULKOPS_VALIDATE_STATISTICS", "1", ["validate", "stores", "STORES"], "clean"),
        ("BULKOPS_JSON", "1", ["validate", "stores", "STORES"], '"files"'),
        ("BULKOPS_CONTRACTS_FORMAT", "header", ["contracts", "stores"], "store_integration_id"),
        ("BULKOPS_RULES_JSON", "1", ["rules", "COD203"], '"code"'),
    ],
)
def test_a_variable_of_the_environment_sets_its_option(variable: str, value: str, words: list[str], told: str) -> None:
    words = [str(SAMPLES / "stores.csv") if word == "STORES" else word for word in words]
    done = CliRunner(env={variable: value}).invoke(cli, words)
    assert told in done.output


def test_the_longer_name_wins_and_the_command_line_over_both(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "state")
    environment = shell.environment | {"BULKOPS_MAX_ROWS": "100", "BULKOPS_PLAN_MAX_ROWS": "400"}
    words = ("plan", "coupons", str(SAMPLES / "coupons.csv"), "--json")
    assert len(shell.ended(shell.start(*words, environment=environment)).json["chunks"]) == 1
    assert len(shell.ended(shell.start(*words, "--max-rows", "200", environment=environment)).json["chunks"]) == 2


def test_an_error_is_one_document_where_json_comes_from_the_environment(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "state")
    for name in ("BULKOPS_JSON", "BULKOPS_PLAN_JSON"):
        ended = shell.ended(shell.start("plan", "coupons", "nowhere", environment=shell.environment | {name: "1"}))
        assert (ended.code, ended.json["error"]["exit"]) == (2, 2)


def test_an_invalid_value_of_the_environment_is_an_error_that_names_its_variable(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "state")
    words = ("plan", "coupons", str(SAMPLES / "coupons.csv"))
    for variable, value, told in (
        ("BULKOPS_MAX_ROWS", "two", "'--max-rows' (BULKOPS_MAX_ROWS): 'two' is not a whole number"),
        ("BULKOPS_PLAN_MAX_ROWS", "two", "'--max-rows' (BULKOPS_PLAN_MAX_ROWS): 'two' is not a whole number"),
        ("BULKOPS_JSON", "perhaps", "'--json' (BULKOPS_JSON): 'perhaps' is neither 1 nor 0."),
    ):
        ended = shell.ended(shell.start(*words, environment=shell.environment | {variable: value}))
        assert (ended.code, told in ended.err) == (2, True), ended.err
    ended = shell.ended(
        shell.start(*words, "--max-rows", "two", environment=shell.environment | {"BULKOPS_MAX_ROWS": "1"})
    )
    assert (ended.code, "'--max-rows': 'two'" in ended.err) == (2, True), ended.err


def test_a_form_of_the_command_line_wins_over_one_of_the_environment(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "state")
    words = ("validate", "coupons", str(SAMPLES / "coupons.csv"))
    environment = shell.environment | {"BULKOPS_JSON": "1"}
    assert "files" in shell.ended(shell.start(*words, environment=environment)).json
    assert "runs" in shell.ended(shell.start(*words, "--format", "sarif", environment=environment)).json
    environment = shell.environment | {"BULKOPS_VALIDATE_FORMAT": "sarif"}
    assert "files" in shell.ended(shell.start(*words, "--json", environment=environment)).json
    both = shell.run(*words, "--format", "sarif", "--json")
    assert (both.code, "name two formats" in both.json["error"]["message"]) == (2, True)
