"""A pass with a cluster imports the same files with the same result as without one, whatever happens to the cluster."""

import gzip
import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bulkops import cluster as cluster_module
from bulkops.checksums import sha256_of
from bulkops.cluster import opened_cluster
from bulkops.errors import InputUnreadable
from bulkops.inbox import passes
from bulkops.inbox.passes import PassResult
from bulkops.limits import adjustable
from bulkops.sandbox.serve import SandboxServer
from bulkops.transport.limiter import NoLimiter
from bulkops.upload import workflow
from bulkops.validation import ahead
from bulkops.validation.ahead import ChecksAhead, CopyTask, check_copy
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import ValidationReport
from bulkops.validation.range_check import this_build
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
from tests.cli.running import Inside
from tests.cli.test_inbox import written
from tests.cluster.clusters import process_cluster, threaded_cluster
from tests.inbox.desk import COUPONS, POINTS, InboxDesk, Kill, held, points, start, states
from tests.inbox.test_kills import STEPS, check, filled

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with threaded_cluster(2) as found:
        yield found


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    with SandboxServer(rate_limit=0) as running:
        yield running


CHECKED: list[str] = []


def counted_check(task: CopyTask) -> ValidationReport | None:
    """Check a copy and remember its name; the workers are threads of this process."""
    CHECKED.append(Path(task.file).name)
    return check_copy(task)


def of_every_kind(folder: Path, base_url: str) -> InboxDesk:
    """Return an inbox with files of every kind: good, repeated, broken, empty, compressed, refused, blocked, odd."""
    files = [dict(POINTS), dict(COUPONS), {**POINTS, "match": "blocked-*.csv", "contract": "stores", "ids": {}}]
    desk = InboxDesk(folder, base_url, files=files, table={"on_findings": "quarantine", "order": "name"})
    good = points(("customer-a", "5"), ("customer-b", "7"))
    desk.drop("points-1.csv", good)
    desk.drop("points-2.csv", good)
    desk.drop("points-3.csv", points(("customer-c", "1"), ("customer-d", "many")))
    desk.drop("points-4.csv", "")
    desk.drop("points-5.csv.gz", gzip.compress(points(("customer-e", "2")).encode(), mtime=0))
    desk.drop("points-6.csv", gzip.compress(points(("customer-f", "2")).encode(), mtime=0))
    desk.drop("points-7.csv", "customerprofileid;amount\ncustomer-g;3\n")
    desk.drop("points-8.csv", 'customerprofileid,amount\n"never closed,1\n')
    desk.drop("points-9.csv", "customerprofileid,amount,expirydate\ncustomer-h,3,2020-01-01T00:00:00Z\n")
    desk.drop("coupons-1.csv", "value,limitval\nTAKEN,1\n")
    desk.drop("coupons-2.csv", "value,limitval\nFREE,1\nTAKEN,2\n")
    desk.drop("blocked-1.csv", "name,integrationid\nshop,s-1\n")
    desk.drop("blocked-2.csv", "name,integrationid\nshop,s-2\n")
    desk.drop("unknown.csv", "a\n")
    return desk


def shown(result: PassResult, folder: Path) -> Any:
    """Return the JSON of a pass without the parts that differ from run to run: folders, ids and times."""
    text = json.dumps([result.figures, result.files, result.expectations, result.notes], sort_keys=True)
    for own in (
        re.escape(str(folder)),
        r"-\d{8}-\d{6}-[0-9a-f]{8}",
        r"/\d{4}-\d\d-\d\d/[^/]+/",
        r"\b[0-9a-f]{20}\b",
        r"(?<=\.rejected-)[0-9a-f]{12}",
    ):
        text = re.sub(own, "…", text)
    return json.loads(text)


def test_a_pass_over_files_of_every_kind_has_the_same_json_on_a_cluster(
    tmp_path: Path, address: str, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "check_copy", counted_check)
    here = of_every_kind(tmp_path / "here", server.base_url)
    alone = here.run()
    with SandboxServer(rate_limit=0) as other:
        there = replace(of_every_kind(tmp_path / "there", other.base_url), cluster=address)
        CHECKED.clear()
        spread = there.run()
        assert held(other.state) == held(server.state)
    assert shown(spread, there.folder) == shown(alone, here.folder)
    assert len(set(states(alone).values())) > 3
    assert {"points-1.csv", "points-3.csv", "points-9.csv", "coupons-2.csv"} <= set(CHECKED)
    assert len(CHECKED) == len(set(CHECKED))
    assert sorted(each.name for each in there.drops.iterdir()) == sorted(each.name for each in here.drops.iterdir())


