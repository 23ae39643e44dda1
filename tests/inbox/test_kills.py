"""A pass that is killed at any step: one more pass completes it, and nothing is lost, doubled or overwritten."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from bulkops.transport.limiter import NoLimiter
from bulkops.upload import workflow
from tests.inbox.desk import COUPONS, POINTS, InboxDesk, Kill, held, points, start

STEPS = 220
"""More than a pass over the files of these tests has; kills after its end do nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as running:
        yield running


def filled(folder: Path, base_url: str, number: int) -> InboxDesk:
    """Return an inbox with a good file, its repetition, a file with a bad row, and a file that the server refuses."""
    files = [dict(POINTS), dict(COUPONS)]
    desk = InboxDesk(folder, base_url, files=files, table={"on_findings": "quarantine", "order": "name"})
    text = points((f"customer-a{number}", "5"), (f"customer-b{number}", "7"))
    desk.drop("points-1.csv", text)
    desk.drop("points-2.csv", text)
    desk.drop("points-3.csv", points((f"customer-c{number}", "1"), (f"customer-d{number}", "many")))
    desk.drop("coupons-1.csv", f"value,limitval\nTAKEN-{number},1\n")
    desk.drop("coupons-2.csv", f"value,limitval\nFREE-{number},1\nTAKEN-{number},2\n")
    return desk


def check(desk: InboxDesk, server: SandboxServer, number: int) -> None:
    """Hold the truth and the archive against the files."""
    found = {row: count for row, count in held(server.state).items() if row[0].endswith(f"{number}")}
    wanted = [(f"customer-a{number}", "5"), (f"customer-b{number}", "7"), (f"customer-c{number}", "1")]
    assert found == dict.fromkeys(wanted, 1)
    coupons = [row for row in server.state.rows("coupon") if row["value"] in (f"FREE-{number}", f"TAKEN-{number}")]
    assert sorted((row["value"], int(row["limitval"])) for row in coupons) == [
        (f"FREE-{number}", 1), (f"TAKEN-{number}", 1),
    ]  # fmt: skip
    assert list(desk.drops.iterdir()) == []
    names = ["coupons-1.csv", "coupons-2.csv", "points-1.csv", "points-2.csv", "points-3.csv"]
    archived = [path for path in desk.kept("archive/*/*/*.csv") if path.name in names]
    assert sorted(path.name for path in archived) == names
    assert all((path.parent / "drop.json").exists() and (path.parent / "result.csv").exists() for path in archived)
    assert len(desk.kept("quarantine/*/*/points-3.rejected-????????????.csv")) == 1
    assert len(desk.kept("quarantine/*/*/coupons-2.rejected-????????????.csv")) == 1
    assert not [*desk.kept("**/.bulkops-*"), *desk.kept("state/**/inboxes/partner/work/[!d]*")]
    with desk.book() as book:
        assert book.open_drops() == []
        assert sorted(drop.name for drop in book.last_drops(99)) == names


@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_pass_that_is_killed_at_a_step_is_completed_by_the_next(
    step: int, server: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    desk = filled(tmp_path / "inbox", server.base_url, 1000 + step)
    process = start(desk, Kill(step=step, after=step % 2 == 0))
    process.join(600)
    assert process.exitcode in (-9, 1)
    assert desk.run().exit in (0, 1)
    check(desk, server, 1000 + step)


def test_the_steps_of_the_tests_cover_a_whole_pass(server: SandboxServer, tmp_path: Path) -> None:
    desk = filled(tmp_path / "inbox", server.base_url, 999)
    process = start(desk, Kill(step=0), tmp_path / "steps")
    process.join(600)
    assert process.exitcode == 1
    check(desk, server, 999)
    assert STEPS * 0.8 < int((tmp_path / "steps").read_text()) <= STEPS


def test_a_pass_that_is_killed_again_and_again_ends_complete(
    server: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(17)
    desk = filled(tmp_path / "inbox", server.base_url, 998)
    for _ in range(8):
        process = start(desk, Kill(step=chance.randrange(1, 40), after=chance.random() < 0.5))
        process.join(600)
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    assert desk.run().exit in (0, 1)
    check(desk, server, 998)
