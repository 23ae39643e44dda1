"""Care of a ledger: back it up, check it, and remove files that finished jobs no longer need."""

import json
import os
import shutil
import sqlite3
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from bulkops.checksums import sha256_of
from bulkops.disk import is_full, temporary_writes
from bulkops.errors import UsageError
from bulkops.ledger.digests import digests_path
from bulkops.ledger.job_documents import job_state
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.paths import (
    BOOK,
    BUSY_SECONDS,
    INBOXES,
    folder_beside,
    inbox_books,
    ledger_exists,
    plain_path,
    without_password,
)
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.readonly import read_address
from bulkops.ledger.states import ChunkState, JobState
from bulkops.ledger.versions import LATEST
from bulkops.origins import origins_path
from bulkops.private import FILE
from bulkops.remote.paths import RemotePath
from bulkops.temporary import temporary_folder

CONTENT = ("jobs", "digests", "frames")
"""The folders beside a ledger that contain data; locks and rate slots are made again when they are needed."""

DATABASE = "ledger.db"
MANIFEST = "manifest.json"
SETTLED = frozenset({JobState.DONE, JobState.REFUSED, JobState.CANCELLED})


@dataclass(frozen=True, kw_only=True)
class Backup:
    """The content of a backup: numbers of jobs, inboxes and files, bytes before compression, the database's SHA-256."""

    jobs: int
    inboxes: int
    files: int
    bytes: int
    sha256: str


def back_up(url: str, out: BinaryIO, *, now: datetime) -> Backup:
    """Write a ledger and the files beside it to `out` as a zip archive; it works again wherever it is unpacked.

    Jobs may run meanwhile: a database is copied in one piece, and files are written before the ledger names them. The
    databases of inboxes are copied before the ledger, so the copy of the ledger has each job that they name. UsageError
    for a ledger that is not a SQLite file, and for a damaged database.
    """
    path = _database(url)
    os.fchmod(out.fileno(), FILE)
    with temporary_folder(prefix="bulkops-backup-") as folder:
        copy = folder / DATABASE
        with temporary_writes():
            inboxes = _copy_inboxes(path, folder)
            jobs = _copy_database(path, copy, "ledger", "SELECT count(*) FROM jobs")
        digest = sha256_of(copy)
        manifest = {"version": LATEST, "created": now.isoformat(), "ledger": str(path), "jobs": jobs, "sha256": digest}
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(MANIFEST, json.dumps(manifest, indent=2))
            for file, name in ((copy, DATABASE), *inboxes, *_files_beside(path)):
                archive.write(file, name)
            _add_open_files(archive, path)
            written = archive.infolist()[1:]  # without the manifest
    size = sum(each.file_size for each in written)
    return Backup(jobs=jobs, inboxes=len(inboxes), files=len(written), bytes=size, sha256=digest)


def _database(url: str) -> Path:
    path = plain_path(url)
    if path is None:
        raise UsageError(
            f"{without_password(url)} is not a SQLite file.",
            hint="Back up a PostgreSQL ledger with pg_dump, and the state folder with your usual tool.",
        )
    if not ledger_exists(path):
        raise UsageError(f"No ledger exists at {path}.", hint="Name it with --ledger.")
    return path


