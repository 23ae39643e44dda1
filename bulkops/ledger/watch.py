"""Notice that the files of a ledger are missing while it is in use, and save a copy of its content.

A SQLite connection keeps writing to files that were deleted, replaced or moved, and these writes would be lost. So the
files are checked by name around every write, only with `stat` and through SQLite: closing any other descriptor would
release the locks that SQLite holds on a file.

A file can also be overwritten in place with an older copy of the ledger. The ids of events only grow. A ledger without
the last event of this process, or a database with an older last event than before, is such a copy.
"""

import os
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from bulkops.errors import BulkopsError, LedgerLost, Unfinished

Inode = tuple[int, int]
LAST_EVENT = "SELECT COALESCE(MAX(id), 0) FROM events"
BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ")
LOG_FILES = ("-wal", "-shm")
# The header of a log: its mark, and a salt that changes each time the log starts again after a checkpoint.
LOG_MARKS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
PAUSES = (0.0, 0.05, 0.2, 0.5)
LOG_HEADER, LOG_SALT = 24, slice(16, 24)


@dataclass(frozen=True, kw_only=True)
class LedgerDamage:
    """The damage to a file of the ledger. `kept`: the ledger still contains everything at its path.

    If it is `overwritten`, its content is unreliable.
    """

    message: str
    kept: bool = False
    overwritten: bool = False


class Watch:
    """Watches the files of one open ledger: the database with its log, and the lock files that are held."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._anchor: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._files: dict[Path, Inode] = {}
        self._locks: dict[Path, Inode] = {}
        self._state: tuple[int, int] = (0, 0)
        self._written = 0
        self._in_database = 0
        self._salt = b""
        self._once = Lock()
        self._lost: BulkopsError | None = None

    def start(self, path: Path, anchor: sqlite3.Connection) -> None:
        """Watch a SQLite file and its log from now on.

        `anchor` is a connection that stays open: it keeps the log in place, and can read the content even if the file
        was renamed or deleted.
        """
        self._path, self._anchor = path, anchor
        for file in (path, *(path.with_name(path.name + suffix) for suffix in LOG_FILES)):
            if (inode := _inode(file)) is not None:
                self._files[file] = inode
        self._state = _state(path)
        self._in_database = _event_in_database(path) or 0

    def close(self) -> None:
        """Close the connection that reads the ledger by its name."""
        if self._reader is not None:
            self._reader.close()

    def wrote(self, event: int) -> None:
        """Remember the id of an event that this process recorded: from now on the ledger must contain it."""
        with self._once:
            self._written = max(self._written, event)
            if self._path is not None:
                self._salt = _log_header(self._path)[LOG_SALT]

    def hold(self, lock: Path) -> None:
        """Watch a lock file from now on: without it another process could take the same lock."""
        if (inode := _inode(lock)) is not None:
            self._locks[lock] = inode

    def release(self, lock: Path) -> None:
        """Stop watching a lock file."""
        self._locks.pop(lock, None)

    def broken(self, reason: str) -> BulkopsError | None:
        """Return the error for an unreadable ledger after a job has begun; None before."""
        if self._path is None or not self._written:
            return None
        with self._once:
            if self._lost is None:
                self._lost = self._error_of(
                    LedgerDamage(message=f"The ledger was damaged ({reason})", overwritten=True)
                )
        return self._lost

    def check(self) -> None:
        """Raise Unfinished if a file is missing or replaced; LedgerLost if the content could not be saved either.

        The first call that finds it saves a copy; later calls raise the same error.
        """
        with self._once:
            if self._lost is None:
                trouble = self._trouble()
                if trouble is None:
                    return
                self._lost = self._error_of(trouble)
        raise self._lost

    def _trouble(self) -> LedgerDamage | None:
        if self._path is not None:
            if (found := self._of_the_database(self._path)) is not None:
                return found
            for file in list(self._files)[1:]:
                if (how := _changed(file, self._files[file])) is not None:
                    return LedgerDamage(
                        message=f"{file}, which belongs to the ledger, was {how}", kept=self._folded_in(how)
                    )
            if (found := self._of_the_content(self._path)) is not None:
                return found
        for lock, inode in list(self._locks.items()):
            if (how := _changed(lock, inode)) is not None:
                return LedgerDamage(message=f"The lock file {lock} was {how}", kept=True)
        return None

    def _of_the_database(self, path: Path) -> LedgerDamage | None:
        if (how := _changed(path, self._files[path])) is not None:
            if not path.parent.exists():
                return LedgerDamage(message=f"The folder {path.parent} with the ledger was moved or deleted")
            return LedgerDamage(message=f"The ledger {path} was {how}")
        # Between checkpoints only the log is written. SQLite would remove the log of an empty file that it opens.
        if (state := _state(path)) == self._state:
            return None
        if not (path.stat().st_size and _is_sound(path)):
            return LedgerDamage(message=f"The ledger {path} was damaged")
        if _lacks(path, self._in_database):
            return LedgerDamage(message=f"The ledger {path} was overwritten by an older copy", overwritten=True)
        if (event := _event_in_database(path)) is not None:
            self._state, self._in_database = state, max(event, self._in_database)
        return None

    def _of_the_content(self, path: Path) -> LedgerDamage | None:
        """Check by name, as another process would, that the ledger contains the last event of this process."""
        if not self._written:
            return None
        header = _log_header(path)
        if header and not header.startswith(LOG_MARKS):
            return LedgerDamage(message=f"The log of the ledger {path} was damaged", overwritten=True)
        if header[LOG_SALT] != self._salt:
            # The log started again after a checkpoint, so the database contains all earlier writes.
            if _lacks(path, self._written):
                return LedgerDamage(message=f"The ledger {path} was overwritten by an older copy", overwritten=True)
            self._salt = header[LOG_SALT]
        try:
            event = self._present_event(path)
        except sqlite3.Error as error:
            return LedgerDamage(message=f"The ledger {path}, or its log, was damaged ({error})", overwritten=True)
        if event is not None and event < self._written:
            return LedgerDamage(
                message=f"The ledger {path}, or its log, was overwritten by an older copy", overwritten=True
            )
        return None

    def _present_event(self, path: Path) -> int | None:
        """Return the id of the last event in the files of this name; None if they are busy, sqlite3.Error if damaged.

        The connection stays open, because opening one takes ten times as long as reading. It keeps no page in memory,
        so that it reads the files each time, as another process would.
        """
        try:
            if self._reader is None:
                self._reader = _opened(path, "mode=rw")
            event = int(self._reader.execute(LAST_EVENT).fetchone()[0])
            self._reader.execute("PRAGMA shrink_memory")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "").startswith(BUSY):
                return None
            raise
        return event

    def _folded_in(self, how: str) -> bool:
        """Write the content of a removed log into the database; False if another process may have begun a new log."""
        if how != "removed" or self._anchor is None:
            return False
        try:
            (busy, _, _) = self._anchor.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        except sqlite3.Error:
            return False
        return not busy

    def _error_of(self, trouble: LedgerDamage) -> BulkopsError:
        message = f"{trouble.message} while it was in use. Nothing more was sent."
        if trouble.kept:
            return Unfinished(message, hint="The ledger has lost nothing. Do not change its files, and resume the job.")
        if trouble.overwritten or (copy := self._copied()) is None:
            return LedgerLost(
                f"{message} A copy of its content could not be saved.",
                hint="Restore the ledger if you can, and resume the job. Otherwise compare the file with the target "
                "before you import it again: `bulkops reconcile`.",
            )
        return Unfinished(
            message,
            hint=f"Its content was saved as {copy}. Restore the ledger, or move that copy to its path "
            f"({self._path}), and resume the job.",
        )

    def _copied(self) -> Path | None:
        """Copy the content through the open connection to the nearest writable folder; None if that fails."""
        if self._path is None or self._anchor is None:
            return None
        for folder in (self._path.parent, self._path.parent.parent, Path(tempfile.gettempdir())):
            with suppress(OSError, sqlite3.Error):
                handle, name = tempfile.mkstemp(dir=folder, prefix=f"{self._path.stem}-saved-", suffix=".db")
                os.close(handle)
                if _copied_to(Path(name), self._anchor):
                    return Path(name)
        return None


def _copied_to(copy: Path, anchor: sqlite3.Connection) -> bool:
    """Write the content of a connection to a file; return whether the copy is sound, and remove it if not."""
    sound = False
    try:
        with closing(sqlite3.connect(copy)) as there:
            anchor.backup(there)
            sound = _says_ok(there)
    finally:
        if not sound:
            copy.unlink()
    return sound


def _inode(path: Path) -> Inode | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _state(path: Path) -> tuple[int, int]:
    """Return the size and the modification time of a file: they change with every write."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _changed(path: Path, inode: Inode) -> str | None:
    """Return what happened to a file; None if it is the same file."""
    found = _inode(path)
    if found is None:
        return "removed"
    return None if found == inode else "replaced by another file"


