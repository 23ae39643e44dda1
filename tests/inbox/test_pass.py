"""One pass over an inbox, against the sandbox: imported files, quarantined files, and the evidence that is kept."""

import csv
import errno
import gzip
import hashlib
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bulkops import tabular
from bulkops.clock import SystemClock
from bulkops.errors import DataError, UsageError
from bulkops.inbox import archiving, passes, processing
from bulkops.inbox.book import Book, Drop
from bulkops.inbox.passes import PassResult
from bulkops.inbox.processing import ContractImport
from bulkops.ledger.models import JobEntry
from bulkops.pipeline.importing import Destination, ImportRequest, import_file
from bulkops.pipeline.observer import Silent
from bulkops.pipeline.resuming import resume_job
from bulkops.remote.versions import aside_name
from bulkops.sandbox.serve import SandboxServer
from bulkops.settings import Secret, Target
from bulkops.transport import retries
from bulkops.transport.limiter import NoLimiter
from bulkops.upload import workflow
from bulkops.upload.partial_resolution import find_part, record_part
from bulkops.upload.workflow import Guards
from bulkops_validators import CONTRACTS
from tests.crash.desk import Desk
from tests.foreign.files import IDS, write
from tests.foreign.server import ForeignServer
from tests.inbox.desk import COUPONS, POINTS, InboxDesk, balanced, held, points, states


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    with SandboxServer(rate_limit=0) as running:
        yield running


@pytest.fixture
def desk(server: SandboxServer, tmp_path: Path) -> InboxDesk:
    return InboxDesk(tmp_path / "inbox", server.base_url)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_is_imported_once_and_archived_with_its_evidence(desk: InboxDesk, server: SandboxServer) -> None:
    text = points(("customer-0001", "5"), ("customer-0002", "7"))
    desk.drop("points-1.csv", text)
    first = desk.run()
    assert (first.exit, states(first)) == (0, {"points-1.csv": "imported"})
    (file,) = first.files
    assert file["archived_to"] is not None
    archived = Path(file["archived_to"])
    assert archived.read_text() == text
    assert file["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert [path.name for path in sorted(archived.parent.iterdir())] == [
        "drop.json", "points-1.csv", "report.html", "result.csv",
    ]  # fmt: skip
    found = rows(archived.parent / "result.csv")
    assert [(row["line"], row["result"], row["customerprofileid"]) for row in found] == [
        ("2", "accepted", "customer-0001"), ("3", "accepted", "customer-0002"),
    ]  # fmt: skip
    assert found[0]["import_id"].isdecimal()
    assert json.loads((archived.parent / "drop.json").read_text())["jobs"] == [file["job"]]
    with desk.ledger() as ledger:
        assert ledger.job(str(file["job"])).file_path == archived.absolute()
    assert list(desk.drops.iterdir()) == []
    assert held(server.state) == {("customer-0001", "5"): 1, ("customer-0002", "7"): 1}
    again = desk.run()
    assert (again.exit, list(again.files)) == (0, [])


def test_a_file_with_the_name_of_its_result_is_archived_beside_it(desk: InboxDesk, server: SandboxServer) -> None:
    desk.files[0]["match"] = "*.csv"
    dropped = desk.drop("result.csv", points(("customer-0001", "5")))
    text = dropped.read_text()
    (file,) = desk.run().files
    archived = Path(str(file["archived_to"]))
    assert (archived.name, archived.read_text()) == ("result.csv", text)
    (row,) = rows(archived.with_name("result~2.csv"))
    assert (row["result"], row["customerprofileid"]) == ("accepted", "customer-0001")


def test_content_seen_before_is_skipped_and_names_the_job(desk: InboxDesk, server: SandboxServer) -> None:
    text = points(("customer-0001", "5"))
    desk.drop("points-1.csv", text)
    job = desk.run().files[0]["job"]
    desk.drop("points-2.csv", text)
    desk.drop("points-3.csv.gz", gzip.compress(text.encode()))
    desk.drop("points-1.csv", text)  # the same name again
    result = desk.run()
    assert result.exit == 0
    assert set(states(result).values()) == {"skipped"}
    assert all(str(job) in str(each["reason"]) for each in result.files)
    assert balanced(result)
    assert sum(held(server.state).values()) == 1
    assert len({each["archived_to"] for each in result.files}) == 3
    assert len(desk.kept("archive/*/*/points-1.csv")) == 2


