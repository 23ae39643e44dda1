"""Recognise a damaged SQLite ledger."""

from bulkops.errors import LedgerUnusable

BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ")


class LedgerDamaged(LedgerUnusable):
    """The file of the ledger is damaged, or no ledger, for this `reason`. Only a backup knows what was sent."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(
            message,
            hint="Restore a backup of the ledger, see docs/how-to/ledger.md, or correct its path. A new ledger does "
            "not know which records were sent, and would send them again.",
        )
        self.reason = reason


def is_damage(error: BaseException | None) -> bool:
    """Return whether an error of SQLite means that the file of the ledger is damaged."""
    return getattr(error, "sqlite_errorname", "").startswith(BROKEN)
