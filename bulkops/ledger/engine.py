"""Open the database so that an acknowledged write survives a power cut."""

import os
import sqlite3
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from bulkops.errors import UsageError
from bulkops.ledger.paths import BUSY_SECONDS, folder_beside, ledger_exists, without_password
from bulkops.ledger.postgres import open_postgres
from bulkops.private import make_private, private
from bulkops.settings import state_folder

EXAMPLES = "Examples: sqlite:///ledger.db, postgresql://user@host/database"


def parse_url(text: str) -> URL:
    """Return the URL of a SQLite or PostgreSQL ledger; a plain path means a SQLite file. UsageError if invalid."""
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).absolute()))
    try:
        url = make_url(text)
    except ArgumentError:
        raise UsageError(f"{without_password(text)!r} is not the address of a ledger.", hint=EXAMPLES) from None
    if url.drivername.partition("+")[0] not in ("sqlite", "postgresql"):
        raise UsageError(f"{without_password(text)!r} is neither a SQLite nor a PostgreSQL ledger.", hint=EXAMPLES)
    if url.get_backend_name() != "sqlite":
        return url
    if not url.database or url.database == ":memory:":
        raise UsageError("A ledger in memory would lose everything in a crash; give a file.")
    return url.set(database=str(Path(url.database).absolute()))


def folder_of(url: URL, identity: str | None) -> Path:
    """Return the folder for a ledger's files: job folders, locks, rate slots.

    A ledger that is not a file uses a folder in this machine's state folder. Its name is the ledger's own, because one
    ledger can have several addresses.
    """
    if url.get_backend_name() == "sqlite":
        return folder_beside(Path(str(url.database)))
    return state_folder() / f"ledger-{identity}"


def open_engine(url: URL) -> Engine:
    """Return an engine for the ledger. SQLite: write-ahead log, every commit synced, one writer at a time."""
    if url.get_backend_name() != "sqlite":
        return open_postgres(url)
    path = Path(str(url.database))
    _refuse_foreign(path)
    try:
        make_private(path.parent)
        # SQLite does not guarantee that the name of a new file survives a power cut; a sync of its folder does. The log
        # files get the permissions of this file.
        os.close(private(str(path), os.O_RDWR | os.O_CREAT))
        _sync_folder(path.parent)
    except OSError as error:
        raise UsageError(
            f"The ledger {path} cannot be written: {error.strerror}. Nothing was sent.",
            hint="Give another path with --ledger, or set BULKOPS_STATE to a writable folder.",
        ) from None
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _refuse_foreign(path: Path) -> None:
    """Raise UsageError for the database of another program, before it is changed."""
    if not (ledger_exists(path) and path.is_file()):
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if names and "bulkops_ledger" not in names:
            raise UsageError(
                f"{path} is the database of another program; bulkops does not change it.",
                hint="Give another file with --ledger.",
            )


def _prepare(connection: Any, _record: object) -> None:
    with ExitStack() as failing:
        failing.callback(connection.close)  # SQLAlchemy leaves it open
        with closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA foreign_keys=ON")
        failing.pop_all()


def _begin(connection: Connection) -> None:
    """Begin a transaction with its own statement: a writer waits at the start instead of failing half-way."""
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