def _log_header(path: Path) -> bytes:
    """Return the first bytes of a ledger's log; empty if there is none. SQLite holds no locks on that file."""
    try:
        log = os.open(f"{path}{LOG_FILES[0]}", os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return b""
    try:
        return os.read(log, LOG_HEADER)
    except OSError:
        return b""
    finally:
        os.close(log)


def _opened(path: Path, how: str) -> sqlite3.Connection:
    """Return a connection to a database for any thread; a missing file is not created."""
    return sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, check_same_thread=False)


def _event_in_database(path: Path) -> int | None:
    """Return the id of the last event in a database without its log, so as of the last checkpoint; None if unknown."""
    try:
        with closing(_opened(path, "immutable=1")) as connection:
            return int(connection.execute(LAST_EVENT).fetchone()[0])
    except sqlite3.Error:
        return None


def _lacks(path: Path, event: int) -> bool:
    """Return whether a database without its log lacks an event that it contained before.

    Another process may be writing the log into it at this moment, so the event must be missing several times in a row.
    """
    for pause in PAUSES:
        time.sleep(pause)
        found = _event_in_database(path)
        if found is None or found >= event:
            return False
    return True


def _is_sound(path: Path) -> bool:
    """Return whether a SQLite file can be read completely, as after a checkpoint."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            return _says_ok(connection)
    except sqlite3.Error:
        return False


def _says_ok(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
