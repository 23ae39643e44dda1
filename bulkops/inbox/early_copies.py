"""Copy the next files of a pass early, so that a cluster validates them while earlier files are imported.

No row of the book names an early copy, and the file stays in the inbox. So a killed pass leaves it as it leaves a copy
that it was about to name: the next pass removes it and takes the file itself.
"""

from contextlib import suppress
from datetime import datetime

from bulkops.configuration_tables import InboxFilesTable
from bulkops.errors import BulkopsError, InputUnreadable
from bulkops.inbox.book import Drop, remove_folder
from bulkops.inbox.decisions import Waiting
from bulkops.inbox.processing import ContractImport, Desk
from bulkops.inbox.storage import MachineTrouble, Storage
from bulkops.inbox.taking import take, work_files
from bulkops.remote.versions import StoredFile
from bulkops.validation.ahead import ChecksAhead
from bulkops_validators import CONTRACTS

_SHARE = "The copies are in the state folder (BULKOPS_STATE): put it where all workers can read it under the same path."


class EarlyCopies:
    """The early copies of a pass by file name; always empty without a cluster."""

    def __init__(self, desk: Desk, place: Storage, checks: ChecksAhead | None) -> None:
        self._desk = desk
        self._place = place
        self._checks = checks
        self._drops: dict[str, Drop] = {}
        self._tried: set[str] = set()

    @property
    def window(self) -> int:
        """The number of files, from the present one on, that may have an early copy."""
        return 0 if self._checks is None else self._checks.most

    def add(self, file: StoredFile, entry: InboxFilesTable, now: datetime) -> None:
        """Copy a file and let the cluster validate the copy; a file that cannot be copied is left to its turn."""
        present = sum(drop.file.size for drop in self._drops.values())
        if self._checks is None or entry.contract is None or file.name in self._tried:
            return
        if not self._checks.has_room(file.size, present):
            return
        self._tried.add(file.name)
        try:
            self._add(self._checks, file, entry, now)
        except MachineTrouble:
            # The room on the disk belongs to the file under import.
            for name in list(self._drops):
                self._remove(name)
        except (BulkopsError, OSError):
            pass  # the turn of the file reports it

    def _add(self, checks: ChecksAhead, file: StoredFile, entry: InboxFilesTable, now: datetime) -> None:
        desk = self._desk
        taken = take(desk.book, self._place, file, pattern=entry.match[0], now=now, companion=None, corrects=None)
        if isinstance(taken, Waiting):
            return
        self._drops[file.name] = taken
        files, contract = work_files(desk.book, taken), CONTRACTS[str(entry.contract)]
        if not files.compressed:
            one = ContractImport(desk=desk, drop=taken, entry=entry, contract=contract, manifest=None, history=())
            settings = one.request(files.original).validation_settings(now)
            checks.submit(contract, files.original, taken.sha256, settings)

    def get(self, file: StoredFile) -> Drop | None:
        """Return the early copy of a file; None without one."""
        return self._drops.get(file.name)

    def ended(self, file: StoredFile) -> None:
        """Give up the report of a file after its turn; its copy now belongs to the book, or is unused."""
        if (drop := self._drops.pop(file.name, None)) is not None and self._checks is not None:
            self._checks.forget(work_files(self._desk.book, drop).original)

    def notes(self) -> list[str]:
        """Return a note if the cluster was given up during the pass."""
        problem = None if self._checks is None else self._checks.problem
        if problem is None:
            return []
        hint = _SHARE if isinstance(problem, InputUnreadable) else problem.hint or ""
        return [
            f"The cluster was not used to the end. {problem.message} This machine validated the other files. {hint}"
        ]

    def _remove(self, name: str) -> None:
        """Remove an early copy."""
        files = work_files(self._desk.book, self._drops.pop(name))
        if self._checks is not None:
            self._checks.forget(files.original)
        with suppress(OSError):
            remove_folder(files.folder)
