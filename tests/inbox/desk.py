"""An inbox with a ledger and a sandbox, and passes over it inside the test or in processes that are killed."""

import multiprocessing
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bulkops.clock import SystemClock
from bulkops.cluster import opened_cluster
from bulkops.configuration_tables import InboxTable
from bulkops.inbox.book import Book
from bulkops.inbox.inboxes import Inbox, check_inbox
from bulkops.inbox.passes import PassResult, PassSettings, run_pass
from bulkops.inbox.status import InboxStatus, look
from bulkops.ledger.store import Ledger
from bulkops.pipeline.observer import Silent
from bulkops.remote.folder import RemoteFolder
from bulkops.settings import Secret, Target
from bulkops.transport.limiter import NoLimiter
from bulkops.upload import workflow
from bulkops.upload.options import RunOptions
from bulkops.upload.stop import Stop

SETTLE = 0.3
POINTS = {"match": "points-*.csv*", "contract": "loyalty-points", "ids": {"program": 1}, "reconcile": False}
COUPONS = {
    "match": "coupons-*.csv*",
    "contract": "coupons",
    "ids": {"application": 1, "campaign": 1},
    "reconcile": False,
}
Rows = Counter[tuple[str, str]]


@dataclass
class InboxDesk:
    """A folder with an inbox that imports points into program 1 of a server at `base_url`."""

    folder: Path
    base_url: str
    files: list[dict[str, Any]] = field(default_factory=lambda: [dict(POINTS)])
    table: dict[str, Any] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)
    settle: float = SETTLE
    key: str = "desk"
    environ: dict[str, str] = field(default_factory=dict)
    cluster: str | None = None

    def __post_init__(self) -> None:
        self.drops.mkdir(parents=True, exist_ok=True)

    @property
    def drops(self) -> Path:
        return self.folder / "in"

    @property
    def inbox(self) -> Inbox:
        table = {"folder": "in", "target": "test", "quiet": "0s", "files": self.files, **self.table}
        inbox = Inbox(name="partner", table=InboxTable.model_validate(table), root=self.folder)
        check_inbox(inbox)
        return inbox

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        ledger = Ledger.open(str(self.folder / "state" / "ledger.db"), clock=SystemClock())
        try:
            yield ledger
        finally:
            ledger.close()

    def run(self, **changes: Any) -> PassResult:
        """Run one pass in this process."""
        (self.folder / "state").mkdir(exist_ok=True)
        clock = changes.pop("clock", SystemClock())
        settings = PassSettings(
            clock=clock,
            run=RunOptions(settle=self.settle, response_timeout=2.0),
            observe=lambda _: Silent(),
            notify=lambda _: None,
            stop=self.stop,
            **changes,
        )
        self.stop.begun = True
        target = Target(base_url=self.base_url, ids={}, authorization=Secret(f"ManagementKey-v1 {self.key}"))
        with self.ledger() as ledger, ExitStack() as stack:
            if self.cluster is not None:
                settings = replace(settings, cluster=stack.enter_context(opened_cluster(self.cluster)))
            return run_pass(self.inbox, ledger, target, settings)

    def status(self) -> InboxStatus:
        with self.ledger() as ledger:
            return look(self.inbox, ledger, now=SystemClock().now())

    @contextmanager
    def book(self) -> Iterator[Book]:
        with self.ledger() as ledger, Book.opened(self.inbox.book_folder(ledger), readonly=True) as book:
            yield book

    def drop(self, name: str, text: str | bytes) -> Path:
        """Put a file into the inbox in one step."""
        draft = self.folder / "draft"
        draft.write_bytes(text.encode() if isinstance(text, str) else text)
        draft.replace(self.drops / name)
        return self.drops / name

    def kept(self, pattern: str) -> list[Path]:
        """Return files of archive and quarantine."""
        return sorted(self.folder.glob(pattern))


def points(*rows: tuple[str, str]) -> str:
    """Return a file of points."""
    return "customerprofileid,amount\n" + "".join(f"{customer},{amount}\n" for customer, amount in rows)


def held(state: Any) -> Rows:
    """Return the rows of points that the sandbox contains: the truth."""
    return Counter((str(row["profile"]), f"{float(row['amount']):g}") for row in state.rows("point"))


def states(result: PassResult) -> dict[str, str]:
    """Return the state of each file by name."""
    return {Path(each["path"]).name: each["state"] for each in result.files}


def balanced(result: PassResult) -> bool:
    """Return whether the books of each file balance."""
    books = [{name: int(str(count)) for name, count in each["records"].items()} for each in result.files]
    return all(2 * each["input"] == sum(each.values()) for each in books)


@dataclass(frozen=True, kw_only=True)
class Kill:
    """Where a pass kills itself: at its nth step, before it or right after it. With `step` 0 the steps are counted."""

    step: int
    after: bool = False


def start(desk: InboxDesk, kill: Kill | None, count_to: Path | None = None) -> BaseProcess:
    """Start a pass in a process of its own; its exit code is that of the pass, or minus the signal."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=work, args=(desk, kill, count_to), daemon=True)
    process.start()
    return process


def work(desk: InboxDesk, kill: Kill | None, count_to: Path | None) -> None:
    """Run one pass in this process and end it."""
    setattr(workflow, "SlotLimiter", lambda **_: NoLimiter())  # noqa: B010 - the sandbox has no limit here
    os.environ.update(desk.environ)
    counter = kill_at(kill) if kill is not None else None
    code = desk.run().exit
    if counter is not None and count_to is not None:
        count_to.write_text(str(counter()))
    os._exit(code)


def kill_at(kill: Kill) -> Callable[[], int]:
    """Let this process kill itself at a step: a write to the book, to the ledger, or to a file system name."""
    done = 0

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            mine = done == kill.step
            if mine and not kill.after:
                os.kill(os.getpid(), signal.SIGKILL)
            found = original(*given, **named)
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return step

    places: Mapping[Any, tuple[str, ...]] = {
        Path: ("replace", "rename", "unlink"),
        os: ("link", "fsync"),
        shutil: ("rmtree",),
        Book: ("keep", "reject", "corrected", "began", "ended"),
        Ledger: ("create", "move", "change_job", "mark", "divide"),
        RemoteFolder: ("put", "remove", "find"),
    }
    for owner, names in places.items():
        for name in names:
            setattr(owner, name, wrapped(getattr(owner, name)))
    return lambda: done
