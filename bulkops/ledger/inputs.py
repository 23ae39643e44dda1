"""Protect files that no command may overwrite: the input files of jobs, and the files of the ledger itself."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bulkops.checksums import sha256_of
from bulkops.errors import UsageError
from bulkops.ledger.models import JobEntry
from bulkops.ledger.paths import folder_beside, ledger_exists, plain_path
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.readonly import ReadOnlyLedger
from bulkops.remote.paths import RemotePath
from bulkops.settings import default_ledger_url, state_folder


def inputs_guard(*ledgers: str | None) -> Callable[[Path], None]:
    """Return a function that raises UsageError for the input file of a job and for a file of a ledger.

    It checks the given ledgers, the one in the environment, and the default one. They are read only when a path is
    checked; UsageError if that fails.
    """

    def refuse(path: Path) -> None:
        for url in _addresses(ledgers):
            _refuse_of_ledger(path, url)
            with _readable(url) as ledger:
                if ledger is not None and (job := _job_of(path, ledger)) is not None:
                    raise UsageError(
                        f"{path} is the file of job {job.id} and is never overwritten.", hint="Choose another name."
                    )

    return refuse


def _addresses(ledgers: tuple[str | None, ...]) -> list[str]:
    found = [url for url in (*ledgers, os.environ.get("BULKOPS_LEDGER")) if url]
    try:
        found.append(default_ledger_url())
    except UsageError:  # no state folder can be created, so no default ledger exists
        return list(dict.fromkeys(found))
    return list(dict.fromkeys(found))


def _refuse_of_ledger(path: Path, url: str) -> None:
    """Raise UsageError for the database of a ledger and its files."""
    if isinstance(path, RemotePath) or (database := plain_path(url)) is None:
        return
    found, database = path.resolve(), database.resolve()
    beside = [database.with_name(f"{database.name}{suffix}") for suffix in ("", "-wal", "-shm")]
    if found in beside or any(
        folder.resolve() in found.parents for folder in (folder_beside(database), *_own_folders())
    ):
        raise UsageError(
            f"{path} belongs to the state of bulkops and is never overwritten.", hint="Choose another name."
        )


def _own_folders() -> list[Path]:
    try:
        return [state_folder() / name for name in ("sandbox", "written")]
    except UsageError:
        return []


@contextmanager
def _readable(url: str) -> Iterator[LedgerReader | None]:
    """Yield a ledger to read it; None if it does not exist yet."""
    database = plain_path(url)
    if database is not None and not ledger_exists(database):
        yield None
        return
    ledger: LedgerReader | None = ReadOnlyLedger.open(url)
    if ledger is None:
        from bulkops.clock import SystemClock
        from bulkops.ledger.store import Ledger

        ledger = Ledger.open(url, clock=SystemClock())
    try:
        yield ledger
    finally:
        ledger.close()


def _job_of(path: Path, ledger: LedgerReader) -> JobEntry | None:
    """Return a job that has this file: the one with its path, or the one with its bytes if that path has no file.

    Remote files are compared by address.
    """
    if isinstance(path, RemotePath):
        return next((job for job in ledger.jobs() if path in (job.file_path, job.given_path)), None)
    size = path.stat().st_size
    digest = ""
    for job in ledger.jobs():
        for known, known_size, known_digest in _files_of(job):
            if isinstance(known, RemotePath):
                continue
            if os.path.exists(known):  # noqa: PTH110 - False also where a folder cannot be read
                if known.samefile(path):
                    return job
            elif known_size == size:
                digest = digest or sha256_of(path)
                if digest == known_digest:
                    return job
    return None


def _files_of(job: JobEntry) -> Iterator[tuple[Path, int, str]]:
    """Yield path, size and SHA-256 of a job's file, and of the given file if the job sends a part of it."""
    yield job.file_path, job.file_bytes, job.file_sha256
    if job.source is not None:
        yield job.given_path, int(job.source["bytes"]), job.given_sha256