def test_a_gz_file_is_imported_and_its_content_stays_comparable(desk: InboxDesk, server: SandboxServer) -> None:
    text = points(("customer-0001", "5"))
    desk.drop("points-ö.csv.gz", gzip.compress(text.encode()))
    (file,) = desk.run().files
    assert file["state"] == "imported"
    with desk.ledger() as ledger:
        sent = ledger.job(str(file["job"])).file_path
    assert sent.read_text() == text
    assert sent.parent.parent == Path(str(file["archived_to"])).parent


@pytest.mark.parametrize(
    ("name", "content", "state", "reason"),
    [
        ("points-1.csv", b"", "skipped", "it is empty"),
        ("points-1.csv", b"customerprofileid,amount\n", "skipped", "it is empty"),
        ("points-1.csv.gz", gzip.compress(b"customerprofileid,amount\na,1\n", mtime=0)[:-9], "quarantined", "damaged"),
        ("points-1.csv", b"PK\x03\x04 a workbook", "quarantined", ""),
        ("points-1.csv", b"customerprofileid;amount\na;1\n", "quarantined", "error"),
    ],
)
def test_an_odd_file_leaves_the_inbox_with_its_reason(
    name: str, content: bytes, state: str, reason: str, desk: InboxDesk, server: SandboxServer
) -> None:
    desk.drop(name, content)
    result = desk.run()
    assert states(result) == {name: state}
    assert result.exit == (0 if state == "skipped" else 1)
    assert reason in str(result.files[0]["reason"])
    folder = "archive" if state == "skipped" else "quarantine"
    (kept,) = desk.kept(f"{folder}/*/*/{name}")
    assert kept.read_bytes() == content
    if name.endswith(".gz"):
        (row,) = rows(kept.parent / "result.csv")
        assert (row["result"], reason in row["reason"]) == (state, True)
    assert list(desk.drops.iterdir()) == []
    assert not held(server.state)


def test_with_refuse_a_file_with_a_bad_row_is_quarantined_as_a_whole(desk: InboxDesk, server: SandboxServer) -> None:
    desk.drop("points-1.csv", points(("customer-0001", "5"), ("customer-0002", "many")))
    result = desk.run()
    assert (result.exit, states(result)) == (1, {"points-1.csv": "quarantined"})
    assert balanced(result)
    (found,) = desk.kept("quarantine/*/*/result.csv")
    bad = rows(found)[1]
    assert (bad["line"], bad["result"], bad["column"]) == ("3", "quarantined", "amount")
    assert "many" in bad["reason"]
    assert rows(found)[0]["result"] == "not sent"
    assert not held(server.state)


def test_with_quarantine_good_rows_continue_and_corrected_ones_are_recognised(
    desk: InboxDesk, server: SandboxServer
) -> None:
    desk.table = {"on_findings": "quarantine"}
    desk.files = [dict(POINTS) | {"match": "points-[0-9].csv", "expect": {"min_records": 3}}]
    desk.drop("points-1.csv", points(("customer-0001", "5"), ("customer-0002", "many"), ("customer-0003", "2")))
    result = desk.run()
    (file,) = result.files
    assert (result.exit, file["state"]) == (1, "partial")
    assert (file["records"]["accepted"], file["records"]["quarantined"], balanced(result)) == (2, 1, True)
    assert held(server.state) == {("customer-0001", "5"): 1, ("customer-0003", "2"): 1}
    (rejected,) = desk.kept("quarantine/*/*/*.csv")[:1]
    assert rejected.name == file["rejected_file"]
    assert rejected.read_text() == points(("customer-0002", "many"))
    (reasons,) = desk.kept("quarantine/*/*/*.reasons.csv")
    assert [(row["line"], row["column"]) for row in rows(reasons)] == [("3", "amount")]
    (sent,) = desk.kept("archive/*/*/sent/points-1.csv")
    assert sent.read_text() == points(("customer-0001", "5"), ("customer-0003", "2"))
    found = rows(Path(str(file["archived_to"])).parent / "result.csv")
    assert [row["result"] for row in found] == ["accepted", "quarantined", "accepted"]
    assert [each["records"] for each in desk.status().corrections] == [1]
    # The corrected file matches no pattern, and has fewer records than are expected of a new file.
    desk.drop(rejected.name, rejected.read_text().replace("many", "9"))
    corrected = desk.run()
    assert (corrected.exit, corrected.files[0]["state"]) == (0, "imported")
    assert corrected.files[0]["corrects"] == "points-1.csv"
    assert held(server.state)["customer-0002", "9"] == 1
    assert desk.status().corrections == []


