"""An inbox of the configuration, and the documents that a pass and a look at it share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bulkops.configuration_tables import ExpectTable, InboxFilesTable, InboxTable
from bulkops.errors import UsageError
from bulkops.inbox.archiving import Places
from bulkops.inbox.book import Book
from bulkops.inbox.decisions import LATEST_DUES, dues, overdue
from bulkops.inbox.processing import BOOKS
from bulkops.inbox.storage import LocalFolder, Storage
from bulkops.json_documents.inboxes import ExpectationDocument, InboxFigures, InboxFileDocument, PassState
from bulkops.ledger.paths import INBOXES
from bulkops.ledger.reader import LedgerReader
from bulkops.remote.addresses import is_remote, parsed
from bulkops.remote.folder import RemoteFolder
from bulkops.remote.versions import StoredFile
from bulkops_validators import CONTRACTS

STATES: Mapping[int, PassState] = {
    0: "done",
    1: "refused",
    2: "failed",
    3: "unfinished",
    4: "in_doubt",
    5: "guarded",
    130: "interrupted",
}


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """An inbox of the configuration. Its paths count from `root`, the folder of the configuration file.

    `called` is how messages name its table: with the file and the line, if they are known.
    """

    name: str
    table: InboxTable
    root: Path
    called: str = ""

    def places(self) -> Places:
        """Return the places of the inbox."""
        return Places(
            folder=self._place(self.table.folder),
            archive=self._place(self.table.archive),
            quarantine=self._place(self.table.quarantine),
        )

    def _place(self, written: str) -> Storage:
        if is_remote(written):
            return RemoteFolder(parsed(written))
        return LocalFolder(self.root / Path(written).expanduser())

    def book_folder(self, ledger: LedgerReader) -> Path:
        """Return the folder of the book and of the work files."""
        return ledger.folder / INBOXES / self.name


def check_inbox(inbox: Inbox) -> None:
    """Raise UsageError for settings that contradict each other, before any file is touched."""
    shown = inbox.called or f"[inbox.{inbox.name}]"
    for entry in inbox.table.files:
        zone_of(entry.expect, shown)
        contract = CONTRACTS.get(entry.contract or "")
        if contract is not None and entry.cumulative and contract.mode.resend_is_safe:
            raise UsageError(
                f"{shown} {entry.match[0]}: cumulative applies to contracts that add records; {contract.name} "
                "overwrites existing rows, so all records are sent.",
                hint="Remove `cumulative`.",
            )
    table = inbox.table
    folder, archive, quarantine = (_resolved(inbox, each) for each in (table.folder, table.archive, table.quarantine))
    if folder in (archive, quarantine):
        raise UsageError(f"{shown}: archive and quarantine must differ from the folder of the inbox.")


def _resolved(inbox: Inbox, written: str) -> str:
    """Return a place in one spelling, to compare it with others."""
    if is_remote(written):
        return str(parsed(written)).rstrip("/")
    return str((inbox.root / Path(written).expanduser()).resolve())


def waiting_document(
    inbox: Inbox, place: Storage, file: StoredFile, entry: InboxFilesTable | None, reason: str
) -> InboxFileDocument:
    """Return the document of a file that stays in the inbox untouched."""
    return {
        "inbox": inbox.name,
        "path": f"{place.shown}/{file.name}",
        "sha256": None,
        "contract": entry.contract if entry else None,
        "state": "waiting",
        "job": None,
        "records": {"input": 0, **dict.fromkeys(BOOKS, 0)},  # type: ignore[typeddict-item] # the names of the books
        "archived_to": None,
        "reason": reason,
        "exit": 0,
    }


def due_documents(inbox: Inbox, book: Book, now: datetime) -> list[ExpectationDocument]:
    """Return the latest due time of each pattern that has one, and whether a file was in for it."""
    found: list[ExpectationDocument] = []
    first = book.first_pass()
    for entry in inbox.table.files:
        if entry.expect.due is None or first is None:
            continue
        since = now - timedelta(days=LATEST_DUES + 1)
        times = book.arrivals(entry.match[0], since=since)
        arrivals = [datetime.fromtimestamp(each, UTC) for each in times]
        zone = zone_of(entry.expect, f"[inbox.{inbox.name}]")
        known = dues(entry.expect, arrivals, now=now, since=first, zone=zone)
        if not known:
            continue
        last, missing = known[-1], overdue(known)
        state = "missed" if missing else "late" if last.late else "met"
        text = {
            "missed": f"no file of {entry.match[0]} is in; it was due at {last.at:%Y-%m-%d %H:%M}",
            "late": f"the file of {entry.match[0]} that was due at {last.at:%Y-%m-%d %H:%M} came late",
            "met": f"a file of {entry.match[0]} was in by {last.at:%Y-%m-%d %H:%M}",
        }[state]
        found.append(
            {
                "inbox": inbox.name,
                "pattern": entry.match[0],
                "kind": "due",
                "state": state,  # type: ignore[typeddict-item] # one of the three
                "fails": entry.expect.otherwise == "fail",
                "text": text,
            }
        )
    return found


def codes_of(expectations: Iterable[ExpectationDocument]) -> list[int]:
    """Return an exit code for each expectation that makes a pass fail."""
    return [1 for each in expectations if each["state"] == "missed" and each["fails"]]


def figures_of(name: str, files: Sequence[InboxFileDocument], code: int) -> InboxFigures:
    """Return the totals of an inbox."""
    states: dict[str, int] = {}
    books = dict.fromkeys(("input", *BOOKS), 0)
    for each in files:
        states[each["state"]] = states.get(each["state"], 0) + 1
        for name_of_book, count in each["records"].items():
            books[name_of_book] += count  # type: ignore[operator] # all values are numbers
    return {
        "inbox": name,
        "state": STATES.get(code, "failed"),
        "exit": code,
        "files": states,  # type: ignore[typeddict-item] # the keys are states of files
        "records": books,  # type: ignore[typeddict-item] # the names of the books
    }


def zone_of(expect: ExpectTable, shown: str) -> tzinfo | None:
    """Return the time zone of an expectation; UsageError for an unknown one."""
    if expect.timezone is None:
        return None
    try:
        return ZoneInfo(expect.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{shown}: the time zone {expect.timezone[:60]!r} is unknown.", hint="Write it like Europe/Berlin."
        ) from None
