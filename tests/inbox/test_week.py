"""A week of drops by a second program, while passes are killed and overlap; another server holds the truth."""

import gzip
import multiprocessing
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import boto3
import pytest
from moto.server import ThreadedMotoServer

from bulkops.remote.opening import close_stores
from bulkops.transport.limiter import NoLimiter
from bulkops.upload import workflow
from tests.foreign.server import ForeignServer
from tests.inbox.desk import InboxDesk, Kill, points, start
from tests.remote.servers import sftp_server

PROGRAM = {"program": 3}
FILES = [
    {"match": "points-*.csv*", "contract": "loyalty-points", "ids": PROGRAM, "reconcile": False},
    {
        "match": "all-*.csv",
        "contract": "loyalty-points",
        "ids": PROGRAM,
        "reconcile": False,
        "cumulative": True,
        "expect": {"due": "03:00", "otherwise": "warn"},
    },
]
TABLE = {"quiet": "4s", "on_findings": "quarantine", "result": ["csv"]}
Row = tuple[str, str]
PATIENCE = 3600
"""Seconds that the second program waits for its rejected records."""
BUCKET_LOGIN = {
    "aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret-of-a-week", "region_name": "us-east-1",
}  # fmt: skip


class Drops(Protocol):
    """The place that the second program drops files into, and gets rejected records back from."""

    def put(self, name: str, content: bytes) -> None:
        """Put a file into the inbox in one step."""

    def grow(self, name: str, content: bytes, more: bytes) -> None:
        """Begin a file at its final name, or write more of it; `content` is all of it so far."""

    def rejected(self) -> dict[str, str]:
        """Return the files of rejected records by name."""

    def waiting(self) -> bool:
        """Return whether the inbox contains a file."""

    def archived(self) -> set[str]:
        """Return all files of archive and quarantine, as the book names them."""


@dataclass(frozen=True)
class FolderDrops:
    """A folder; `shown` is its name in the inbox if it is the root of an SFTP server."""

    folder: Path
    shown: str

    def put(self, name: str, content: bytes) -> None:
        draft = self.folder / "partner-draft"
        draft.write_bytes(content)
        draft.replace(self.folder / "in" / name)

    def grow(self, name: str, content: bytes, more: bytes) -> None:  # noqa: ARG002 - object stores need it
        with (self.folder / "in" / name).open("ab") as file:
            file.write(more)

    def rejected(self) -> dict[str, str]:
        found = self.folder.glob("quarantine/*/*/*.rejected-????????????.csv")
        return {path.name: path.read_text() for path in sorted(found)}

    def waiting(self) -> bool:
        return any((self.folder / "in").iterdir())

    def archived(self) -> set[str]:
        kept = [*self.folder.glob("archive/**/*"), *self.folder.glob("quarantine/**/*")]
        return {f"{self.shown}/{path.relative_to(self.folder)}" for path in kept if path.is_file()}


@dataclass(frozen=True)
class BucketDrops:
    """A bucket of a server that behaves as S3."""

    bucket: str
    endpoint: str

    @property
    def client(self) -> Any:
        return boto3.client("s3", endpoint_url=self.endpoint, **BUCKET_LOGIN)

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"in/{name}", Body=content)

    def grow(self, name: str, content: bytes, more: bytes) -> None:  # noqa: ARG002 - folders need it
        self.put(name, content)

    def keys(self, start: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=start)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def rejected(self) -> dict[str, str]:
        names = [key for key in self.keys("quarantine/") if re.search(r"\.rejected-[0-9a-f]{12}\.csv$", key)]
        client = self.client
        return {
            key.rpartition("/")[2]: client.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()
            for key in sorted(names)
        }

    def waiting(self) -> bool:
        return bool(self.keys("in/"))

    def archived(self) -> set[str]:
        return {f"s3://{self.bucket}/{key}" for key in [*self.keys("archive/"), *self.keys("quarantine/")]}


