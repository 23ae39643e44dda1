"""A wait prints its reason and, on a terminal, the remaining seconds."""

import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bulkops.cli.output.console import Console
from bulkops.clock import SystemClock
from bulkops.errors import Interrupted
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.request import request_of
from bulkops.exporting.spool import spool
from bulkops.ledger.events import RequestSent
from bulkops.ledger.states import ChunkState
from bulkops.readback.fetch.rows import read_back
from bulkops.reconciling.run import EvidenceSource, reconcile
from bulkops.sandbox.serve import SandboxServer
from bulkops.settings import Secret, Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import NoLimiter
from bulkops.transport.notices import Notifier, Uncounted
from bulkops.upload.evidence.contenders import contenders_of, wait_for_answers
from bulkops.upload.workflow import Guards
from bulkops_validators import CONTRACTS
from tests.cli.running import KEY, Shell
from tests.cli.terminal import Terminal
from tests.crash.desk import Desk
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
    (line,) = [line for line in ended.err.splitlines() if "aiting" in line]
    wait, cause = line.split(" The first cause: ")
    assert wait == "Waiting 6 s, then reading back again for chunk 1: the outcome is unknown."
    assert cause.startswith("POST /v1/applications/1/campaigns/1/import_coupons returned 503")


class Turned(SystemClock):
    """A clock that waits without taking time."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


def counted_waits(client: ApiClient) -> list[float]:
    """Return a list that receives the seconds of each countdown of a client."""
    left: list[float] = []
    client.notifier.count = lambda _, seconds: left.append(seconds)
    return left


@pytest.fixture
def fast() -> Iterator[SandboxServer]:
    """Run a sandbox without a rate limit, for clocks that wait without taking time."""
    with SandboxServer(key=KEY, rate_limit=0) as server:
        yield server


def test_reconcile_and_a_repeated_export_count_their_waits_down(fast: SandboxServer, tmp_path: Path) -> None:
    clock, said = Turned(), list[str]()
    file = tmp_path / "f.csv"
    file.write_text("code\nNOT-THERE\n")
    target = Target(base_url=fast.base_url, ids={"pool": 1}, authorization=Secret(f"ManagementKey-v1 {KEY}"))
    with ApiClient(target, clock=clock, limiter=NoLimiter(), notify=said.append) as client:
        left = counted_waits(client)
        evidence = EvidenceSource(client=client, ids={"pool": 1})
        result = reconcile(CONTRACTS["giveaways"], file, evidence, settle=30, clock=clock, observer=said.append)
        assert result.missing == 1
        assert {8.0, 5.0, 1.0, 0.0} <= set(left)
        assert said[0] == (
            "Of 1 records: 1 missing. Reading again in 1 s, since exports may lag. "
            "The result is final if it stays the same for 30 s."
        )
        left.clear()
        request = request_of(EXPORTS["giveaways"], {"pool": 1}, {}, {})
        with (tmp_path / "out.csv").open("w+b") as out:
            spool(client, request, out, settle=20)
        assert (left[0], left[-1]) == (20.0, 0.0)
        assert said[-1] == "Exporting again in 20 s, until two results are equal."


def test_a_retry_counts_its_wait_down_and_a_read_back_shows_its_rows(fast: SandboxServer) -> None:
    clock, said, shown = Turned(), list[str](), list[tuple[str, str]]()

    @contextmanager
    def amount(what: str, unit: str) -> Iterator[Uncounted]:
        shown.append((what, unit))
        yield Uncounted()

    target = Target(base_url=fast.base_url, ids={"pool": 1}, authorization=Secret(f"ManagementKey-v1 {KEY}"))
    with ApiClient(target, clock=clock, limiter=NoLimiter(), notify=said.append) as client:
        left = counted_waits(client)
        client.notifier.amount = amount
        fast.set_faults("getApplications@1=429:30")
        client.get_json("/v1/applications", {})
        assert (round(left[0]), left[-1]) == (30, 0.0)
        assert said == ["The server asks to wait 30 s before the next request."]
        readback = CONTRACTS["giveaways"].route({"pool": 1}).readback
        assert readback is not None
        assert list(read_back(client, readback, {"pool": 1}, {}))
    assert shown == [("reading back", "B")]


class Stopped(Turned):
    """A clock on which the first wait is interrupted, as by Ctrl-C."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        raise Interrupted("Interrupted.")


def test_an_interrupted_wait_for_another_job_removes_its_countdown(fast: SandboxServer, tmp_path: Path) -> None:
    case, desk = CASES["giveaways"], Desk(folder=tmp_path, base_url=fast.base_url, response_timeout=30)
    first, second = (
        desk.begin(case.contract, case.write(tmp_path / name, records=3, seed=1), case.ids, guards=Guards(again=True))
        for name in ("first.csv", "second.csv")
    )
    known: dict[str, Any] = {"first_sent": desk.clock.now(), "clock_offset": 0.0, "attempts": 1}
    request = RequestSent(attempt=1, clock_offset=None)
    desk.ledger.move(first.id, desk.chunks(first.id)[0], ChunkState.SENDING, request, **known)
    with desk.opened(second, desk.target(case.ids)) as context:
        left = counted_waits(context.client)
        with pytest.raises(Interrupted):
            wait_for_answers(replace(context, clock=Stopped()), contenders_of(context))
    assert left[0] > 20
    assert left[-1] == 0.0


def test_a_terminal_shows_a_countdown_without_a_bar_and_a_log_does_not(shell: Shell) -> None:
    code = (
        "from bulkops.cli.output.console import Console; from bulkops.clock import SystemClock\n"
        "from bulkops.transport.notices import Notifier; console = Console()\n"
        "notifier = Notifier(console.note, clock=SystemClock()); console.show_waits(notifier)\n"
        "notifier.wait(5.2, 'Waiting 5 s for nothing.'); console.note('After it.')\n"
    )
    terminal = Terminal.running(shell, code=code)
    termios.tcsetwinsize(terminal.leader, (24, 60))
    assert terminal.end() == 0, terminal.seen
    assert "Waiting 5 s for nothing.\n" in terminal.seen
    assert "waiting 3 s" in terminal.seen
    assert terminal.seen.rstrip().endswith("After it.")
    console = Console()
    notifier = Notifier(console.note, clock=SystemClock())
    console.show_waits(notifier)
    assert notifier.count is None
