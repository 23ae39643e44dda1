"""Report the files of an inbox that wait, are stuck or are overdue, without changing anything."""

from dataclasses import dataclass
from datetime import datetime

from bulkops.inbox.book import Book, Drop, FileStep
from bulkops.inbox.decisions import at_rest, correction_of, entry_of, exit_of, sort_listing
from bulkops.inbox.inboxes import Inbox, codes_of, due_documents, waiting_document
from bulkops.inbox.processing import BOOKS
from bulkops.json_documents.inboxes import ExpectationDocument, InboxFileDocument, LastPass, PendingCorrection
from bulkops.ledger.job_documents import EXIT_CODES, job_state, record_figures
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.states import JobState


@dataclass(frozen=True, kw_only=True)
class InboxStatus:
    """The state of one inbox."""

    files: list[InboxFileDocument]
    expectations: list[ExpectationDocument]
    corrections: list[PendingCorrection]
    passes: list[LastPass]

    @property
    def exit(self) -> int:
        """The exit code that needs most attention."""
        return exit_of([*(each["exit"] for each in self.files), *codes_of(self.expectations)])


def look(inbox: Inbox, ledger: LedgerReader, *, now: datetime) -> InboxStatus:
    """Return the state of an inbox; nothing is written or sent."""
    place = inbox.places().folder
    with Book.opened(inbox.book_folder(ledger), readonly=True) as book:
        marks, seen = book.rejects(), book.seen_since()
        open_drops = {drop.name: drop for drop in book.open_drops()}
        listing = sort_listing(inbox.table, place.files(), marks)
        files = [_stuck(inbox, ledger, drop, place.shown) for drop in open_drops.values()]
        for file in listing.data:
            drop = open_drops.get(file.name)
            if drop is not None and drop.file.version == file.version:
                continue
            version, since = seen.get(file.name, ("", now.timestamp()))
            waiting = at_rest(
                inbox.table,
                file,
                now=now.timestamp(),
                seen_since=since if version == file.version else now.timestamp(),
                companion=listing.companions.get(file.name),
            )
            reason = "it is complete and waits for the next pass" if waiting is None else waiting.reason
            entry = None if correction_of(file.name) in marks else entry_of(inbox.table, file.name)
            files.append(waiting_document(inbox, place, file, entry, reason))
        for file in listing.unknown:
            reason = "no pattern of the inbox matches its name"
            files.append(waiting_document(inbox, place, file, None, reason))
        return InboxStatus(
            files=files,
            expectations=due_documents(inbox, book, now),
            corrections=[
                {"inbox": inbox.name, "path": name, "records": records, "mark": mark}
                for mark, (_, name, records) in book.pending_rejects().items()
            ],
            passes=_last_pass(inbox, book),
        )


def _last_pass(inbox: Inbox, book: Book) -> list[LastPass]:
    found = book.last_pass()
    if found is None:
        return []
    began, ended, code = found
    return [
        {
            "inbox": inbox.name,
            "began": began.isoformat(),
            "ended": ended.isoformat() if ended else None,
            "exit": code,
        }
    ]


def _stuck(inbox: Inbox, ledger: LedgerReader, drop: Drop, shown: str) -> InboxFileDocument:
    """Return the document of a file before its import or archiving has ended."""
    work = inbox.book_folder(ledger) / "work" / drop.id
    document: InboxFileDocument = {
        "inbox": inbox.name,
        "path": f"{shown}/{drop.name}",
        "sha256": drop.sha256,
        "contract": None,
        "state": "waiting" if drop.step is FileStep.TAKEN else "failed",
        "job": None,
        "records": {"input": 0, **dict.fromkeys(BOOKS, 0)},  # type: ignore[typeddict-item] # the names of the books
        "archived_to": drop.archived_to,
        "reason": "it was taken, and its import has not ended",
        "exit": 3,
    }
    if drop.step is not FileStep.TAKEN:
        document["reason"] = "its import has ended, and it is not archived yet"
    for job in ledger.jobs() if drop.step is FileStep.TAKEN else ():
        if work in job.given_path.parents and not job.cancelled:
            chunks = ledger.chunks(job.id)
            state = job_state(job, chunks)
            document["job"], document["contract"] = job.id, job.contract
            document["records"] = {**document["records"], **record_figures(job, chunks)}
            document["reason"] = f"job {job.id} is {state.value.replace('_', ' ')}"
            document["exit"] = EXIT_CODES[state] if state is not JobState.DONE else 3
    return document
