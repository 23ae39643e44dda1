"""Every command that ends well names the command that usually follows; long lines wrap between words."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from bulkops.cli.main import cli
from bulkops.cli.output.console import Console
from bulkops.cli.output.job_summary import next_command
from bulkops.cli.output.tables import wrapped
from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import KEY, Shell
from tests.cli.test_screens import screen
from tests.crash.truth import CASES
from tests.docs.command_lines import CommandLine, parse


def next_of(*words: str) -> str:
    """Run a command in this process and return the command that it names as the next one."""
    console = Console()
    result = CliRunner().invoke(cli, words, obj=console, standalone_mode=False)
    assert result.exception is None, (words, result.exception, result.output)
    return console.next_step


def test_commands_name_a_next_command_that_exists(
    sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = CASES["giveaways"].write(tmp_path / "f.csv", records=5, seed=1)
    out, into, saved = tmp_path / "out.csv", tmp_path / "chunks", tmp_path / "ledger.zip"
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"name: r\nsteps:\n  - contract: giveaways\n    file: {file}\n    ids: {{pool: 1}}\n")
    config = tmp_path / "bulkops.toml"
    config.write_text(
        '[check]\ngiveaways = "g.csv"\n[targets.live]\n'
        f'base_url = "{sandbox.base_url}"\nkey = {{env = "BULKOPS_MANAGEMENT_KEY"}}\n'
        '[inbox.p]\nfolder = "in"\ntarget = "live"\narchive = "archive"\nquarantine = "quarantine"\n'
        '[[inbox.p.files]]\nmatch = "*.csv"\ncontract = "giveaways"\nids = {pool = 1}\n'
    )
    for folder in ("in", "archive", "quarantine"):
        (tmp_path / folder).mkdir()
    bad = tmp_path / "bad.csv"
    bad.write_text("value,limitval\nCODE-1,x\n")
    mapping = tmp_path / "m.yaml"
    mapping.write_text(
        "name: m\nsteps:\n  - contract: giveaways\n    source: {file: g.csv}\n    columns: {code: code}\n"
    )
    (tmp_path / "g.csv").write_text("code\nGIFT-1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BULKOPS_MANAGEMENT_KEY", KEY)
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("BULKOPS_BASE_URL", sandbox.base_url)
    monkeypatch.setattr("sys.argv", ["bulkops", "run", str(recipe), "--dry-run"])
    expected = {
        ("run", str(recipe), "--settle", "0", "--dry-run"): f"bulkops run {recipe}",
        ("run", str(recipe), "--settle", "0"): "bulkops report giveaways-",
        ("export", "giveaways", "--pool", "1", "-o", str(out)): f"bulkops reconcile giveaways FILE --export {out}",
        ("split", "giveaways", str(file), "--into", str(into)): f"bulkops import giveaways {into}",
        ("report", "-o", str(tmp_path / "r.html")): "bulkops ledger backup ledger.zip",
        ("ledger", "backup", str(saved)): "bulkops ledger check",
        ("jobs", "show"): "bulkops report giveaways-",
        ("ledger", "check"): "bulkops ledger backup ledger.zip",
        ("ledger", "prune"): "bulkops ledger check",
        ("contracts", "giveaways"): "bulkops validate giveaways FILE",
        ("recipes", "demo"): "bulkops run demo --dry-run",
        ("check",): "bulkops plan giveaways g.csv",
        ("doctor",): "bulkops snapshot -o account.json --base-url ",
        ("rules", "COD203"): "bulkops validate CONTRACT FILE --select COD203",
        ("schema",): "bulkops schema NAME",
        ("schema", "jobs-show"): "bulkops jobs show --help",
        ("schema", "recipe"): "bulkops run RECIPE --dry-run",
        ("schema", "on-end"): "bulkops schema",
        ("contracts", "giveaways", "--format", "header"): "bulkops validate giveaways FILE",
        ("reconcile", "giveaways", str(file), "--pool", "1", "--settle", "0"): "bulkops jobs list",
        ("fix", "coupons", str(bad), "-o", str(tmp_path / "fixed.csv")): "bulkops validate coupons ",
        ("validate", "coupons", str(bad)): "bulkops rules TYP101",
        ("map", str(mapping), "--head", "1"): f"bulkops map {mapping} --into FOLDER",
        ("run", str(recipe), "--plan"): f"bulkops run {recipe} --dry-run",
        ("inbox", "p", "--dry-run"): "bulkops inbox p",
        ("inbox",): "bulkops inbox status",
        ("jobs", "resume", "--all"): "bulkops jobs list",
        ("inbox", "status", "p"): "bulkops inbox p --dry-run",
    }
    for words, start in expected.items():
        following = next_of(*words)
        assert following.startswith(start), (words, following)
        parse(CommandLine(Path(__file__), 1, tuple(shlex.split(following)[1:]), whole=True))


def test_check_names_the_repair_of_the_first_file_with_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bulkops.toml").write_text('[check]\ncoupons = "*.csv"\n')
    (tmp_path / "a.csv").write_text("value\nCODE-1 \n")
    monkeypatch.chdir(tmp_path)
    assert next_of("check") == "bulkops fix coupons a.csv -o fixed.csv"


@pytest.mark.parametrize(
    ("state", "more", "following"),
    [
        ("unfinished", {}, "bulkops jobs resume j-1"),
        ("in_doubt", {}, "bulkops jobs resolve j-1 7 --as partly --reason TEXT"),
        ("refused", {"rejected_file": "a b.csv"}, "bulkops import coupons 'a b.csv' --application 1 --campaign 2"),
        ("refused", {}, "bulkops reconcile --job j-1"),
        ("done", {}, "bulkops reconcile --job j-1"),
        ("done", {"reconciliation": {"verdict": "proved"}}, "bulkops report j-1 -o report.html"),
        ("cancelled", {}, ""),
    ],
)
def test_the_state_of_a_job_decides_which_command_follows(state: str, more: dict[str, object], following: str) -> None:
    target = {"ids": {"application": 1, "campaign": 2}}
    document = {"job": "j-1", "contract": "coupons", "state": state, "target": target, "reconciliation": None, **more}
    assert next_command(document, undecided=7) == following
    if following:
        parse(CommandLine(Path(__file__), 1, tuple(shlex.split(following)[1:]), whole=True))


@pytest.mark.parametrize("width", [60, 80])
def test_notes_and_errors_wrap_between_words_at_the_width(width: int, shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("code\n\n")
    text = "\n".join(screen(shell, width, "import", "giveaways", str(file), "--pool", "1", "--yes"))
    long = [line for line in text.splitlines() if len(line) > width]
    assert all(" " not in line.strip() or "bulkops " in line for line in long), text
    assert "… " not in text


def test_commands_stay_on_one_line_when_a_text_wraps() -> None:
    command = "bulkops --config a.toml jobs resume coupons-20260101-101500-3f2a --ledger /var/lib/bulkops/ledger.db"
    assert wrapped(f"Resume with: {command}", 40) == f"Resume with:\n  {command}"
    text = "A short text that is longer than the line, with `bulkops jobs list` in it, and more words."
    lines = wrapped(text, 40).splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert " ".join(line.strip() for line in lines) == text
    assert any("`bulkops jobs list`" in line for line in lines)
    assert wrapped("  a hint of words", 12) == "  a hint of\n    words"
    assert wrapped("\x1b[31mred\x1b[0m word", 8) == "\x1b[31mred\x1b[0m word"