class Partner:
    """The second program: it drops the files of a week, each day shortened to a moment, and notes the records.

    A line of the notes is a record that must reach the server once.
    """

    def __init__(self, drops: Drops, folder: Path, *, days: int, burst: int, seed: int) -> None:
        self._drops, self._notes = drops, folder / "notes"
        self._days, self._burst, self._chance = days, burst, random.Random(seed)
        self._number = 0
        self._known: list[Row] = []
        self._corrected: set[str] = set()

    def run(self) -> None:
        for day in range(self._days):
            self._day(day)
        end = time.monotonic() + PATIENCE
        while len(self._corrected) < self._days and time.monotonic() < end:
            self._correct()
            time.sleep(0.2)
        (self._notes.parent / "partner-done").touch()

    def _day(self, day: int) -> None:
        """Drop the files of a day."""
        usual = self._new(20)
        self._drop(f"points-{day}.csv", points(*usual))
        self._drop(f"points-{day}-again.csv", points(*usual))
        self._drop(f"points-{day}-gz.csv.gz", gzip.compress(points(*self._new(5)).encode()))
        self._drop(f"points-{day}-Überweisung-日本.csv", points(*self._new(3)))
        self._drop(f"points-{day}-empty.csv", "" if day % 2 else points())
        self._known += self._new(15)
        self._drop(f"all-{day}.csv", points(*self._known))
        self._drop(f"points-{day - 1}-wrong-day.csv", points(*self._new(2)))
        good = self._new(4)
        self._drop(f"points-{day}-bad.csv", points(*good) + f"bad-{day},many\n")
        self._grow(f"points-{day}-slow.csv", self._new(8))
        if day == self._days // 2:
            for number in range(self._burst):
                self._drop(f"points-burst-{number:04}.csv", points(*self._new(1)))
        self._correct()

    def _new(self, count: int) -> list[Row]:
        rows = [(f"customer-{self._number + n:06}", str(1 + n % 9)) for n in range(count)]
        self._number += count
        with self._notes.open("a") as notes:
            notes.writelines(f"{customer},{amount}\n" for customer, amount in rows)
        return rows

    def _drop(self, name: str, content: str | bytes) -> None:
        self._drops.put(name, content.encode() if isinstance(content, str) else content)
        time.sleep(self._chance.random() * 0.05)

    def _grow(self, name: str, rows: list[Row]) -> None:
        """Write a file slowly at its final name."""
        lines = [points(), *(f"{customer},{amount}\n" for customer, amount in rows)]
        for number, line in enumerate(lines, start=1):
            self._drops.grow(name, "".join(lines[:number]).encode(), line.encode())
            time.sleep(0.1)

    def _correct(self) -> None:
        """Correct the rejected records that have come back."""
        for name, text in self._drops.rejected().items():
            if name in self._corrected or "many" not in text:
                continue
            self._corrected.add(name)
            with self._notes.open("a") as notes:
                notes.write(text.splitlines()[1].replace("many", "8") + "\n")
            self._drop(name, text.replace("many", "8"))


def partner(drops: Drops, folder: Path, days: int, burst: int, seed: int) -> None:
    """Run the second program in this process and end it."""
    Partner(drops, folder, days=days, burst=burst, seed=seed).run()
    os._exit(0)


def begun(drops: Drops, folder: Path, days: int, burst: int, seed: int) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=partner, args=(drops, folder, days, burst, seed), daemon=True)
    process.start()
    return process


@dataclass(frozen=True)
class Week:
    """The places of a week: where the partner drops files, and the settings and variables of the inbox."""

    drops: Drops
    table: dict[str, str]
    environ: dict[str, str]


