"""Two imports of one file and ledger, touched from outside: nothing is lost or doubled with exit 0, in all contracts.

The events: kills, signals, a suspended process, readers that close their pipes, a full disk under the ledger, a lost
folder of the ledger, a lost network, other commands on the same ledger, and changes of the file.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.sandbox.serve import SandboxServer
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Mode
from tests.cli.running import KEY, Shell
from tests.crash.endings import rows_of_chunks
from tests.crash.truth import ALL, Case, Rows
from tests.postgres.proxy import Door, door_to

RECORDS = 40
DISK = "8m"
GOOD_CODES = frozenset({0, 1, 2, 3, 4, 5, 130, -signal.SIGKILL, -signal.SIGHUP, -signal.SIGTERM, -signal.SIGINT})
"""The documented codes, and signals that arrive before Python has installed a handler."""
RESUMES = 8


@dataclass
class Story:
    """Two imports of the same file, and the means to disturb them. `versions` has every content of the file."""

    case: Case
    folder: Path
    chance: random.Random
    shell: Shell
    file: Path
    seed: int
    door: Door
    versions: dict[str, bytes] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    readers: list[int] = field(default_factory=list)
    said: str = ""

    @property
    def filler(self) -> Path:
        return self.shell.state / "filler"

    def write(self, data: bytes) -> None:
        """Replace the file in one step, and remember its bytes."""
        self.versions[hashlib.sha256(data).hexdigest()] = data
        part = self.file.with_suffix(".new")
        part.write_bytes(data)
        part.replace(self.file)

    def words(self) -> list[str]:
        """Return an import of the file, with options drawn at random, or a recipe that imports it."""
        ids = [word for name, value in self.case.ids.items() for word in (f"--{name}", str(value))]
        if self.chance.random() < SHARE_OF_RECIPES:
            return ["run", str(self.recipe()), "--settle", "0.6", "--json"]
        more = self.chance.choice(([], [], ["--reconcile"], ["--concurrency", "3"]))
        return [
            "import", self.case.contract, str(self.file), *ids, "--max-rows", "10", "--settle", "0.6", "--json",
            "--again", "--leave-unfinished", "--max-removals", "100%", *more,
        ]  # fmt: skip

    def recipe(self) -> Path:
        """Write a recipe with one step that imports the file."""
        step = {
            "contract": self.case.contract, "file": str(self.file), "ids": dict(self.case.ids), "max_rows": 10,
            "again": True, "leave_unfinished": True, "max_removals": "100%", "reconcile": False,
        }  # fmt: skip
        path = self.folder / "recipe.yaml"
        path.write_text(json.dumps({"name": "nightly", "steps": [step]}))
        return path

    def start(self) -> None:
        """Start an import with pipes as streams; their readers stay open until an event closes them."""
        read, write = os.pipe()
        command = [sys.executable, "-m", "bulkops", *self.words()]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write, stderr=write, env=self.environment)
        os.close(write)
        self.running.append(process)
        self.readers.append(read)

    @property
    def environment(self) -> dict[str, str]:
        return self.shell.environment | {"BULKOPS_RESPONSE_TIMEOUT": "3"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bulkops", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        self.said += done.stderr
        return done


def kill(story: Story) -> None:
    story.chance.choice(story.running).kill()


def hang_up(story: Story) -> None:
    process = story.chance.choice(story.running)
    for _ in range(story.chance.randrange(1, 4)):
        process.send_signal(story.chance.choice((signal.SIGHUP, signal.SIGHUP, signal.SIGTERM)))
        time.sleep(0.1)


def close_pipes(story: Story) -> None:
    """Close the readers, as `| head -1` does."""
    while story.readers:
        os.close(story.readers.pop())


def fill_disk(story: Story) -> None:
    try:
        with story.filler.open("wb", buffering=0) as file:
            while file.write(b"\0" * 65536):
                pass
    except OSError:
        pass


def free_disk(story: Story) -> None:
    story.filler.unlink(missing_ok=True)


def append_records(story: Story) -> None:
    """Let the file grow, as while a partner's upload is still running."""
    longer = story.case.write(story.folder / "longer.csv", records=RECORDS + 5, seed=story.seed)
    story.write(longer.read_bytes())


