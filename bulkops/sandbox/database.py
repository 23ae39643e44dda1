"""Store the imported rows of a sandbox in SQLite: one writer at a time, each reader on a snapshot."""

import os
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from bulkops.errors import UsageError
from bulkops.private import private

FORMAT = 1

# The tables that no resource owns. Each resource adds its own; see `Resource.tables`.
# Rows of replacing and updating imports carry the time from which reads show them (`since`) and the time
# from which they no longer do (`until`), so that a lagging export can show the earlier rows.
SCHEMA = """
CREATE TABLE IF NOT EXISTS import (id INTEGER PRIMARY KEY AUTOINCREMENT, created TEXT, entity TEXT, amount INTEGER,
  path TEXT);
CREATE TABLE IF NOT EXISTS export (id INTEGER PRIMARY KEY AUTOINCREMENT, created TEXT, entity TEXT,
  application INTEGER, campaign INTEGER, filter TEXT);
CREATE TABLE IF NOT EXISTS session (token TEXT PRIMARY KEY, created TEXT);
"""

NOT_ALPHANUMERIC = re.compile(r"[\W_]")


def folded(code: str) -> str:
    """Return a code as the `value` filter compares it: lower case, letters and digits only."""
    return NOT_ALPHANUMERIC.sub("", code).lower()


class Database:
    """A SQLite file; without a path a temporary file, removed when the sandbox ends.

    `tables` is the SQL that creates the tables of the resources where they are missing. `columns` are columns that a
    table of an older release lacks: table, column and type.
    """

    def __init__(self, path: Path | None, tables: str, columns: Iterable[tuple[str, str, str]] = ()) -> None:
        self._folder = None if path else tempfile.TemporaryDirectory(prefix="bulkops-sandbox-")
        self.path = path or Path(self._folder.name if self._folder else "") / "sandbox.db"
        self._write_lock = Lock()
        if not self.path.exists():
            with suppress(OSError):  # SQLite says the same, with the path
                os.close(private(str(self.path), os.O_RDWR | os.O_CREAT))
        try:
            _refuse_foreign(self.path)
            with ExitStack() as failing:
                self._writer = failing.enter_context(closing(self._open()))
                # With a path, an acknowledged import is on the disk; without one, nothing outlives the process.
                self._writer.execute(f"PRAGMA synchronous={'FULL' if path else 'OFF'}")
                self._create(tables, columns)
                failing.pop_all()
        except sqlite3.Error as problem:
            raise UsageError(
                f"{self.path} cannot be used as the sandbox's data file: {problem}.",
                hint="Name a new file, or one that a sandbox made.",
            ) from problem

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        with ExitStack() as failing:
            failing.callback(connection.close)
            connection.row_factory = sqlite3.Row
            connection.create_function("folded", 1, folded, deterministic=True)
            connection.execute("PRAGMA journal_mode=WAL")
            failing.pop_all()
        return connection

    def _create(self, tables: str, columns: Iterable[tuple[str, str, str]]) -> None:
        version = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, FORMAT):
            raise UsageError(f"{self.path} was made by another version of the sandbox; name a new file.")
        # A file of an older release lacks the tables of resources that are new.
        self._writer.executescript(f"BEGIN; {SCHEMA} {tables} PRAGMA user_version={FORMAT}; COMMIT;")
        for table, column, kind in columns:
            known = {row["name"] for row in self._writer.execute(f"PRAGMA table_info({table})")}
            if column not in known:
                self._writer.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the writer for one transaction: committed on the way out, rolled back on an exception."""
        with self._write_lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open a snapshot for reading."""
        connection = self._open()
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()

    def stream(self, sql: str, values: tuple[Any, ...] | dict[str, Any]) -> Iterator[sqlite3.Row]:
        """Yield the rows of a query from one snapshot, without holding them all."""
        with self.reading() as connection:
            cursor = connection.execute(sql, values)
            while rows := cursor.fetchmany(1000):
                yield from rows

    def close(self) -> None:
        """Close the writer and remove a temporary file."""
        with self._write_lock:
            self._writer.close()
        if self._folder:
            self._folder.cleanup()


def _refuse_foreign(path: Path) -> None:
    """Raise UsageError for a database that no sandbox made, before anything of it is changed."""
    if not path.is_file() or not path.stat().st_size:
        return
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if names and not {"import", "audience_member", "allowed_item"} <= names:
        raise UsageError(
            f"{path} is the database of another program; the sandbox does not write to it.",
            hint="Name a new file, or one that a sandbox made.",
        )