def test_rows_that_the_server_rejects_come_back_as_a_file(desk: InboxDesk, server: SandboxServer) -> None:
    desk.files = [dict(COUPONS)]
    desk.drop("coupons-1.csv", "value,limitval\nCODE-A,1\n")
    desk.run()
    desk.drop("coupons-2.csv", "value,limitval\n" + "".join(f"NEW-{n:03},2\n" for n in range(20)) + "CODE-A,2\n")
    result = desk.run()
    (file,) = result.files
    assert (result.exit, file["state"]) == (1, "partial")
    assert (file["records"]["accepted"], file["records"]["rejected"]) == (20, 1)
    (rejected,) = [each for each in desk.kept("quarantine/*/*/coupons-2.rejected-*.csv") if "reasons" not in each.name]
    assert rejected.read_text() == "value,limitval\nCODE-A,2\n"
    last = rows(Path(str(file["archived_to"])).parent / "result.csv")[-1]
    assert (last["line"], last["result"]) == ("22", "rejected")
    assert last["reason"]


def test_a_cumulative_file_sends_only_its_new_rows(desk: InboxDesk, server: SandboxServer) -> None:
    desk.files = [dict(POINTS) | {"cumulative": True}]
    known = [(f"customer-{n:04}", str(n)) for n in range(1, 13)]
    desk.drop("points-1.csv", points(*known))
    desk.run()
    desk.drop("points-2.csv", points(("customer-0020", "1"), *known, ("customer-0021", "2")))
    (file,) = desk.run().files
    assert (file["state"], file["records"]["accepted"], file["records"]["skipped"]) == ("imported", 2, 12)
    assert max(held(server.state).values()) == 1
    found = rows(Path(str(file["archived_to"])).parent / "result.csv")
    assert [row["result"] for row in found] == ["accepted", *["skipped"] * 12, "accepted"]
    desk.drop("points-3.csv", points(*reversed(known)))
    (file,) = desk.run().files
    assert (file["state"], file["records"]["skipped"]) == ("skipped", 12)


def test_a_file_that_repeats_an_earlier_one_with_additions_is_set_aside(desk: InboxDesk, server: SandboxServer) -> None:
    known = [(f"customer-{n:04}", str(n)) for n in range(1, 13)]
    desk.drop("points-1.csv", points(*known))
    desk.run()
    desk.drop("points-2.csv", points(*known, ("customer-0021", "2")))
    result = desk.run()
    assert (result.exit, states(result)) == (5, {"points-2.csv": "quarantined"})
    assert "already sent" in str(result.files[0]["reason"])
    assert "Give `cumulative = true` in its pattern to send the new records only" in str(result.files[0]["hint"])
    assert desk.run().exit == 0
    assert sum(held(server.state).values()) == 12


def test_a_growing_file_waits_until_it_is_unchanged(desk: InboxDesk, server: SandboxServer) -> None:
    desk.table = {"quiet": "1s"}
    path = desk.drop("points-1.csv", points(("customer-0001", "5")))
    os.utime(path, (1, 1))  # a program may keep the time of the original
    assert states(desk.run()) == {"points-1.csv": "waiting"}
    path.write_text(points(("customer-0001", "5"), ("customer-0002", "7")))
    result = desk.run()
    assert (result.exit, states(result)) == (0, {"points-1.csv": "waiting"})
    time.sleep(1.1)
    assert states(desk.run()) == {"points-1.csv": "imported"}
    assert sum(held(server.state).values()) == 2


