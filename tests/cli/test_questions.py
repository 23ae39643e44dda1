"""Before something is sent, removed or given up, the facts are shown and a terminal is asked; guards stay guards."""

from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Shell
from tests.cli.terminal import asked
from tests.crash.truth import CASES, counted, rows_of

AUDIENCE = CASES["audiences"]
GIVEAWAYS = CASES["giveaways"]
WORDS = ("--audience", "1")


@pytest.fixture
def replaced(shell: Shell, tmp_path: Path) -> str:
    """Return a job that put 290 members into an audience of 10."""
    first = AUDIENCE.write(tmp_path / "first.csv", records=10, seed=1)
    assert shell.run("import", "audiences", str(first), *WORDS).code == 0
    file = AUDIENCE.write(tmp_path / "members.csv", records=290, seed=1)
    ended = shell.run("import", "audiences", str(file), *WORDS, "--json")
    assert ended.code == 0, ended.err
    return str(ended.json["job"])


def test_undo_on_a_terminal_shows_its_removals_and_stops_if_declined(
    shell: Shell, sandbox: SandboxServer, replaced: str, tmp_path: Path
) -> None:
    words = ("jobs", "undo", replaced, "--max-removals", "280")
    code, seen = asked(shell, *words, question="Restore them?", answer="n")
    assert code == 130
    assert f"Target: {sandbox.base_url}, audience 1" in seen
    assert "restores the 10 records" in seen
    assert "0 added, 0 changed, 280 removed, 10 kept" in seen
    assert sandbox.state.count("audience_member") == 290
    assert len(shell.run("jobs", "list", "--json").json["jobs"]) == 2
    code, seen = asked(shell, "--quiet", *words, question="Restore them?", answer="y")
    assert (code, "280 removed" in seen) == (0, True), seen
    assert AUDIENCE.held(sandbox) == counted(rows_of(tmp_path / "first.csv"))


def test_undo_keeps_the_guard_on_removals_with_and_without_yes(
    shell: Shell, sandbox: SandboxServer, replaced: str
) -> None:
    for more in ((), ("--yes",)):
        refused = shell.run("jobs", "undo", replaced, *more, "--json")
        assert refused.code == 5, refused.err
        assert "remove 280 of the 290 rows" in refused.json["error"]["message"]
        assert "--max-removals 280" in refused.json["error"]["hint"]
    assert sandbox.state.count("audience_member") == 290


def test_undo_without_a_terminal_needs_yes(shell: Shell, sandbox: SandboxServer, replaced: str) -> None:
    words = ("jobs", "undo", replaced, "--max-removals", "280")
    refused = shell.run(*words, "--json")
    assert (refused.code, "--yes" in refused.json["error"]["hint"]) == (2, True), refused.err
    assert "280 removed" in refused.err
    assert sandbox.state.count("audience_member") == 290
    assert shell.run(*words, "--yes").code == 0
    assert sandbox.state.count("audience_member") == 10


def test_a_replacement_is_asked_about_after_its_target_was_compared(
    shell: Shell, sandbox: SandboxServer, replaced: str, tmp_path: Path
) -> None:
    file = AUDIENCE.write(tmp_path / "fewer.csv", records=280, seed=1)
    code, seen = asked(shell, "import", "audiences", str(file), *WORDS, question="Send it?", answer="n")
    assert code == 130
    facts = seen.partition("Send it?")[0]
    assert f"Target: {sandbox.base_url}, audience 1" in facts
    assert "0 added, 0 changed, 10 removed, 280 kept" in facts
    assert sandbox.state.count("audience_member") == 290
    assert shell.run("jobs", "list", "--json").json["jobs"][0]["job"] == replaced


def test_an_empty_replacement_shows_its_removals_and_needs_both_options(
    shell: Shell, sandbox: SandboxServer, replaced: str, tmp_path: Path
) -> None:
    file = AUDIENCE.write(tmp_path / "none.csv", records=0, seed=1)
    words = ("import", "audiences", str(file), *WORDS)
    assert shell.run(*words, "--yes").code in (1, 5)
    refused = shell.run(*words, "--allow-empty", "--yes")
    assert sandbox.state.count("audience_member") == 290
    if refused.code == 1:  # the validator refuses the file itself
        return
    assert (refused.code, "remove 290 of the 290" in refused.err) == (5, True)
    code, seen = asked(shell, *words, "--allow-empty", "--max-removals", "100%", question="Send it?", answer="n")
    assert (code, "290 removed" in seen) == (130, True)


def test_cancel_on_a_terminal_shows_the_unsent_records_and_asks(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("imports@2=401")
    file = GIVEAWAYS.write(tmp_path / "f.csv", records=20, seed=1)
    job = shell.run("import", "giveaways", str(file), "--pool", "1", "--max-rows", "10", "--json").json["job"]
    code, seen = asked(shell, "jobs", "cancel", job, question="Cancel it?", answer="n")
    assert code == 130
    assert "10 records accepted (stay at the target); 10 records pending (will not be sent)" in seen
    assert f"{sandbox.base_url}, pool 1" in seen
    assert shell.run("jobs", "show", job, "--json").json["state"] == "unfinished"
    assert shell.run("jobs", "cancel", job, "--yes").code == 0


def test_a_recipe_prints_the_changes_of_a_replacement(shell: Shell, replaced: str, tmp_path: Path) -> None:
    AUDIENCE.write(tmp_path / "fewer.csv", records=280, seed=1)
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: r\nsteps:\n  - contract: audiences\n    file: fewer.csv\n    ids: {audience: 1}\n")
    ended = shell.run("run", str(recipe))
    assert (ended.code, "0 added, 0 changed, 10 removed, 280 kept" in ended.err) == (0, True), ended.err
