"""Store the digests of the records of jobs, in one file per job beside the ledger.

A file begins with a mark and the scheme of its digests, followed by 16 bytes per record, in the order of the job's
file. It is written before the ledger contains the job, and never changes. The states of the chunks determine which
records count as sent, so a killed process leaves no inconsistent file.
"""

import os
from pathlib import Path

import numpy as np

from bulkops.disk import not_written
from bulkops.errors import LedgerUnusable
from bulkops.ledger.models import JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.private import private, private_folder
from bulkops.validation.digests import SEEDS, Digests, scheme

MARK = b"bulkops digests 1\n"
WIDTH = 8 * len(SEEDS)
FOLDER, SUFFIX = "digests", ".digests"
SMALL_BYTES = 64 << 10
"""Maximum bytes of a file that is read at once; a larger one is read on demand."""


def digests_path(ledger: LedgerReader, job: str) -> Path:
    """Return the path of the digests of a job."""
    return ledger.folder / FOLDER / f"{job}{SUFFIX}"


def keep_digests(ledger: LedgerReader, job: JobEntry, digests: Digests) -> Path:
    """Write the digests of a job durably and return their path; LedgerUnusable if that fails."""
    path = digests_path(ledger, job.id)
    try:
        private_folder(path.parent)
        with open(path, "wb", opener=private) as file:
            file.write(MARK + scheme())
            file.write(np.ascontiguousarray(digests, "<u8").data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise not_written(
            path, error, instead="give --no-digests", then="Nothing was sent.", kind=LedgerUnusable
        ) from None
    return path


def kept_digests(ledger: LedgerReader, job: str, records: int) -> Digests | None:
    """Return the digests of a job with so many records, read on demand; None if missing or not comparable."""
    path, start = f"{ledger.folder}{os.sep}{FOLDER}{os.sep}{job}{SUFFIX}", MARK + scheme()
    size = len(start) + WIDTH * records
    small = size <= SMALL_BYTES
    try:
        # An import reads the digests of every earlier job once, so a small file is read in one call.
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - building a path takes as long as reading it
            found = file.read(size + 1) if small else file.read(len(start))
            if not found.startswith(start) or (len(found) if small else os.fstat(file.fileno()).st_size) != size:
                return None
    except OSError:
        return None
    if small:
        return np.frombuffer(found, "<u8", offset=len(start)).reshape(records, len(SEEDS))
    return np.memmap(path, "<u8", mode="r", offset=len(start), shape=(records, len(SEEDS)))