def test_a_file_that_changes_after_it_was_taken_stays_and_is_handled_again(
    desk: InboxDesk, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.drop("points-1.csv", points(("customer-0001", "5")))
    original = ContractImport.run

    def grown(self: Any) -> Any:
        result = original(self)
        path.write_text(points(("customer-0001", "5"), ("customer-0002", "7")))
        return result

    monkeypatch.setattr(ContractImport, "run", grown)
    result = desk.run()
    monkeypatch.undo()
    assert states(result) == {"points-1.csv": "imported"}
    assert any("has changed" in note for note in result.notes)
    assert path.exists()
    assert held(server.state) == {("customer-0001", "5"): 1}


def test_markers_and_manifests_decide_when_a_file_is_complete(desk: InboxDesk, server: SandboxServer) -> None:
    desk.table = {"quiet": "1h", "marker": "{name}.done"}
    desk.drop("points-1.csv", points(("customer-0001", "5")))
    desk.drop("points-2.csv", points(("customer-0002", "5")))
    desk.drop("points-1.csv.done", "")
    assert states(desk.run()) == {"points-1.csv": "imported", "points-2.csv": "waiting"}
    assert [path.name for path in desk.drops.iterdir()] == ["points-2.csv"]
    assert len(desk.kept("archive/*/*/points-1.csv.done")) == 1
    desk.table = {"quiet": "0s", "manifest": "{stem}.manifest.json"}
    data = points(("customer-0003", "5")).encode()
    right = {"records": 1, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    for number, manifest in enumerate([right, right | {"records": 2}, right | {"sha256": "0" * 64}, {}], start=3):
        desk.drop(f"points-{number}.csv", data + b"" * number)
        desk.drop(f"points-{number}.manifest.json", json.dumps(manifest))
    result = desk.run()
    assert states(result) == {
        "points-2.csv": "waiting",
        "points-3.csv": "imported",
        "points-4.csv": "skipped",
        "points-5.csv": "quarantined",
        "points-6.csv": "quarantined",
    }
    assert sum(held(server.state).values()) == 2


def test_the_manifest_of_a_file_states_its_number_of_records(desk: InboxDesk, server: SandboxServer) -> None:
    desk.table = {"manifest": "{stem}.manifest.json"}
    desk.drop("points-1.csv", points(("customer-0001", "5")))
    desk.drop("points-1.manifest.json", '{"files": [{"name": "points-1.csv", "records": 2}]}')
    result = desk.run()
    assert (result.exit, states(result)) == (1, {"points-1.csv": "quarantined"})
    reason = str(result.files[0]["reason"])
    assert "1 record; its manifest says 2" in reason
    assert not held(server.state)
    check_quarantined(desk, result, 1, reason)


def check_quarantined(desk: InboxDesk, result: PassResult, count: int, reason: str) -> None:
    """Check that all records of the only file are counted in quarantine, and that its result gives the reason."""
    (file,) = result.files
    assert (file["records"]["input"], file["records"]["quarantined"]) == (count, count)
    found = rows(Path(str(file["archived_to"])).with_name("result.csv"))
    assert [(row["result"], row["reason"]) for row in found] == [("quarantined", reason)] * count


def test_an_unusual_file_is_set_aside_or_only_reported(desk: InboxDesk, server: SandboxServer) -> None:
    desk.files = [dict(POINTS) | {"expect": {"change": "50%"}}]
    for number in range(3):
        desk.drop(f"points-{number}.csv", points(*((f"customer-{n:04}", str(number + 1)) for n in range(10))))
        assert desk.run().exit == 0
    small = points(("customer-0001", "77"))
    desk.drop("points-8.csv", small)
    result = desk.run()
    assert (result.exit, states(result)) == (1, {"points-8.csv": "quarantined"})
    assert "10 are usual" in str(result.files[0]["reason"])
    check_quarantined(desk, result, 1, str(result.files[0]["reason"]))
    assert balanced(result)
    desk.files = [dict(POINTS) | {"expect": {"change": "50%", "otherwise": "warn"}}]
    desk.drop("points-9.csv", small)
    result = desk.run()
    assert (result.exit, states(result)) == (0, {"points-9.csv": "imported"})
    assert ["10 are usual" in each["text"] for each in result.expectations] == [True]


class At(SystemClock):
    """A clock that shows another time of the day."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def test_a_refused_file_with_too_many_rows_for_a_sheet_leaves_the_inbox(
    desk: InboxDesk, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tabular, "MAX_ROWS", 2)
    desk.table = {"result": ["xlsx", "csv"]}
    desk.files[0]["expect"] = {"max_records": 2}
    desk.drop("points-1.csv", points(*[("customer-0001", str(number)) for number in range(1, 4)]))
    result = desk.run()
    assert (result.exit, states(result)) == (1, {"points-1.csv": "quarantined"})
    assert [note for note in result.notes if "result.xlsx was not written" in note]
    (kept,) = desk.kept("quarantine/*/*/points-1.csv")
    assert sorted(path.name for path in kept.parent.iterdir()) == ["drop.json", "points-1.csv", "result.csv"]


def test_an_empty_inbox_is_exit_0_until_a_file_is_due(desk: InboxDesk, server: SandboxServer) -> None:
    now = datetime.now(UTC)
    due = now - timedelta(minutes=30)
    desk.files = [dict(POINTS) | {"expect": {"due": f"{due:%H:%M}", "timezone": "UTC"}}]
    assert desk.run(clock=At(now - timedelta(hours=1))).exit == 0
    late = desk.run()
    assert late.exit == 1
    assert [each["state"] for each in late.expectations] == ["missed"]
    assert desk.status().exit == 1
    desk.drop("points-1.csv", points(("customer-0001", "5")))
    result = desk.run()
    assert (result.exit, [each["state"] for each in result.expectations]) == (0, ["late"])
    assert desk.status().exit == 0


def test_files_are_imported_in_order_and_do_not_overtake_each_other(desk: InboxDesk, server: SandboxServer) -> None:
    for number in (3, 1, 2):
        desk.drop(f"points-{number}.csv", points((f"customer-{number:04}", "5")))
        time.sleep(0.01)
    desk.table = {"order": "name"}
    assert list(states(desk.run())) == ["points-1.csv", "points-2.csv", "points-3.csv"]
    for number in (6, 4, 5):
        desk.drop(f"points-{number}.csv", points((f"customer-{number:04}", "5")))
        time.sleep(0.01)
    desk.table = {}
    assert list(states(desk.run())) == ["points-6.csv", "points-4.csv", "points-5.csv"]


def test_the_content_before_the_latest_is_imported_again_where_imports_overwrite(
    desk: InboxDesk, server: SandboxServer
) -> None:
    desk.files = [{"match": "tiers-*.csv", "contract": "loyalty-tiers", "ids": {"program": 1}, "reconcile": False}]
    header = "customerprofileid,tiername,subledgerid,expirydate\n"
    one, other = f"{header}customer-0001,Gold,,\n", f"{header}customer-0001,Silver,,\n"
    found = []
    for number, text in enumerate([one, other, one, one]):
        desk.drop(f"tiers-{number}.csv", text)
        found += list(states(desk.run()).values())
    assert found == ["imported", "imported", "imported", "skipped"]


def test_unknown_and_unfinished_names_stay_and_are_reported(desk: InboxDesk, server: SandboxServer) -> None:
    for name in ("notes.txt", "points-1.csv.filepart", "points-1.csv.part", ".points-1.csv", "points-1.csv~"):
        desk.drop(name, points(("customer-0001", "5")))
    (desk.drops / "points-2.csv").symlink_to(desk.drops / "notes.txt")
    (desk.drops / "points-3.csv").mkdir()
    result = desk.run()
    assert (result.exit, states(result)) == (0, {"notes.txt": "waiting"})
    assert len(list(desk.drops.iterdir())) == 7
    assert not held(server.state)


def test_a_job_in_doubt_is_reported_and_other_files_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    with ForeignServer() as server:
        files = [dict(POINTS) | {"ids": dict(IDS["loyalty-points"])}]
        desk = InboxDesk(tmp_path, server.base_url, files=files, key="foreign")
        server.world.faults = ["lost after half"]
        desk.drop("points-1.csv", write(tmp_path / "one.csv", "loyalty-points", records=20).read_bytes())
        time.sleep(0.01)
        desk.drop("points-2.csv", points(("customer-77", "3"), ("customer-78", "4")))
        result = desk.run()
        assert (result.exit, states(result)) == (4, {"points-1.csv": "waiting", "points-2.csv": "imported"})
        job = str(result.files[0]["job"])
        before = len(server.world.rows["loyalty-points"])
        again = desk.run()
        assert (again.exit, states(again)) == (4, {"points-1.csv": "waiting"})
        assert desk.status().exit == 4
        assert len(server.world.rows["loyalty-points"]) == before
        clerk = Desk(folder=tmp_path / "state", base_url=server.base_url, key="foreign")
        with clerk.opened(clerk.ledger.job(job), clerk.target(IDS["loyalty-points"])) as context:
            record_part(context, find_part(context, 1), "half of it is in the export")
        clerk.ledger.close()
        last = desk.run()
        assert (last.exit, states(last)) == (0, {"points-1.csv": "imported"})
        assert last.files[0]["records"]["accepted"] == 20
        assert len(server.world.rows["loyalty-points"]) == 22


def test_a_server_that_cannot_be_reached_leaves_every_file_in_the_inbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    monkeypatch.setattr(retries, "BASE_SECONDS", 0.001)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    desk = InboxDesk(tmp_path / "inbox", f"http://127.0.0.1:{port}")
    for number in range(1, 5):
        desk.drop(f"points-{number}.csv", points((f"customer-{number:04}", "5")))
    result = desk.run()
    # The server is given up after two files, each with its retries.
    assert (result.exit, sorted(states(result).values())) == (3, ["failed", "failed", "waiting", "waiting"])
    assert len(list(desk.drops.iterdir())) == 4
    jobs = [each["job"] for each in result.files if each["job"]]
    desk.base_url = "http://127.0.0.1:9"  # another server does not get the files of unfinished jobs
    other = desk.run()
    assert (other.exit, [each["state"] for each in other.files[:2]]) == (5, ["failed", "waiting"])
    assert "not to http://127.0.0.1:9" in str(other.files[0]["reason"])
    assert len(list(desk.drops.iterdir())) == 4
    with SandboxServer(rate_limit=0, port=port) as server:
        desk.base_url = server.base_url
        last = desk.run()
        assert set(states(last).values()) == {"imported"}
        assert [each["job"] for each in last.files[:2]] == jobs  # they were resumed, not begun again
        assert sum(held(server.state).values()) == 4


def test_a_dry_run_changes_nothing(desk: InboxDesk, server: SandboxServer) -> None:
    desk.drop("points-1.csv", points(("customer-0001", "5")))
    desk.drop("points-2.csv", points(("customer-0001", "many")))
    result = desk.run(dry_run=True)
    assert states(result) == {"points-1.csv": "waiting", "points-2.csv": "quarantined"}
    assert "ready to import" in str(result.files[0]["reason"])
    assert len(list(desk.drops.iterdir())) == 2
    assert desk.kept("archive/**/*") == desk.kept("quarantine/**/*") == []
    assert not held(server.state)
    assert states(desk.run()) == {"points-1.csv": "imported", "points-2.csv": "quarantined"}


def test_a_second_pass_at_the_same_time_takes_nothing(desk: InboxDesk, server: SandboxServer) -> None:
    desk.run()
    desk.drop("points-1.csv", points(("customer-0001", "5")))
    with desk.ledger() as ledger, ledger.exclusive("inbox-partner", what="The inbox partner"):
        result = desk.run()
    assert (result.exit, result.figures["state"]) == (0, "busy")
    assert not held(server.state)


def test_masked_results_contain_no_value(desk: InboxDesk, server: SandboxServer) -> None:
    desk.table = {"on_findings": "quarantine", "mask": True, "result": ["csv", "xlsx", "html"]}
    desk.drop("points-1.csv", points(("customer-0001", "5"), ("customer-secret", "secret-amount")))
    desk.run()
    made = [each for name in ("archive/*/*/re*.*", "quarantine/*/*/*.reasons.csv") for each in desk.kept(name)]
    assert len(made) == 5
    for path in made:
        if path.suffix != ".xlsx":
            assert "secret" not in path.read_text(encoding="utf-8-sig"), path


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([{"match": "a", "contract": "loyalty-tiers", "cumulative": True}], "overwrites existing rows"),
        ([dict(POINTS) | {"expect": {"due": "03:00", "timezone": "Europe/Nowhere"}}], "time zone"),
    ],
)
def test_contradictory_settings_are_refused_before_any_file_is_touched(
    files: list[dict[str, Any]], message: str, desk: InboxDesk
) -> None:
    desk.files = files
    with pytest.raises(UsageError, match=message):
        desk.run()


class Stopping(Silent):
    """An observer that ends an import when its job is in the ledger and nothing was sent."""

    def began(self, job: JobEntry) -> None:  # noqa: ARG002 - the observer's
        raise DataError("stopped")


@pytest.mark.parametrize("others_resume", [True, False])
def test_records_that_an_unfinished_job_will_send_are_not_sent_by_a_later_file(
    others_resume: bool, desk: InboxDesk, server: SandboxServer, tmp_path: Path
) -> None:
    rows = [(f"customer-{n:04}", str(n)) for n in range(1, 13)]
    target = Target(base_url=server.base_url, ids={"program": 1}, authorization=Secret("ManagementKey-v1 desk"))
    guards = Guards(only_new=True, leave_unfinished=True)
    request = ImportRequest(
        contract=CONTRACTS["loyalty-points"], file=tmp_path / "a.csv", guards=guards, others_resume=others_resume
    )
    request.file.write_text(points(*rows))
    other = replace(request, file=tmp_path / "b.csv")
    other.file.write_text(points(("customer-0099", "1"), *rows))
    (desk.folder / "state").mkdir()
    with desk.ledger() as ledger:
        place = Destination.at(target, ledger)
        with pytest.raises(DataError, match="stopped"):
            import_file(request, place, clock=SystemClock(), observer=Stopping())
        import_file(other, place, clock=SystemClock())
        (first, _) = ledger.jobs()
        resume_job(first, ledger, place.target, clock=SystemClock())
    assert max(held(server.state).values()) == (1 if others_resume else 2)


FAILURES = {
    "a file cannot be read": (OSError(errno.EACCES, "Permission denied"), "points-3.csv", "imported"),
    "the disk is full": (OSError(errno.ENOSPC, "No space left on device"), "No space left on device", "waiting"),
}


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("at", ["take", "manifest_of", "import_file", "settle", "write_feedback"])
def test_an_error_of_this_machine_fails_one_file_and_the_pass_ends_with_a_summary(
    case: str, at: str, desk: InboxDesk, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, said, others = FAILURES[case]
    for number in (1, 2, 3):
        desk.drop(f"points-{number}.csv", points((f"customer-{number}", "5")))
        os.utime(desk.drops / f"points-{number}.csv", (number, number))
        desk.drop(f"points-{number}.manifest.json", '{"records": 1}')
    desk.table |= {"order": "name", "manifest": "{stem}.manifest.json"}
    owner = {"import_file": processing, "write_feedback": archiving}.get(at, passes)
    original, calls = getattr(owner, at), []

    def failing(*given: Any, **named: Any) -> Any:
        calls.append(at)
        if len(calls) == 2:
            raise error
        return original(*given, **named)

    monkeypatch.setattr(owner, at, failing)
    result = desk.run()
    monkeypatch.undo()
    assert states(result) == {"points-1.csv": "imported", "points-2.csv": "failed", "points-3.csv": others}
    assert result.exit == result.figures["exit"] == 3
    assert balanced(result)
    reasons = " ".join(each["reason"] or "" for each in result.files)
    assert str(error.strerror) in reasons
    assert said in reasons or others == "imported"
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    assert desk.run().exit == 0
    assert held(server.state) == {(f"customer-{number}", "5"): 1 for number in (1, 2, 3)}
    assert list(desk.drops.iterdir()) == []


def test_a_pass_reports_the_files_before_a_failure_of_its_book(
    desk: InboxDesk, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        desk.drop(f"points-{number}.csv", points((f"customer-{number}", "5")))
    desk.table["order"] = "name"
    original, kept = Book.keep, []

    def failing(self: Book, drop: Drop) -> Drop:
        kept.append(drop)
        if drop.name == "points-2.csv" and len(kept) > 5:
            raise sqlite3.OperationalError("disk I/O error")
        return original(self, drop)

    monkeypatch.setattr(Book, "keep", failing)
    result = desk.run()
    assert states(result) == {"points-1.csv": "imported"}
    assert result.exit == 2
    assert "disk I/O error" in str(result.figures["error"])
    monkeypatch.undo()
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    assert desk.run().exit == 0
    assert held(server.state) == {("customer-1", "5"): 1, ("customer-2", "5"): 1}


def test_a_file_that_a_killed_pass_set_aside_is_removed_or_gets_its_name(server: SandboxServer, tmp_path: Path) -> None:
    desk = InboxDesk(tmp_path, server.base_url)
    dropped = desk.drop("points-1.csv", points(("Ann-aside", "5")))
    os.link(dropped, tmp_path / "same")
    desk.drop("points-2.csv", points(("Ben-aside", "5")))
    assert set(states(desk.run()).values()) == {"imported"}
    imported, other, unknown = (desk.drops / aside_name(name) for name in ("points-1.csv", "points-2.csv", "never"))
    os.link(tmp_path / "same", imported)
    for path, customer in ((other, "Cem-aside"), (unknown, "Dee-aside")):
        path.write_text(points((customer, "5")))
    assert desk.run(dry_run=True).notes == []
    assert imported.exists()
    result = desk.run()
    assert sorted(path.name for path in desk.drops.iterdir()) == [unknown.name, "points-2.csv"]
    assert [note.split(":")[0] for note in result.notes] == [str(unknown), "points-2.csv"]
    assert states(desk.run()) == {"points-2.csv": "imported"}
    assert held(server.state)["Cem-aside", "5"] == 1


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_a_file_with_the_longest_name_is_divided_and_its_correction_is_recognised(
    suffix: str, desk: InboxDesk, server: SandboxServer
) -> None:
    desk.files = [{**POINTS, "cumulative": True}]
    desk.table = {"on_findings": "quarantine"}
    desk.drop("points-1.csv", points(("Ann", "5")))
    assert states(desk.run()) == {"points-1.csv": "imported"}
    content = points(("Ann", "5"), ("Ben", "7"), ("Cem", "many")).encode()
    name = f"points-{'ä' * ((255 - 7 - len(suffix)) // 2)}{suffix}"
    desk.drop(name, gzip.compress(content) if suffix.endswith(".gz") else content)
    result = desk.run()
    assert states(result) == {name: "partial"}, result.files
    assert balanced(result)
    (rejected,) = (path for path in desk.kept("quarantine/*/*/*.rejected-*.csv") if ".reasons" not in path.name)
    assert rejected.with_name(f"{rejected.name}.reasons.csv").exists()
    desk.drop(rejected.name, rejected.read_text().replace("many", "9"))
    assert states(desk.run()) == {rejected.name: "imported"}
    assert held(server.state) == {("Ann", "5"): 1, ("Ben", "7"): 1, ("Cem", "9"): 1}
    with desk.book() as book:
        assert book.pending_rejects() == {}


def test_a_file_whose_contract_needs_more_ids_waits_with_the_missing_ones(desk: InboxDesk) -> None:
    desk.files = [{**COUPONS, "ids": {}}]
    desk.drop("coupons-1.csv", "value\nNEW-1\n")
    (file,) = desk.run().files
    assert (file["state"], file["exit"], file["hint"]) == ("failed", 2, "Add it to `ids` of the pattern.")
    assert "coupons needs the id application and campaign" in str(file["reason"])
    desk.files = [dict(COUPONS)]
    assert states(desk.run()) == {"coupons-1.csv": "imported"}
