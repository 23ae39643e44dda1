"""Read a ledger without writing to it: a SQLite file, with Python's own module.

Importing SQLAlchemy takes longer than reading ten thousand chunks.
"""

import errno
import os
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from bulkops.errors import UsageError
from bulkops.ledger.damage import LedgerDamaged, is_damage
from bulkops.ledger.paths import BUSY_SECONDS, folder_beside, ledger_exists, out_of_bounds, plain_path
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.rows import TableRow
from bulkops.ledger.versions import LATEST, checked_version

MADE = "SELECT count(*) FROM sqlite_master WHERE name = 'bulkops_ledger'"
VERSION = "SELECT max(version) FROM bulkops_ledger"


class ReadOnlyLedger(LedgerReader):
    """Reads a ledger of this version, also on a read-only file system."""

    def __init__(self, connection: sqlite3.Connection, *, path: Path) -> None:
        self.folder = folder_beside(path)
        self._path = path
        self._connection = connection

    @classmethod
    def open(cls, url: str) -> Self | None:
        """Open a ledger; None if it needs more than that: another database, an older version, no file yet.

        LedgerUnusable without access, UsageError if it cannot be read, LedgerDamaged if its file is damaged.
        """
        path = plain_path(url)
        if path is None or not ledger_exists(path):
            return None
        with ExitStack() as opened:
            try:
                connection = sqlite3.connect(read_address(path), uri=True, timeout=BUSY_SECONDS, isolation_level=None)
                opened.callback(connection.close)
                version = checked_version(connection.execute(VERSION).fetchone()[0]) if _made(connection) else 0
            except sqlite3.Error as error:
                raise _unreadable(path, error) from None
            if version != LATEST:
                return None
            opened.pop_all()
        return cls(connection, path=path)

    def rows(self, statement: str, **values: Any) -> Sequence[TableRow]:
        """Return the rows of a statement by column name; UsageError if they cannot be read."""
        try:
            cursor = self._connection.execute(statement, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        except sqlite3.Error as error:
            raise _unreadable(self._path, error) from None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _unreadable(path: Path, error: sqlite3.Error) -> UsageError:
    if not os.access(path, os.R_OK):
        return out_of_bounds(path, os.strerror(errno.EACCES))
    message = f"The ledger {path} cannot be read: {error}."
    return LedgerDamaged(message, reason=str(error)) if is_damage(error) else UsageError(message)


def _made(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute(MADE).fetchone()[0])


def read_address(path: Path) -> str:
    """Return an address with which SQLite writes nothing.

    On a read-only file system the log of writes cannot be shared, so the file is read alone. That is
    complete if no log is beside it.
    """
    log = path.with_name(path.name + "-wal")
    still = not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)
    return f"file:{quote(str(path))}?mode=ro{'&immutable=1' if still else ''}"
