"""Run one pass over an inbox: finish the files of earlier passes, then import every complete file, one by one."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime

from bulkops.account.reading import AccountReader
from bulkops.clock import Clock
from bulkops.cluster import Cluster
from bulkops.configuration_tables import InboxFilesTable
from bulkops.errors import BulkopsError, DataError, InUse
from bulkops.inbox.archiving import rejected_of, settle
from bulkops.inbox.asides import asides_in, settle_asides
from bulkops.inbox.book import Book, Drop, FileStep, remove_folder
from bulkops.inbox.decisions import (
    USUAL_OF,
    InboxListing,
    Manifest,
    Waiting,
    at_rest,
    correction_of,
    entry_of,
    exit_of,
    seconds_of,
    sort_listing,
)
from bulkops.inbox.early_copies import EarlyCopies
from bulkops.inbox.inboxes import Inbox, codes_of, due_documents, figures_of, waiting_document
from bulkops.inbox.processing import BOOKS, FINAL, ContractImport, Desk, Result, failed
from bulkops.inbox.recipes import RecipeImport
from bulkops.inbox.status import look
from bulkops.inbox.storage import FileTrouble, file_error
from bulkops.inbox.taking import check_bytes, manifest_of, take
from bulkops.journal import record
from bulkops.json_documents.inboxes import ExpectationDocument, InboxFigures, InboxFileDocument
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import validate_here
from bulkops.pipeline.observer import Observer
from bulkops.remote.versions import StoredFile
from bulkops.settings import Target
from bulkops.upload.options import RunOptions
from bulkops.upload.stop import Stop, StoppableClock
from bulkops.upload.workflow import open_client
from bulkops.validation.ahead import ChecksAhead
from bulkops_validators import CONTRACTS

TROUBLES = 2
"""After so many files in a row that the server did not accept in time, the others wait for the next pass."""
FOR_ALL = frozenset({"Unreachable", "LedgerUnusable", "LedgerLost", "Interrupted", "MachineTrouble"})
"""Errors that every other file of the pass would meet, too."""


@dataclass(frozen=True, kw_only=True)
class PassSettings:
    """The options of a pass. `observe` returns an observer for the import of a file.

    With a cluster, the next files are copied and validated there while earlier ones are imported.
    """

    clock: Clock
    run: RunOptions
    observe: Callable[[Drop], Observer]
    notify: Callable[[str], None]
    stop: Stop
    dry_run: bool = False
    cluster: Cluster | None = None


@dataclass(frozen=True, kw_only=True)
class PassResult:
    """How a pass over one inbox ended."""

    figures: InboxFigures
    files: Sequence[InboxFileDocument]
    expectations: Sequence[ExpectationDocument]
    notes: Sequence[str]

    @property
    def exit(self) -> int:
        """The exit code of the pass."""
        return self.figures["exit"]


def run_pass(inbox: Inbox, ledger: Ledger, target: Target, settings: PassSettings) -> PassResult:
    """Run one pass over an inbox and return its result. A second pass at the same time only looks."""
    try:
        with ledger.exclusive(f"inbox-{inbox.name}", what=f"The inbox {inbox.name}"):
            return _Pass(inbox, ledger, target, settings).run()
    except InUse as busy:
        found = look(inbox, ledger, now=settings.clock.now())
        figures = figures_of(inbox.name, found.files, exit_of(codes_of(found.expectations)))
        return PassResult(
            figures={**figures, "state": "busy"},
            files=found.files,
            expectations=found.expectations,
            notes=[f"{busy.message.rstrip('.')}. This pass takes nothing."],
        )


class _Pass:
    """One pass, which holds the lock of the inbox."""

    def __init__(self, inbox: Inbox, ledger: Ledger, target: Target, settings: PassSettings) -> None:
        self._inbox = inbox
        self._ledger = ledger
        self._target = target
        self._settings = settings
        self._places = inbox.places()
        self._files: list[InboxFileDocument] = []
        self._notes: list[str] = []
        self._expectations: list[ExpectationDocument] = []
        self._blocked: dict[str, str] = {}
        self._ended: str | None = None
        self._troubles = 0
        self._resumed: set[str] = set()

    def run(self) -> PassResult:
        """Run the pass. An error that ends it early becomes a part of the result, unless no file was handled before."""
        error: BulkopsError | None = None
        try:
            self._run()
        except BulkopsError as raised:
            if not self._files:
                raise
            error = raised
        code = exit_of([*self._codes(), *([error.exit_code] if error else [])])
        figures = figures_of(self._inbox.name, self._files, code)
        if error is not None:
            figures["error"] = error.to_json()
            self._notes.append(f"The pass ended early: {error.message}")
        return PassResult(figures=figures, files=self._files, expectations=self._expectations, notes=self._notes)

    def _run(self) -> None:
        inbox, settings = self._inbox, self._settings
        began = settings.clock.now()
        with ExitStack() as stack:
            self._book = stack.enter_context(Book.opened(inbox.book_folder(self._ledger)))
            if not settings.dry_run:
                self._book.began(began)
            listing = self._listing()
            checks = None if settings.cluster is None else ChecksAhead(settings.cluster)
            self._desk = self._desk_of(stack, checks)
            self._early = EarlyCopies(self._desk, self._places.folder, checks)
            handled = self._finish_open()
            self._settle_asides()
            files = [file for file in listing.data if file.name not in handled]
            for place, file in enumerate(files):
                self._copy_early(files[place : place + self._early.window], listing.companions)
                self._handle(file, listing.companions.get(file.name))
                self._early.ended(file)
            self._notes += self._early.notes()
            for file in listing.unknown:
                self._say_waiting(file, None, "no pattern of the inbox matches its name")
            self._check_dues(settings.clock.now())
            if not settings.dry_run:
                self._clear()
                self._book.ended(began, settings.clock.now(), exit_of(self._codes()))

    def _listing(self) -> InboxListing:
        files = self._places.folder.files()
        self._asides = asides_in(self._places.folder, [each.name for each in files])
        named = [each for each in files if _is_text(each.name)]
        for each in files:
            if not _is_text(each.name):
                shown = each.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
                self._notes.append(f"{shown}: the name of this file is not UTF-8. Rename it.")
        now = self._settings.clock.now().timestamp()
        listing = sort_listing(self._inbox.table, named, self._book.rejects())
        seen = {each.name: each for each in listing.data}
        self._since = dict.fromkeys(seen, now) if self._settings.dry_run else self._book.looked(seen, now=now)
        return listing

    def _desk_of(self, stack: ExitStack, checks: ChecksAhead | None) -> Desk:
        settings = self._settings
        clock = StoppableClock(settings.clock, settings.stop)
        client = stack.enter_context(open_client(self._target, self._ledger, clock=clock, notify=settings.notify))
        return Desk(
            table=self._inbox.table,
            book=self._book,
            ledger=self._ledger,
            target=self._target,
            clock=settings.clock,
            settings=settings.run,
            stop=settings.stop,
            observe=settings.observe,
            account=AccountReader(client),
            client=client,
            dry_run=settings.dry_run,
            validate=validate_here if checks is None else checks.validate,
        )

    def _finish_open(self) -> set[str]:
        """Finish the files that earlier passes took; return the names of those that this pass must not take again."""
        handled = set()
        for drop in [] if self._settings.dry_run else self._book.open_drops():
            now = self._places.folder.find(drop.name)
            if now is not None and now.version == drop.file.version:
                handled.add(drop.name)
            self._resumed.add(drop.id)
            entry = self._entry(drop.name, drop.pattern)
            if entry is None:
                self._say(drop, _waiting_result("no pattern of the inbox matches its name any more"), None)
                continue
            self._work(drop, entry)
        return handled

    def _settle_asides(self) -> None:
        """Settle the files that killed passes have set aside; a failure is reported, and the next pass tries again."""
        if self._settings.dry_run:
            return
        try:
            self._notes += settle_asides(self._book, self._places.folder, self._asides)
        except BulkopsError as error:
            self._notes.append(f"A file that a pass had set aside stays: {error.message}")

    def _taken(self, file: StoredFile, entry: InboxFilesTable, companion: StoredFile | None) -> Drop | Waiting | None:
        """Copy a file out of the inbox and return it; None if that failed, which is reported."""
        mark = correction_of(file.name)
        try:
            return take(
                self._book,
                self._places.folder,
                file,
                pattern=entry.match[0],
                now=self._settings.clock.now(),
                companion=companion,
                corrects=mark if mark and mark in self._book.rejects() else None,
                early=self._early.get(file),
            )
        except OSError as error:
            self._say_untaken(file, entry, failed(file_error(error, f"{file.name} cannot be copied"), entry.contract))
        except BulkopsError as error:
            self._say_untaken(file, entry, failed(error, entry.contract))
        return None

    def _say_untaken(self, file: StoredFile, entry: InboxFilesTable, result: Result) -> None:
        """Report a file that could not be copied; it stays in the inbox."""
        result = replace(result, state="failed")
        self._note_trouble(entry, result)
        document = waiting_document(self._inbox, self._places.folder, file, entry, str(result.reason))
        if result.hint:
            document["hint"] = result.hint
        self._files.append({**document, "state": "failed", "exit": result.exit})
        self._settings.notify(f"{self._inbox.name}: {file.name}: failed: {_what_to_do(result)}")

    def _entry(self, name: str, pattern: str | None = None) -> InboxFilesTable | None:
        """Return the pattern table of a file; that of the original file for a correction."""
        table = self._inbox.table
        by_pattern = next((each for each in table.files if pattern is not None and each.match[0] == pattern), None)
        if by_pattern is not None:
            return by_pattern
        mark = correction_of(name)
        known = self._book.rejects().get(mark) if mark else None
        if known is not None and (original := self._book.known(known[0])) is not None and pattern is None:
            return self._entry(original.name, original.pattern)
        return entry_of(table, name)

    def _handle(self, file: StoredFile, companion: StoredFile | None) -> None:
        """Take a file if it is complete, and import it."""
        entry = self._entry(file.name)
        assert entry is not None  # the listing contains no other data files
        if (waiting := self._waiting(file, entry, companion)) is not None:
            self._say_waiting(file, entry, waiting.reason)
            return
        taken = self._taken(file, entry, companion)
        if taken is None:
            return
        if isinstance(taken, Waiting):
            self._say_waiting(file, entry, taken.reason)
            return
        known = self._book.known(taken.id)
        if known is None and not self._settings.dry_run:
            self._book.keep(taken)
        # A known file is in the inbox again only if its removal was the step that is missing.
        self._work(known or taken, entry)

    def _waiting(self, file: StoredFile, entry: InboxFilesTable, companion: StoredFile | None) -> Waiting | None:
        """Return why a file is not taken now; None if it is."""
        now = self._settings.clock.now().timestamp()
        since = self._since[file.name]
        waiting = at_rest(self._inbox.table, file, now=now, seen_since=since, companion=companion)
        if waiting is None and (why := self._why_not(entry)) is not None:
            return Waiting(reason=why)
        return waiting

    def _copy_early(self, files: Sequence[StoredFile], companions: Mapping[str, StoredFile]) -> None:
        """Let the cluster validate copies of the next files."""
        for file in files:
            entry = self._entry(file.name)
            if entry is not None and self._waiting(file, entry, companions.get(file.name)) is None:
                self._early.add(file, entry, self._settings.clock.now())

    def _why_not(self, entry: InboxFilesTable) -> str | None:
        """Return why no more files of a pattern are imported in this pass; None if they are."""
        if self._settings.stop.requested:
            return "the pass was interrupted"
        return self._ended or self._blocked.get(entry.match[0])

    def _work(self, drop: Drop, entry: InboxFilesTable) -> None:
        """Import a file and move it out of the inbox."""
        if drop.step is FileStep.TAKEN:
            if (why := self._why_not(entry)) is not None:
                self._say(drop, _waiting_result(why, contract=entry.contract), entry)
                return
            result = self._imported(drop, entry)
            self._note_trouble(entry, result)
            if self._settings.dry_run or result.state not in FINAL:
                self._say(drop, result, entry)
                return
            drop = self._book.moved(drop, FileStep.ENDED, result=result.to_json())
        elif drop.step is FileStep.DONE:  # the same version with the same name was put back
            drop = replace(drop, step=FileStep.ARCHIVED)
        result = Result.from_json(drop.result)
        try:
            drop, notes = settle(self._desk, self._places, drop, inbox=self._inbox.name)
            self._notes += notes
        except BulkopsError as error:
            result = self._not_archived(result, error)
        except OSError as error:
            result = self._not_archived(result, file_error(error, f"{drop.name} cannot be archived"))
        self._say(drop, result, entry)

    def _not_archived(self, result: Result, error: BulkopsError) -> Result:
        """Return the result of a file that is imported, and could not be moved out of the inbox."""
        if type(error).__name__ in FOR_ALL:
            self._ended = f"the pass ended early: {error.message}"
        return replace(result, state="failed", exit=error.exit_code, reason=error.message, hint=error.hint)

    def _imported(self, drop: Drop, entry: InboxFilesTable) -> Result:
        """Return the result of importing a file."""
        try:
            manifest = self._manifest(drop)
        except DataError as error:
            return self._unlike_manifest(drop, error)
        except BulkopsError as error:
            return replace(failed(error, entry.contract), state="failed")
        except OSError as error:
            return failed(file_error(error, f"The manifest of {drop.name} cannot be read"), entry.contract)
        if entry.recipe is not None:
            recipe = str(self._inbox.root / entry.recipe) if (self._inbox.root / entry.recipe).is_file() else None
            chosen = entry if recipe is None else entry.model_copy(update={"recipe": recipe})
            return RecipeImport(desk=self._desk, drop=drop, entry=chosen).run()
        return ContractImport(
            desk=self._desk,
            drop=drop,
            entry=entry,
            contract=CONTRACTS[str(entry.contract)],
            manifest=manifest,
            history=tuple(self._book.history(entry.match[0], most=USUAL_OF)),
            resumes=drop.id in self._resumed,
        ).run()

    def _manifest(self, drop: Drop) -> Manifest | None:
        """Return the manifest of a file, if the inbox has manifests; DataError if the bytes differ from it."""
        if self._inbox.table.manifest is None or drop.companion is None:
            return None
        manifest = manifest_of(self._places.folder, drop)
        check_bytes(manifest, drop)
        return manifest

    def _unlike_manifest(self, drop: Drop, error: DataError) -> Result:
        """Return the result for a file that differs from its manifest: it may still be written for some time."""
        age = self._settings.clock.now().timestamp() - drop.file.modified
        quiet = seconds_of(self._inbox.table.quiet)
        if age < quiet:
            return _waiting_result(f"{error.message} It changed {age:,.0f} s ago.")
        result = _waiting_result(error.message)
        return replace(result, state="quarantined", exit=error.exit_code, hint=error.hint)

    def _note_trouble(self, entry: InboxFilesTable, result: Result) -> None:
        """Decide from the result of a file whether the others can be imported in this pass."""
        contract = CONTRACTS.get(entry.contract or "")
        if result.error in FOR_ALL:
            self._ended = f"the pass ended early: {result.reason}"
        elif result.error == FileTrouble.__name__:
            pass  # neither the server nor another file caused it
        elif result.state == "failed":
            self._troubles += result.exit == 3
            # Without a job, the server was not even reached: it would be the same for the other files.
            if self._troubles >= TROUBLES or (result.exit == 3 and not result.jobs):
                self._ended = f"the pass ended early: {result.reason}"
            if result.exit != 3:
                self._blocked[entry.match[0]] = f"an earlier file of {entry.match[0]} failed: {result.reason}"
        else:
            self._troubles = 0
        open_still = result.state in ("failed", "waiting") and not self._settings.dry_run
        if open_still and (contract is None or contract.mode.resend_is_safe):
            # Later files overwrite earlier ones, so they must not overtake them.
            self._blocked[entry.match[0]] = f"an earlier file of {entry.match[0]} is not imported yet"

    def _say(self, drop: Drop, result: Result, entry: InboxFilesTable | None) -> None:
        """Add a file to the result of the pass, with its warnings, and report it."""
        document = self._document(drop, result)
        self._files.append(document)
        for text in result.warnings:
            warn: ExpectationDocument = {
                "inbox": self._inbox.name,
                "pattern": entry.match[0] if entry else drop.pattern,
                "kind": "records",
                "state": "missed",
                "fails": False,
                "text": text,
            }
            self._expectations.append(warn)
        record(
            "inbox_file",
            inbox=self._inbox.name,
            path=document["path"],
            state=document["state"],
            job=document["job"],
            records=document["records"],
        )
        reason = f": {_what_to_do(result)}" if result.reason else ""
        self._settings.notify(f"{self._inbox.name}: {drop.name}: {result.state}{reason}")

    def _document(self, drop: Drop, result: Result) -> InboxFileDocument:
        document: InboxFileDocument = {
            "inbox": self._inbox.name,
            "path": f"{self._places.folder.shown}/{drop.name}",
            "sha256": drop.sha256,
            "contract": result.contract,
            "state": result.state,  # type: ignore[typeddict-item] # the states of results
            "job": result.jobs[0] if result.jobs else None,
            "records": {"input": 0, **dict.fromkeys(BOOKS, 0), **result.records},  # type: ignore[typeddict-item]
            "archived_to": drop.archived_to,
            "reason": result.reason,
            "exit": result.exit,
        }
        if result.hint:
            document["hint"] = result.hint
        if len(result.jobs) > 1:
            document["jobs"] = list(result.jobs)
        if result.verdict:
            document["verdict"] = result.verdict
        if result.counts:
            document["findings"] = dict(result.counts)
        if drop.corrects is not None and (known := self._book.rejects().get(drop.corrects)) is not None:
            document["corrects"] = known[1]
        if result.state == "partial" and drop.archived_to:
            document["rejected_file"] = rejected_of(drop)
        return document

    def _say_waiting(self, file: StoredFile, entry: InboxFilesTable | None, reason: str) -> None:
        self._files.append(waiting_document(self._inbox, self._places.folder, file, entry, reason))

    def _check_dues(self, now: datetime) -> None:
        self._expectations += due_documents(self._inbox, self._book, now)

    def _codes(self) -> list[int]:
        codes = [*(each["exit"] for each in self._files), *codes_of(self._expectations)]
        return [*codes, 130] if self._settings.stop.requested else codes

    def _clear(self) -> None:
        """Remove work folders that belong to no open file: a killed process left them."""
        needed = {drop.id for drop in self._book.open_drops()}
        work = self._book.folder / "work"
        with suppress(OSError):  # the next pass removes them
            for folder in work.iterdir() if work.is_dir() else ():
                if folder.name not in needed and folder.name != "drafts":
                    remove_folder(folder)


def _waiting_result(reason: str, *, contract: str | None = None) -> Result:
    return Result(
        state="waiting", exit=0, contract=contract, records=dict.fromkeys(("input", *BOOKS), 0), reason=reason
    )


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _what_to_do(result: Result) -> str:
    """Return the reason of a result, and for a failed file also the next step."""
    return f"{result.reason} {result.hint}" if result.state == "failed" and result.hint else str(result.reason)
