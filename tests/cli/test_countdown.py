"""A wait for evidence says what it waits for and, on a terminal, how long it still takes."""

import termios
from pathlib import Path

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Shell
from tests.cli.terminal import Terminal
from tests.crash.truth import CASES

COUPONS = CASES["coupons"]


def test_a_wait_for_evidence_counts_down_on_a_terminal(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=20, seed=1)
    sandbox.set_faults("imports@1=503")
    ids = ("--application", "1", "--campaign", "1")
    terminal = Terminal.running(shell, "import", "coupons", str(file), *ids, "--settle", "6", "--yes")
    termios.tcsetwinsize(terminal.leader, (24, 120))
    terminal.until("waiting 3 s")
    assert terminal.end() == 0, terminal.seen
    assert "Waiting 6 s, then reading back again for chunk 1: the outcome is unknown." in terminal.seen
    assert "waiting 5 s" in terminal.seen


def test_a_wait_for_evidence_is_one_line_in_a_log(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    file = COUPONS.write(tmp_path / "f.csv", records=20, seed=1)
    sandbox.set_faults("imports@1=503")
    ended = shell.run("import", "coupons", str(file), "--application", "1", "--campaign", "1", "--settle", "6")
    assert ended.code == 0, ended.err
    assert [line for line in ended.err.splitlines() if "aiting" in line] == [
        "Waiting 6 s, then reading back again for chunk 1: the outcome is unknown."
    ]