def _copy_database(path: Path, copy: Path, what: str, count: str) -> int:
    """Copy a SQLite database that may be in use, check the copy, and return the number that a query counts in it."""
    hint = f"Restore the {what} from an earlier backup."
    try:
        with (
            closing(sqlite3.connect(read_address(path), uri=True, timeout=BUSY_SECONDS)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            if faults := _integrity(target):
                raise UsageError(f"The {what} {path} is damaged: {faults[0]}.", hint=hint)
            return int(target.execute(count).fetchone()[0])
    except sqlite3.Error as error:
        if is_full(error):  # the disk of the copy: reading needs no space
            raise
        raise UsageError(f"The {what} {path} cannot be read: {error}.", hint=hint) from None


def _copy_inboxes(path: Path, folder: Path) -> list[tuple[Path, str]]:
    """Copy the databases of the inboxes of a ledger to a folder, and return each copy with its name in a backup."""
    copies = []
    for number, book in enumerate(inbox_books(folder_beside(path))):
        copy = folder / f"{number}-{BOOK}"
        _copy_database(book, copy, "inbox database", "SELECT count(*) FROM drops")
        copies.append((copy, _name_in_backup(path, book)))
    return copies


def _integrity(connection: sqlite3.Connection) -> list[str]:
    """Return the problems that SQLite finds in a database."""
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else found


def _name_in_backup(path: Path, file: Path) -> str:
    """Return the name in a backup of a file beside a ledger."""
    return f"{folder_beside(Path(DATABASE)).name}/{file.relative_to(folder_beside(path)).as_posix()}"


def _files_beside(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of a ledger besides its database and its inboxes, each with its name in a backup."""
    for part in CONTENT:
        for file in sorted((folder_beside(path) / part).rglob("*")):
            if file.is_file():
                yield file, _name_in_backup(path, file)


def _add_open_files(archive: zipfile.ZipFile, path: Path) -> None:
    """Write the files that an inbox has taken and not archived yet; a pass may remove some of them meanwhile."""
    for file in sorted(_open_files(path)):
        with suppress(FileNotFoundError):
            if file.is_file():
                archive.write(file, _name_in_backup(path, file))


def _open_files(path: Path) -> Iterator[Path]:
    for work in (folder_beside(path) / INBOXES).glob("*/work"):
        # Unlike glob, walk leaves out a folder that is removed after its name was read.
        for folder, _, names in os.walk(work):
            yield from (Path(folder) / name for name in names)


@dataclass(frozen=True, kw_only=True)
class LedgerProblem:
    """A problem of a ledger. `job` is None for the ledger as a whole; `fatal` if its content may be wrong."""

    message: str
    job: str | None = None
    fatal: bool = True


def check_ledger(url: str, ledger: LedgerReader) -> list[LedgerProblem]:
    """Return the problems of a ledger and of its inboxes: damage, record counts that do not add up, missing files."""
    found: list[LedgerProblem] = []
    if (path := plain_path(url)) is not None and ledger_exists(path):
        try:
            found += [LedgerProblem(message=f"SQLite reports: {fault}") for fault in _faults(path)]
        except sqlite3.Error as error:
            return [LedgerProblem(message=f"SQLite cannot read the file: {error}")]
    found += _problems_of_inboxes(ledger)
    claims = _claims(ledger)
    for job in ledger.jobs():
        found += _problems_of(ledger, job, claims)
    return found


def _faults(path: Path) -> list[str]:
    """Return the problems that SQLite finds in a database file."""
    with closing(sqlite3.connect(read_address(path.absolute()), uri=True, timeout=BUSY_SECONDS)) as connection:
        return _integrity(connection)


def _problems_of_inboxes(ledger: LedgerReader) -> Iterator[LedgerProblem]:
    """Yield the damaged databases of inboxes: a pass may import a file again, or refuse to begin."""
    for book in inbox_books(ledger.folder):
        try:
            faults = _faults(book)
        except sqlite3.Error as error:
            faults = [str(error)]
        for fault in faults:
            yield LedgerProblem(message=f"the database of the inbox {book.parent.name}, {book}, is damaged: {fault}")


def _claims(ledger: LedgerReader) -> dict[str, set[int]]:
    """Return the import ids that each job has claimed."""
    found: dict[str, set[int]] = defaultdict(set)
    for row in ledger.rows("SELECT job, import_id FROM imports"):
        found[row["job"]].add(row["import_id"])
    return found


def _problems_of(ledger: LedgerReader, job: JobEntry, claims: dict[str, set[int]]) -> Iterator[LedgerProblem]:
    chunks = ledger.chunks(job.id)
    yield from (LedgerProblem(message=text, job=job.id) for text in _unbalanced(job, chunks))
    known = {chunk.import_id for chunk in chunks if chunk.state is ChunkState.ACCEPTED and chunk.import_id is not None}
    for number in sorted(known - claims[job.id]):
        yield LedgerProblem(message=f"import {number} is not claimed for the job", job=job.id)
    state = job_state(job, chunks)
    there = isinstance(job.file_path, RemotePath) or job.file_path.is_file()
    if state not in SETTLED and not there:
        yield LedgerProblem(
            message=f"the job is {state.value.replace('_', ' ')}, and its file {job.file_path} is missing; "
            "resume it with --file PATH",
            job=job.id,
            fatal=False,
        )


def _unbalanced(job: JobEntry, chunks: Sequence[ChunkEntry]) -> Iterator[str]:
    """Yield the sums of a job that do not add up."""
    total = sum(chunk.records for chunk in chunks if chunk.state is not ChunkState.DIVIDED)
    if total != job.records:
        yield f"its chunks contain {total:,} records, its file {job.records:,}"
    for whole in chunks:
        if whole.state is ChunkState.DIVIDED:
            parts = sum(chunk.records for chunk in chunks if chunk.parent == whole.number)
            if parts != whole.records:
                yield f"the parts of chunk {whole.number} contain {parts:,} of its {whole.records:,} records"


@dataclass(frozen=True, kw_only=True)
class Prunable:
    """Files of settled jobs that may be removed, with the number of jobs and bytes."""

    jobs: int
    files: tuple[Path, ...]
    bytes: int


def prunable(ledger: LedgerReader, *, before: datetime, digests: bool, mapped: Path | None = None) -> Prunable:
    """Return the files of settled jobs with a last event older than `before`.

    These are saved rows of the target, rejected records, and written DataFrames; with `digests` the digests of
    records, too, and with `mapped` the mapped files in that folder, with their origins, if all jobs of the file are
    proved. Jobs, chunks, events and import ids stay, so that the guards against a second import still hold.
    """
    jobs = ledger.jobs()
    old = [job for job in jobs if _is_old(ledger, job, before)]
    names = {job.id for job in old}
    needed = {job.file_path for job in jobs if job.id not in names}
    unproved = needed | {job.file_path for job in jobs if not _is_proved(job)}
    files: list[Path] = []
    for job in old:
        files += sorted(path for path in ledger.job_folder(job.id).rglob("*") if path.is_file())
        if digests and (path := digests_path(ledger, job.id)).is_file():
            files.append(path)
        if job.file_path.parent == ledger.folder / "frames" and job.file_path not in needed | set(files):
            files.append(job.file_path)
        if mapped is not None and mapped in job.file_path.parents and job.file_path not in unproved:
            files += [job.file_path, origins_path(job.file_path)]
    files = list(dict.fromkeys(files))
    files = [path for path in files if path.is_file()]
    return Prunable(jobs=len(old), files=tuple(files), bytes=sum(path.stat().st_size for path in files))


def _is_proved(job: JobEntry) -> bool:
    return job.reconciliation is not None and job.reconciliation["verdict"] == "proved"


def _is_old(ledger: LedgerReader, job: JobEntry, before: datetime) -> bool:
    if job.created >= before or job_state(job, ledger.chunks(job.id)) not in SETTLED:
        return False
    return all(event.at < before for event in ledger.events(job.id))


def prune(ledger: LedgerReader, found: Prunable) -> None:
    """Remove the files, and the folders of jobs that are empty afterwards."""
    for path in found.files:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in found.files if path.parent != ledger.folder / "frames"}:
        if folder != ledger.folder / "digests" and not any(folder.iterdir()):
            shutil.rmtree(folder)