def replace_file(story: Story) -> None:
    other = story.case.write(story.folder / "other.csv", records=RECORDS // 2, seed=story.chance.randrange(1000))
    story.write(other.read_bytes())


def grow_in_place(story: Story) -> None:
    """Append to the file in two steps, so that its last record is incomplete for a moment."""
    if not story.file.exists():
        return
    more = story.case.write(story.folder / "more.csv", records=3, seed=story.chance.randrange(1000)).read_bytes()
    more = more.partition(b"\n")[2]
    middle = story.chance.randrange(1, len(more))
    for part in (more[:middle], more[middle:]):
        content = story.file.read_bytes() + part
        story.versions[hashlib.sha256(content).hexdigest()] = content
        with story.file.open("ab", buffering=0) as file:
            file.write(part)
        time.sleep(story.chance.uniform(0, 0.3))


def cut_file(story: Story) -> None:
    """Replace the file by its first bytes, as a broken copy does."""
    if story.file.exists() and (data := story.file.read_bytes()):
        story.write(data[: story.chance.randrange(len(data))])


def delete_file(story: Story) -> None:
    story.file.unlink(missing_ok=True)


def touch_file(story: Story) -> None:
    """Change the times and the inode of the file, but not its bytes."""
    if story.file.exists():
        story.write(story.file.read_bytes())


def suspend(story: Story) -> None:
    """Stop a process for a while, as a laptop does that sleeps."""
    process = story.chance.choice(story.running)
    process.send_signal(signal.SIGSTOP)
    time.sleep(story.chance.uniform(0.5, 5))
    process.send_signal(signal.SIGCONT)


def cut_connections(story: Story) -> None:
    story.door.cut()


def lose_network(story: Story) -> None:
    """Refuse all connections for a while."""
    story.door.close()
    time.sleep(story.chance.uniform(0.2, 3))
    story.door.open()


def delete_ledger_folder(story: Story) -> None:
    """Delete the locks, the rate slots, the digests and the saved files."""
    shutil.rmtree(story.shell.state / "ledger", ignore_errors=True)


def meddle(story: Story) -> None:
    """Run another command on the same ledger."""
    others = (
        ("jobs", "resume", "--all"), ("jobs", "list"), ("jobs", "show", "--history"), ("ledger", "check"),
        ("ledger", "backup", str(story.folder / f"{story.chance.randrange(10**6)}.zip")), ("ledger", "prune", "--yes"),
        ("report", "-o", str(story.folder / f"{story.chance.randrange(10**6)}.html")), ("doctor",),
    )  # fmt: skip
    words = story.chance.choice(others)
    done = story.run(*words)
    assert done.returncode in GOOD_CODES, (words, done.returncode, done.stderr)


EVENTS: tuple[Callable[[Story], None], ...] = (
    kill, kill, hang_up, close_pipes, fill_disk, free_disk, append_records, replace_file, grow_in_place, cut_file,
    delete_file, touch_file, suspend, cut_connections, lose_network, delete_ledger_folder, meddle, meddle,
)  # fmt: skip
FAULTS = (
    "imports@2=cut:committed,imports@3={slow},imports@5=503:after,imports=slow:0.3",
    "imports@1=cut:before,imports@2=503:after,exports@1=503:before,imports=slow:0.3",
    "imports@1=429:1,imports@2=truncate,imports@4=cut:committed,imports@5={slow},imports=slow:0.3",
    "imports@p0.3=cut:committed,exports@p0.2=cut:before,imports=slow:0.4",
)
SHARE_OF_RECIPES = 0.25


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system at a folder if this user can; yield whether it is mounted."""
    folder.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def tell(case: Case, folder: Path, seed: int) -> None:
    """Run two imports under events drawn from a seed, resume them, and compare the ledger with the target."""
    chance = random.Random(seed)
    state = folder / "state"
    with (
        small_disk(state) as mounted,
        SandboxServer(rate_limit=0, key=KEY) as sandbox,
        door_to(int(sandbox.base_url.rpartition(":")[2])) as door,
    ):
        shell = Shell(state, f"http://127.0.0.1:{door.port}")
        story = Story(case, folder, chance, shell, folder / "in.csv", seed, door)
        story.write(case.write(folder / "first.csv", records=RECORDS, seed=seed).read_bytes())
        before = case.held(sandbox)
        slow = chance.choice(("slow:8", "slow:2", "slow:1"))
        sandbox.set_faults(chance.choice(FAULTS).format(slow=slow))
        events = [event for event in EVENTS if mounted or event not in (fill_disk, free_disk)]
        codes = touched(story, chance.sample(events, chance.randrange(1, 4)))
        sandbox.set_faults(None)
        code = resumed(story)
        check(story, codes, code, case.held(sandbox) - before)


def touched(story: Story, events: list[Callable[[Story], None]]) -> list[int]:
    """Start two imports, touch them at random moments, and return their exit codes."""
    story.start()
    time.sleep(story.chance.uniform(0, 1.5))
    story.start()
    for event in events:
        time.sleep(story.chance.uniform(0.2, 2.5))
        event(story)
    codes = [process.wait(timeout=120) for process in story.running]
    for reader in story.readers:
        with os.fdopen(reader, "rb") as pipe:
            story.said += pipe.read().decode()
    free_disk(story)
    return codes


def resumed(story: Story) -> int:
    """Resume every job with its own bytes until none is unfinished; return the largest exit code."""
    for _ in range(RESUMES):
        listed = story.run("jobs", "list", "--json")
        jobs = [job for job in json.loads(listed.stdout).get("jobs", ()) if job["state"] == "unfinished"]
        if not jobs:
            break
        for job in jobs:
            bytes_of = story.folder / f"{job['job']}.csv"
            bytes_of.write_bytes(story.versions[job["file"]["sha256"]])
            done = story.run("jobs", "resume", job["job"], "--file", str(bytes_of))
            if "Resuming it would restore older content" in done.stderr:
                story.run("jobs", "cancel", job["job"])
    return story.run("jobs", "resume", "--all", "--json").returncode


def check(story: Story, codes: list[int], code: int, held: Rows) -> None:
    """Compare the records that the ledger calls accepted with the target."""
    context = (codes, code, story.said)
    assert set(codes) <= GOOD_CODES, context
    assert "Traceback" not in story.said, context
    assert "This is a bug" not in story.said, context
    states, accepted, doubtful = books(story)
    mode = CONTRACTS[story.case.contract].mode
    if mode is Mode.APPEND:
        assert accepted <= held, ("records were lost", context)
        assert held <= accepted + doubtful, ("records were imported twice", context)
    else:
        check_keys(mode, accepted, doubtful, held, context)
    assert code in (0, 4), context
    assert (code == 4) == bool(doubtful), context
    if code == 0:
        assert set(states) <= {"done", "cancelled"} | ({"refused"} if mode is Mode.CREATE else set()), (states, context)


def check_keys(mode: Mode, accepted: Rows, doubtful: Rows, held: Rows, context: object) -> None:
    """Compare records with a key in their first column.

    Both jobs may count a record as accepted that they sent within the resolution of the server's clock: it is there
    once, with the values of both. A later upsert of the same key, or a later replacement, changes the row there.
    """
    known = accepted + doubtful
    assert max(Counter(row[0] for row in held.elements()).values(), default=1) == 1, ("imported twice", context)
    assert set(held) <= set(known), ("rows that no job sent", context)
    if mode is Mode.CREATE:
        assert set(accepted) <= set(held), ("records were lost", context)
    elif mode is Mode.UPSERT:
        assert {row[0] for row in accepted} <= {row[0] for row in held}, ("records were lost", context)
    elif accepted and not doubtful:
        assert held, ("the replacement is missing", context)


def books(story: Story) -> tuple[list[str], Rows, Rows]:
    """Return the states of the jobs, and the records that are accepted and in doubt."""
    path = story.shell.state / "ledger.db"
    accepted: Rows = Counter()
    doubtful: Rows = Counter()
    if not path.exists():
        return [], accepted, doubtful
    listed: dict[str, Any] = json.loads(story.run("jobs", "list", "--json").stdout)
    ledger = Ledger.open(str(path), clock=SystemClock())
    try:
        for job in ledger.jobs():
            version = story.folder / "version.csv"
            version.write_bytes(story.versions[job.file_sha256])
            chunks = ledger.chunks(job.id)
            accepted += rows_of_chunks(version, chunks, ChunkState.ACCEPTED, ChunkState.SKIPPED)
            doubtful += rows_of_chunks(version, chunks, ChunkState.IN_DOUBT)
    finally:
        ledger.close()
    return [job["state"] for job in listed["jobs"]], accepted, doubtful


SAMPLE = ("giveaways", "loyalty-points", "coupons")


@pytest.mark.parametrize("name", SAMPLE)
def test_two_imports_touched_from_outside_lose_and_double_nothing(name: str, tmp_path: Path) -> None:
    tell(ALL[name], tmp_path, 1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 112))
@pytest.mark.parametrize("name", ALL)
def test_two_imports_touched_from_outside_over_many_seeds(name: str, seed: int, tmp_path: Path) -> None:
    tell(ALL[name], tmp_path, seed)
