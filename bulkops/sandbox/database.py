"""Where the sandbox keeps what was imported: SQLite, one writer at a time, readers on a snapshot."""

import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from bulkops.errors import UsageError
from bulkops.private import private

FORMAT = 1

# Rows of replacing and updating imports carry the time from which reads show them (`since`) and the time
# from which they no longer do (`until`), so that a lagging export can show what was there before.
SCHEMA = """
CREATE TABLE import (id INTEGER PRIMARY KEY AUTOINCREMENT, created TEXT, entity TEXT, amount INTEGER, path TEXT);
CREATE TABLE export (id INTEGER PRIMARY KEY AUTOINCREMENT, created TEXT, entity TEXT, application INTEGER,
  campaign INTEGER, filter TEXT);
CREATE TABLE session (token TEXT PRIMARY KEY, created TEXT);
CREATE TABLE profile (id INTEGER PRIMARY KEY AUTOINCREMENT, integration_id TEXT UNIQUE, created TEXT,
  imported INTEGER);
CREATE TABLE coupon (id INTEGER PRIMARY KEY AUTOINCREMENT, application INTEGER, campaign INTEGER, scope TEXT,
  value TEXT, expirydate TEXT, startdate TEXT, recipient TEXT, limitval INTEGER, discountlimit TEXT,
  attributes TEXT, importid INTEGER, batchid TEXT, created TEXT, deleted TEXT DEFAULT '', since REAL,
  UNIQUE (scope, value));
CREATE TABLE referral (id INTEGER PRIMARY KEY AUTOINCREMENT, application INTEGER, campaign INTEGER, scope TEXT,
  value TEXT, advocate TEXT, startdate TEXT, expirydate TEXT, limitval INTEGER, attributes TEXT,
  importid INTEGER, batchid TEXT, created TEXT, since REAL, UNIQUE (scope, value));
CREATE TABLE giveaway (id INTEGER PRIMARY KEY AUTOINCREMENT, pool INTEGER, code TEXT, startdate TEXT,
  enddate TEXT, attributes TEXT, importid INTEGER, created TEXT, since REAL);
CREATE TABLE point (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT, program INTEGER, profile TEXT, card TEXT,
  subledger TEXT, amount TEXT, reason TEXT, startdate TEXT, expirydate TEXT, starts REAL, ends REAL,
  validity TEXT, importid INTEGER, created TEXT, since REAL);
CREATE INDEX point_by_program ON point (program, id);
CREATE INDEX point_by_profile ON point (profile);
CREATE INDEX point_by_card ON point (card);
CREATE TABLE card (id INTEGER PRIMARY KEY AUTOINCREMENT, program INTEGER, identifier TEXT, status TEXT,
  profiles TEXT, attributes TEXT, batchid TEXT, importid INTEGER, created TEXT, modified TEXT, since REAL,
  until REAL);
CREATE INDEX card_by_identifier ON card (program, identifier);
CREATE TABLE tier (id INTEGER PRIMARY KEY AUTOINCREMENT, program INTEGER, subledger TEXT, profile TEXT,
  tiername TEXT, startdate TEXT, expirydate TEXT, since REAL, until REAL);
CREATE INDEX tier_by_profile ON tier (program, subledger, profile);
CREATE TABLE join_date (id INTEGER PRIMARY KEY AUTOINCREMENT, program INTEGER, profile TEXT, joined TEXT,
  since REAL, until REAL);
CREATE INDEX join_date_by_profile ON join_date (program, profile);
CREATE TABLE collection_item (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, since REAL,
  until REAL);
CREATE INDEX collection_item_by_owner ON collection_item (owner);
CREATE TABLE audience_member (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, since REAL,
  until REAL);
CREATE INDEX audience_member_by_owner ON audience_member (owner);
CREATE TABLE allowed_item (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, since REAL,
  until REAL);
CREATE INDEX allowed_item_by_owner ON allowed_item (owner);
CREATE TABLE campaign_store (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, since REAL,
  until REAL);
CREATE TABLE store_budget (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, action TEXT,
  period TEXT, amount TEXT, since REAL, until REAL);
"""

NOT_ALPHANUMERIC = re.compile(r"[\W_]")


def folded(code: str) -> str:
    """Return a code as the `value` filter compares it: lower case, letters and digits only."""
    return NOT_ALPHANUMERIC.sub("", code).lower()


class Database:
    """A SQLite file; without a path a temporary one that goes with the sandbox."""

    def __init__(self, path: Path | None) -> None:
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
                self._create()
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

    def _create(self) -> None:
        version = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, FORMAT):
            raise UsageError(f"{self.path} was made by another version of the sandbox; name a new file.")
        if version == 0:
            self._writer.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={FORMAT}; COMMIT;")

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
