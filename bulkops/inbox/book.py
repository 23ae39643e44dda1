"""Remember the files of an inbox between passes: a small database beside the ledger, one for each inbox.

A row is written after each step of a file. A process that is killed between two steps repeats the second one, which is
safe for every step. Only the ledger records the requests that were sent.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from bulkops.disk import is_full
from bulkops.errors import UsageError
from bulkops.ledger.paths import BOOK
from bulkops.private import private_folder
from bulkops.remote.versions import StoredFile

SCHEMA = """
CREATE TABLE IF NOT EXISTS drops (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, pattern TEXT NOT NULL, step TEXT NOT NULL, modified REAL NOT NULL,
    taken TEXT NOT NULL, sha256 TEXT NOT NULL, state TEXT, records INTEGER, data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS drops_open ON drops (step) WHERE step <> 'done';
CREATE INDEX IF NOT EXISTS drops_by_pattern ON drops (pattern, taken);
CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY, version TEXT NOT NULL, since REAL NOT NULL);
CREATE TABLE IF NOT EXISTS rejects (
    mark TEXT PRIMARY KEY, drop_id TEXT NOT NULL, name TEXT NOT NULL, records INTEGER NOT NULL, corrected TEXT
);
CREATE TABLE IF NOT EXISTS passes (began TEXT PRIMARY KEY, ended TEXT, exit INTEGER);
"""
KEPT_PASSES = 1000


class FileStep(StrEnum):
    """The last completed step of a file."""

    TAKEN = "taken"
    ENDED = "ended"
    ARCHIVED = "archived"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Drop:
    """A file that was taken from an inbox.

    `id` is derived from name, version and content, so that the same file gets the same id again. `version` is that of
    the file in the inbox. `companion` is its marker or manifest. `corrects` is the mark of the rejected records that it
    corrects. `result` is set once the import has ended, `archived_to` once the copy is verified.
    """

    id: str
    name: str
    pattern: str
    file: StoredFile
    taken: datetime
    sha256: str
    step: FileStep = FileStep.TAKEN
    companion: StoredFile | None = None
    corrects: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    archived_to: str | None = None

    @property
    def state(self) -> str | None:
        """The state of the file in the documents; None while its import has not ended."""
        found = self.result.get("state")
        return None if found is None else str(found)


class Book:
    """The database of one inbox. Only the pass that holds the lock of the inbox writes to it."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self.folder = folder
        self._marks: dict[str, tuple[str, str, int]] | None = None

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, *, readonly: bool = False) -> Iterator[Self]:
        """Yield the book in a folder; UsageError if it cannot be used. With `readonly` nothing is written."""
        path = folder / BOOK
        try:
            if readonly:
                connection = sqlite3.connect(":memory:")
                if path.exists():
                    connection.close()
                    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
                else:
                    connection.executescript(SCHEMA)
            else:
                private_folder(folder)
                connection = sqlite3.connect(path, timeout=10)
                # The kernel keeps the bytes that a killed process has written. After a power failure the last rows may
                # be missing, and the steps that they record are repeated.
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from None
        try:
            yield cls(connection, folder)
        except sqlite3.Error as error:
            raise _unusable(path, error) from None
        finally:
            connection.close()

    def keep(self, drop: Drop) -> Drop:
        """Write a file with its present step; return it."""
        values = (
            drop.id,
            drop.name,
            drop.pattern,
            drop.step.value,
            drop.file.modified,
            drop.taken.isoformat(),
            drop.sha256,
            drop.state,
            drop.result.get("records", {}).get("input"),
            json.dumps(_stored(drop)),
        )
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO drops VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        return drop

    def moved(self, drop: Drop, step: FileStep, **changes: Any) -> Drop:
        """Write that a step of a file is complete; return the changed file."""
        return self.keep(replace(drop, step=step, **changes))

    def open_drops(self) -> list[Drop]:
        """Return the files that have not reached their last step, in the order in which they were taken."""
        return self._drops("WHERE step <> 'done' ORDER BY taken, rowid")

    def known(self, drop: str) -> Drop | None:
        """Return a file by its id."""
        return next(iter(self._drops("WHERE id = ?", drop)), None)

    def names(self) -> list[str]:
        """Return the names of all files."""
        return [row[0] for row in self._connection.execute("SELECT DISTINCT name FROM drops")]

    def archived_versions(self, name: str) -> frozenset[str]:
        """Return the versions of the files of a name with a verified copy in the archive or in quarantine."""
        found = self._drops("WHERE name = ? AND step IN ('archived', 'done')", name)
        return frozenset(drop.file.version for drop in found)

    def last_drops(self, most: int) -> list[Drop]:
        """Return the latest files, the newest first."""
        return self._drops("ORDER BY taken DESC, rowid DESC LIMIT ?", most)

    def _drops(self, which: str, *values: object) -> list[Drop]:
        statement = f"SELECT data FROM drops {which}"  # noqa: S608 - only our own words
        return [_drop(json.loads(row[0])) for row in self._connection.execute(statement, values)]

    def history(self, pattern: str, *, most: int) -> list[int]:
        """Return the numbers of records of imported files of a pattern, the latest last; corrections do not count."""
        statement = (
            "SELECT records FROM drops WHERE pattern = ? AND state IN ('imported', 'partial') AND records IS NOT NULL "
            "AND name NOT LIKE '%.rejected-%' ORDER BY taken DESC, rowid DESC LIMIT ?"
        )
        return [row[0] for row in self._connection.execute(statement, (pattern, most))][::-1]

    def arrivals(self, pattern: str, *, since: datetime) -> list[float]:
        """Return the times (seconds since 1970) at which files of a pattern arrived that were imported or skipped."""
        statement = (
            "SELECT modified FROM drops WHERE pattern = ? AND taken >= ? "
            "AND state IN ('imported', 'partial', 'skipped') AND name NOT LIKE '%.rejected-%'"
        )
        return [row[0] for row in self._connection.execute(statement, (pattern, since.isoformat()))]

    def looked(self, files: Mapping[str, StoredFile], *, now: float) -> dict[str, float]:
        """Record which files were seen; return for each the time since which it has its present version."""
        before = {name: (version, since) for name, version, since in self._connection.execute("SELECT * FROM seen")}
        found = {}
        for name, file in files.items():
            version, since = before.get(name, ("", now))
            found[name] = since if version == file.version else now
        with self._connection:
            gone = [(name,) for name in before if name not in files]
            self._connection.executemany("DELETE FROM seen WHERE name = ?", gone)
            rows = [
                (name, file.version, found[name])
                for name, file in files.items()
                if before.get(name) != (file.version, found[name])
            ]
            self._connection.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", rows)
        return found

    def seen_since(self) -> dict[str, tuple[str, float]]:
        """Return the version of each file of the last look, and the time since which it has it."""
        return {name: (version, since) for name, version, since in self._connection.execute("SELECT * FROM seen")}

    def reject(self, mark: str, drop: Drop, records: int) -> None:
        """Record a file of rejected records by its mark."""
        self._marks = None
        with self._connection:
            values = (mark, drop.id, drop.name, records)
            self._connection.execute("INSERT OR IGNORE INTO rejects VALUES (?, ?, ?, ?, NULL)", values)

    def corrected(self, mark: str, drop: str) -> None:
        """Record that a correction of rejected records was imported."""
        with self._connection:
            self._connection.execute("UPDATE rejects SET corrected = ? WHERE mark = ?", (drop, mark))

    def rejects(self) -> Mapping[str, tuple[str, str, int]]:
        """Return drop, file name and number of the rejected records by mark."""
        if self._marks is None:
            self._marks = self._rejects()
        return self._marks

    def pending_rejects(self) -> Mapping[str, tuple[str, str, int]]:
        """Return the rejected records by mark that were not corrected yet."""
        return self._rejects("WHERE corrected IS NULL")

    def _rejects(self, which: str = "") -> dict[str, tuple[str, str, int]]:
        rows = self._connection.execute(f"SELECT mark, drop_id, name, records FROM rejects {which}")  # noqa: S608
        return {mark: (drop, name, records) for mark, drop, name, records in rows}

    def began(self, at: datetime) -> None:
        """Record the start of a pass, and forget the oldest passes."""
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO passes VALUES (?, NULL, NULL)", (at.isoformat(),))
            self._connection.execute(
                "DELETE FROM passes WHERE began <> (SELECT MIN(began) FROM passes) AND began NOT IN "
                "(SELECT began FROM passes ORDER BY began DESC LIMIT ?)",
                (KEPT_PASSES,),
            )

    def ended(self, began: datetime, at: datetime, code: int) -> None:
        """Record the end of a pass."""
        with self._connection:
            values = (at.isoformat(), code, began.isoformat())
            self._connection.execute("UPDATE passes SET ended = ?, exit = ? WHERE began = ?", values)

    def first_pass(self) -> datetime | None:
        """Return when the first pass began."""
        row = self._connection.execute("SELECT MIN(began) FROM passes").fetchone()
        return datetime.fromisoformat(row[0]) if row[0] else None

    def last_pass(self) -> tuple[datetime, datetime | None, int | None] | None:
        """Return when the last pass began and ended, and its exit code; None for a missing end or code."""
        row = self._connection.execute("SELECT began, ended, exit FROM passes ORDER BY began DESC LIMIT 1").fetchone()
        if row is None:
            return None
        return datetime.fromisoformat(row[0]), datetime.fromisoformat(row[1]) if row[1] else None, row[2]


def _stored(drop: Drop) -> dict[str, Any]:
    return {
        "id": drop.id,
        "name": drop.name,
        "pattern": drop.pattern,
        "file": vars(drop.file),
        "taken": drop.taken.isoformat(),
        "sha256": drop.sha256,
        "step": drop.step.value,
        "companion": None if drop.companion is None else vars(drop.companion),
        "corrects": drop.corrects,
        "result": dict(drop.result),
        "archived_to": drop.archived_to,
    }


def _drop(stored: dict[str, Any]) -> Drop:
    companion = stored["companion"]
    return Drop(
        **{
            **stored,
            "file": StoredFile(**stored["file"]),
            "taken": datetime.fromisoformat(stored["taken"]),
            "step": FileStep(stored["step"]),
            "companion": None if companion is None else StoredFile(**companion),
        }
    )


def _unusable(path: Path, error: Exception) -> UsageError:
    remedy = "Free disk space there, then run the command again." if is_full(error) else "Restore it from a backup."
    return UsageError(f"{path} cannot be used: {error}.", hint=remedy)


def remove_folder(folder: Path) -> None:
    """Remove a work folder with its content; the next pass retries files that cannot be removed."""
    import shutil

    with suppress(OSError):
        shutil.rmtree(folder)
