"""Renamed options: the former name works, prints a notice to stderr, and leaves stdout clean."""

import json
from pathlib import Path

import pytest

from bulkops.cli.main import cli
from bulkops.cli.options.environment import FormerOption
from tests.cli.running import Shell
from tests.cli.test_environment import CONTEXTS

SAMPLES = Path(__file__).parents[2] / "sample_data"


def test_former_option_name_works_and_prints_a_notice(shell: Shell, tmp_path: Path) -> None:
    words = ("split", "coupons", str(SAMPLES / "coupons.csv"), "--json")
    former, present = shell.run(*words, "--out", str(tmp_path / "a")), shell.run(*words, "--into", str(tmp_path / "b"))
    assert (former.code, former.err) == (0, "--out is now called --into. The old name still works.\n")
    assert (present.code, present.err) == (0, "")
    assert former.json["records"] == present.json["records"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(
        path.name for path in (tmp_path / "b").iterdir()
    )


def test_former_variable_works_and_the_present_option_wins(shell: Shell, tmp_path: Path) -> None:
    words = ("split", "coupons", str(SAMPLES / "coupons.csv"))
    environment = shell.environment | {"BULKOPS_SPLIT_OUT": str(tmp_path / "former")}
    ended = shell.ended(shell.start(*words, environment=environment))
    assert (ended.code, (tmp_path / "former").is_dir()) == (0, True), ended.err
    assert "BULKOPS_SPLIT_OUT is now called BULKOPS_SPLIT_INTO." in ended.err
    ended = shell.ended(shell.start(*words, "--into", str(tmp_path / "present"), environment=environment))
    assert (ended.code, (tmp_path / "present").is_dir(), ended.err) == (0, True, "")


def test_former_flag_of_the_program_works_with_a_notice(shell: Shell) -> None:
    for flag in ("-v", "--verbose"):
        ended = shell.run(flag, "rules", "COD203", "--json")
        assert (ended.code, ended.err) == (0, "--verbose is now called --debug. The old name still works.\n")
        assert json.loads(ended.out)[0]["code"] == "COD203"


def test_former_name_and_its_notice_stay_out_of_help_and_quiet_runs(shell: Shell, tmp_path: Path) -> None:
    assert "--out" not in shell.run("split", "--help").out
    assert "--verbose" not in shell.run("--help").out
    words = ("-q", "split", "coupons", str(SAMPLES / "coupons.csv"), "--out", str(tmp_path / "a"))
    assert shell.run(*words).err == ""


def test_former_option_never_shadows_a_present_one() -> None:
    found = [(each, option) for each in CONTEXTS for option in each.command.params if isinstance(option, FormerOption)]
    assert len(found) >= 3
    for context, former in found:
        others = {name for each in context.command.params if each is not former for name in each.opts}
        assert not others & set(former.opts)
    assert any(isinstance(option, FormerOption) for option in cli.params)


@pytest.mark.parametrize("odd", ["INTEGER RANGE", "FLOAT RANGE", "x>=", "<=x"])
def test_help_names_no_type_of_the_library(odd: str) -> None:
    for context in CONTEXTS:
        assert odd not in context.command.get_help(context), context.command_path
