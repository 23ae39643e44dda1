"""Store the circumstances of a comparison with its result, so that a report can name them."""

import hashlib
import socket
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bulkops.exporting.receipts import receipt_of
from bulkops.ledger.events import Reconciled
from bulkops.ledger.models import JobEntry
from bulkops.ledger.store import Ledger
from bulkops.reading.sources import open_regular
from bulkops.reconciling.result import Reconciliation
from bulkops.settings import Target
from bulkops.version import __version__

if TYPE_CHECKING:
    from bulkops.json_documents.reconciliations import ProofDocument, SavedExportDocument

PROOF = "proof"
"""The key of the circumstances in the stored result; ledgers of older versions do not have it."""
BALANCES = "balances"


@dataclass(frozen=True, kw_only=True)
class SavedExport:
    """A saved export right before it is compared; `size` and `written` (nanoseconds) show whether it changes."""

    path: Path
    size: int
    written: int

    @classmethod
    def at(cls, path: Path | None) -> Self | None:
        """Return the export at a path; None without a path, or if it is not a regular file."""
        try:
            found = path.stat() if path else None
        except OSError:
            return None
        if path is None or found is None or not stat.S_ISREG(found.st_mode):
            return None
        return cls(path=path, size=found.st_size, written=found.st_mtime_ns)

    def identity(self) -> "SavedExportDocument":
        """Return path, size, time of the last change, SHA-256, and the target that bulkops saved the export from.

        `sha256` is None if the file changed meanwhile; `saved_from` is None if bulkops did not save it here.
        """
        receipt = receipt_of(self.path)
        digest = self._digest()
        return {
            "path": str(self.path.absolute()),
            "bytes": self.size,
            "modified": datetime.fromtimestamp(self.written / 1e9, UTC).isoformat(),
            "sha256": digest if SavedExport.at(self.path) == self else None,
            "saved_from": None
            if receipt is None
            else {"address": receipt.address, "ids": dict(receipt.ids), "filters": dict(receipt.filters)},
        }

    def _digest(self) -> str | None:
        try:
            with open_regular(self.path) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """The times, the place and the sources of a comparison.

    `address` and `key` are those of the target that was read, empty for a saved export. `key` names the source of the
    key; it is never the key itself.
    """

    began: datetime
    ended: datetime
    address: str = ""
    key: str = ""
    export: "SavedExportDocument | None" = None

    @classmethod
    def of_target(cls, target: Target, *, began: datetime, ended: datetime) -> Self:
        """Return the circumstances of a comparison with the content of a target."""
        address = str(target.identity()["base_url"])
        return cls(began=began, ended=ended, address=address, key=target.authorization.name)

    def to_json(self) -> "ProofDocument":
        """Return them as the ledger stores them; times in UTC."""
        return {
            "at": self.ended.astimezone(UTC).isoformat(),
            "began": self.began.astimezone(UTC).isoformat(),
            "bulkops": __version__,
            "host": socket.gethostname(),
            "address": self.address,
            "key": self.key,
            "export": self.export,
        }


def keep_result(ledger: Ledger, job: JobEntry, result: Reconciliation, circumstances: Circumstances) -> JobEntry:
    """Store a result with its circumstances in a job; earlier balances stay if none were checked now."""
    kept = {key: value for key, value in (job.reconciliation or {}).items() if key == BALANCES}
    document = {**kept, **result.to_json(), PROOF: circumstances.to_json()}
    return ledger.change_job(job, Reconciled(), reconciliation=document)