def test_a_report_made_ahead_is_used_and_a_dry_run_moves_nothing(
    tmp_path: Path, address: str, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = InboxDesk(tmp_path / "inbox", server.base_url, cluster=address)
    names = [f"points-{number}.csv" for number in range(6)]
    for number, name in enumerate(names):
        desk.drop(name, points((f"customer-{number}", "5")))
    monkeypatch.setattr(ahead, "validate_files", None)  # no file may be validated here
    assert desk.run(dry_run=True).exit == 0
    assert sorted(path.name for path in desk.drops.iterdir()) == names
    assert states(desk.run()) == dict.fromkeys(names, "imported")
    assert len(held(server.state)) == len(names)
    assert not desk.kept("state/**/inboxes/partner/work/[!d]*")


class Changing(ChecksAhead):
    """Lets a file of the inbox change when its validation begins, which is before its turn."""

    change: Any = None

    def submit(self, *given: Any) -> None:
        super().submit(*given)
        self.change(given[1])


def test_a_file_that_changes_after_its_early_copy_is_copied_and_validated_again(
    tmp_path: Path, address: str, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = InboxDesk(tmp_path / "inbox", server.base_url, table={"order": "name"}, cluster=address)
    for number in (1, 2, 3):
        desk.drop(f"points-{number}.csv", points((f"customer-{number}", "5")))

    def change(_: Changing, copy: Path) -> None:
        if copy.name == "points-2.csv":
            desk.drop("points-2.csv", points(("customer-2", "8")))
        if copy.name == "points-3.csv":
            copy.unlink()  # the copy itself is lost: the file in the inbox counts

    monkeypatch.setattr(Changing, "change", change)
    monkeypatch.setattr(passes, "ChecksAhead", Changing)
    assert states(desk.run()) == {
        "points-1.csv": "imported", "points-2.csv": "waiting", "points-3.csv": "imported",
    }  # fmt: skip
    monkeypatch.undo()
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    assert states(desk.run()) == {"points-2.csv": "imported"}
    assert held(server.state) == {("customer-1", "5"): 1, ("customer-2", "8"): 1, ("customer-3", "5"): 1}


def task_of(path: Path, sha256: str | None = None, **settings: Any) -> CopyTask:
    return CopyTask(
        contract=CONTRACTS["coupons"],
        file=str(path),
        sha256=sha256 or sha256_of(path),
        settings=ValidationSettings(now=NOW, **settings),
        until=NOW + timedelta(hours=1),
        limits=adjustable(),
        build=this_build(),
    )


def test_a_report_that_depends_on_the_time_until_its_use_is_not_made(tmp_path: Path) -> None:
    for expiry, same in (
        ("2026-12-01T11:59:59Z", True),
        ("2026-12-01T12:30:00Z", False),
        ("2026-12-02T00:00:00Z", True),
    ):
        path = tmp_path / "coupons.csv"
        path.write_text(f"value,expirydate\nCODE-1,{expiry}\n")
        report = check_copy(task_of(path))
        assert (report is not None) is same, expiry
        assert report is None or report == validate_files(CONTRACTS["coupons"], [path], settings=task_of(path).settings)
        assert check_copy(task_of(path, ignore=("DAT105",))) is not None


def test_a_copy_with_other_bytes_or_missing_is_an_error_and_one_of_this_machine_only_is_none(tmp_path: Path) -> None:
    path = tmp_path / "coupons.csv"
    path.write_text("value\nCODE-1\n")
    known = sha256_of(path)
    path.write_text("value\nCODE-2\n")
    with pytest.raises(InputUnreadable, match="another machine has another file there"):
        check_copy(task_of(path, known))
    with pytest.raises(InputUnreadable, match="does not exist"):
        check_copy(task_of(tmp_path / "missing.csv", known))
    path.write_bytes(gzip.compress(b"value\nCODE-1\n"))
    assert check_copy(task_of(path)) is None


def test_a_report_for_other_settings_or_of_another_time_is_not_used(tmp_path: Path, address: str) -> None:
    path = tmp_path / "coupons.csv"
    path.write_text("value\nCODE-1\nCODE-1\n")
    made = ValidationSettings(now=NOW, ignore=("UNQ",))
    for changes, errors, applies in (
        ({"now": NOW + timedelta(minutes=59)}, 0, True),
        ({"ignore": ()}, 1, False),
        ({"now": NOW + timedelta(minutes=61)}, 0, False),
        ({"now": NOW - timedelta(seconds=1)}, 0, False),
    ):
        with opened_cluster(address) as cluster:
            checks = ChecksAhead(cluster)
            # The worker reports other bytes; this is a problem only if the report is used.
            checks.submit(CONTRACTS["coupons"], path, "0" * 64, made)
            assert checks.validate(CONTRACTS["coupons"], path, replace(made, **changes)).errors == errors
            assert (checks.problem is not None) is applies


EARLY = (4, 24)
"""Steps at which a pass has copies that no row of its book names."""


@pytest.mark.parametrize("step", [*EARLY, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, STEPS, 7))])
def test_a_pass_on_a_cluster_that_is_killed_at_a_step_is_completed_by_the_next(
    step: int, server: SandboxServer, tmp_path: Path, address: str
) -> None:
    desk = replace(filled(tmp_path / "inbox", server.base_url, 3000 + step), cluster=address)
    process = start(desk, Kill(step=step, after=step % 2 == 0))
    process.join(600)
    assert process.exitcode in (-9, 1)
    if step in EARLY:
        with desk.book() as book:
            assert len(desk.kept("state/**/inboxes/partner/work/[!d]*")) > len(book.open_drops())
    assert desk.run().exit in (0, 1)
    check(desk, server, 3000 + step)