@pytest.fixture
def week(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Week]:
    names = ("folder", "archive", "quarantine")
    keys = dict(zip(names, ("in", "archive", "quarantine"), strict=True))
    if request.param == "folder":
        yield Week(FolderDrops(tmp_path, str(tmp_path)), keys, {})
        return
    environ = {"HOME": str(tmp_path), "BULKOPS_STATE": str(tmp_path / "copies"), "AWS_EC2_METADATA_DISABLED": "true"}
    if request.param == "sftp":
        with sftp_server(tmp_path) as place:
            for key in keys.values():
                (place.root / key).mkdir()
            table = {name: place.address(key) for name, key in keys.items()}
            yield Week(
                FolderDrops(place.root, place.address("").rstrip("/")), table, environ | {"HOME": str(place.home)}
            )
        return
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    drops = BucketDrops("week", f"http://{host}:{port}")
    drops.client.create_bucket(Bucket=drops.bucket)
    yield Week(
        drops,
        {name: f"s3://week/{key}" for name, key in keys.items()},
        environ
        | {"AWS_ENDPOINT_URL": drops.endpoint, "AWS_DEFAULT_REGION": BUCKET_LOGIN["region_name"]}
        | {name: BUCKET_LOGIN[name.lower()] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")},
    )
    server.stop()


@pytest.mark.soak
@pytest.mark.parametrize(("days", "burst", "seed"), [(2, 10, 1), (7, 1000, 2)])
@pytest.mark.parametrize("week", ["folder", "s3", "sftp"], indirect=True)
def test_a_week_of_drops_with_kills_loses_and_doubles_nothing(
    week: Week,
    days: int,
    burst: int,
    seed: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    for name, value in week.environ.items():
        monkeypatch.setenv(name, value)
    chance = random.Random(seed)
    with ForeignServer() as server:
        desk = InboxDesk(
            tmp_path, server.base_url, files=FILES, table=TABLE | week.table, key="foreign", environ=week.environ
        )
        desk.run()
        dropping = begun(week.drops, tmp_path, days, burst, seed)
        kills = passes = 0
        evidence: set[str] = set()
        while dropping.is_alive() or week.drops.waiting():
            kill = Kill(step=chance.randrange(1, 150), after=chance.random() < 0.5) if chance.random() < 0.5 else None
            running = [start(desk, kill)]
            if chance.random() < 0.3:  # an overlapping pass
                running.append(start(desk, None))
            if kill is None and chance.random() < 0.5:
                running[0].join(chance.random() * 6)
                running[0].kill()
            for process in running:
                process.join(chance.random() * 60)  # a pass over all files of the week would be the only one
                process.kill()
                process.join(60)
                kills += process.exitcode == -9
                passes += 1
                assert process.exitcode in (0, 1, 3, -9), process.exitcode
            kept = week.drops.archived()
            assert not evidence - kept, "evidence has disappeared"
            evidence = kept
        assert (tmp_path / "partner-done").exists()
        assert kills > 0
        assert desk.run().exit == 0
        assert passes > days
        check_rows(tmp_path / "notes", server)
        check_evidence(desk, week.drops, files=days * 9 + burst + days)
        record_property("week", f"{days * 9 + burst + days} files, {passes} passes, {kills} kills")
        close_stores()


def check_rows(notes: Path, server: ForeignServer) -> None:
    """Hold the rows of the server against the notes of the second program."""
    lines = notes.read_text().splitlines()
    wanted: Counter[Row] = Counter((line.split(",")[0], line.split(",")[1]) for line in lines)
    found: Counter[Row] = Counter(
        (row["customerprofileid"], f"{float(row['amount']):g}") for row in server.world.rows["loyalty-points"]
    )
    assert found - wanted == Counter(), "rows are doubled"
    assert wanted - found == Counter(), "rows are lost"
    assert max(found.values()) == 1


def check_evidence(desk: InboxDesk, drops: Drops, *, files: int) -> None:
    """Check that each file of the week has a place of its own with its evidence."""
    with desk.book() as book:
        found = book.last_drops(10_000)
        assert book.pending_rejects() == {}
    assert len(found) == files
    assert all(drop.step == "done" for drop in found)
    kept = [str(drop.archived_to) for drop in found]
    assert len(set(kept)) == len(kept)
    archived = drops.archived()
    assert all(path in archived and f"{path.rpartition('/')[0]}/drop.json" in archived for path in kept)
    assert not [path for path in archived if "/.bulkops-" in path]


def write_slowly(drops: Path, stopped: Event, notes: list[Row]) -> None:
    """Write one file after the other at its final name, each in pieces with pauses, until stopped."""
    number = 0
    while not stopped.is_set():
        rows = [(f"slow-{number:05}-{n}", "3") for n in range(4)]
        notes += rows
        with (drops / f"points-slow-{number:05}.csv").open("w") as file:
            for line in points(*rows).splitlines(keepends=True):
                file.write(line)
                file.flush()
                time.sleep(0.3)
        number += 1


@pytest.mark.soak
@pytest.mark.parametrize("passes", [200])
def test_passes_that_overlap_and_are_killed_import_each_file_once(
    passes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())
    chance, stopped, wanted = random.Random(3), Event(), list[Row]()
    with ForeignServer() as server, ThreadPoolExecutor(1) as pool:
        desk = InboxDesk(tmp_path, server.base_url, files=FILES[:1], table=TABLE | {"quiet": "1s"}, key="foreign")
        writing = pool.submit(write_slowly, desk.drops, stopped, wanted)
        started = kills = 0
        try:
            while started < passes:
                rows = [(f"row-{started:05}-{n}", "2") for n in range(3)]
                wanted += rows
                desk.drop(
                    f"points-{started}.csv", points(*rows) + (f"bad-{started},many\n" if started % 5 == 0 else "")
                )
                running = [start(desk, Kill(step=chance.randrange(1, 200), after=chance.random() < 0.5))]
                running += [start(desk, None)] if chance.random() < 0.3 else []
                if chance.random() < 0.5:
                    running[0].join(chance.random() * 2)
                    running[0].kill()
                for process in running:
                    process.join(600)
                    assert process.exitcode in (0, 1, 3, -9), process.exitcode
                    kills += process.exitcode == -9
                started += len(running)
        finally:
            stopped.set()
        writing.result(60)
        time.sleep(2)
        desk.run()
        found = Counter(
            (row["customerprofileid"], f"{float(row['amount']):g}") for row in server.world.rows["loyalty-points"]
        )
        assert found == Counter(wanted)
        assert not any(desk.drops.iterdir())
        with desk.book() as book:
            drops = book.last_drops(10_000)
            kept = [str(drop.archived_to) for drop in drops]
            assert len(set(kept)) == len(kept) == len({drop.name for drop in drops})
            assert all(drop.step == "done" for drop in drops)
        assert kills > passes // 5
        (tmp_path / "figures").write_text(f"{len(drops)} files, {started} passes, {kills} kills")