def test_a_cluster_that_cannot_read_the_copies_or_ends_is_noted_once_and_all_files_are_imported(
    tmp_path: Path, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workers").mkdir()
    monkeypatch.chdir(tmp_path)
    with process_cluster(tmp_path / "workers", 1) as cluster:
        cluster.wait_for_workers(1)
        # The same path names another folder in each process: a disk that is not shared.
        desk = InboxDesk(Path("/proc/self/cwd/inbox"), server.base_url, cluster=cluster.address)
        for number in range(4):
            desk.drop(f"points-{number}.csv", points((f"customer-{number}", "5")))
        result = desk.run()
        (note,) = result.notes
        assert "does not exist" in note
        assert "put it where all workers can read it under the same path" in note
        assert set(states(result).values()) == {"imported"}

        shared = InboxDesk(tmp_path / "shared", server.base_url, cluster=cluster.address)
        for number in range(4):
            shared.drop(f"points-{number}.csv", points((f"guest-{number}", "5")))

        def end_scheduler(*_: object) -> None:
            os.kill(cluster.processes[0].pid, signal.SIGKILL)

        monkeypatch.setattr(Changing, "change", end_scheduler)
        monkeypatch.setattr(passes, "ChecksAhead", Changing)
        result = shared.run()
        (note,) = result.notes
        assert "the connection to the cluster was lost" in note
        assert set(states(result).values()) == {"imported"}
    assert len(held(server.state)) == 8


def test_the_command_prints_the_same_on_a_cluster_and_imports_without_one_that_does_not_respond(
    tmp_path: Path, address: str, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "_CONNECT_SECONDS", 1)
    written(tmp_path, server.base_url)
    inside = Inside(tmp_path / "state", server.base_url)
    words = ("--config", str(tmp_path / "bulkops.toml"), "inbox", "partner", "--json")
    for name, given, noted in (
        ("points-1.csv", (), ""),
        ("points-2.csv", ("--cluster", address), ""),
        ("points-3.csv", ("--cluster", "tcp://127.0.0.1:1"), "No dask scheduler responds at tcp://127.0.0.1:1"),
    ):
        (tmp_path / "in" / name).write_text(points((f"customer-{name}", "5"), (f"customer-{name}", "many")))
        ended = inside.run(*words, *given)
        assert (ended.code, ended.json["files"][0]["state"]) == (1, "partial")
        assert noted in "".join(ended.json["notes"])
        assert bool(ended.json["notes"]) is bool(noted)
    ended = inside.run(*words, "--cluster", "nonsense")
    assert (ended.code, "is not the address of a cluster" in ended.err) == (2, True)
