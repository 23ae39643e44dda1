"""Name the files of a job."""

from pathlib import Path

from bulkops.ledger.reader import LedgerReader
from bulkops.names import with_ending

BEFORE = "before.csv"
"""The name of the saved rows in the folder of a job."""


def before_path(ledger: LedgerReader, job: str) -> Path:
    """Return the path of the rows that a job saved before it replaced or changed them."""
    return ledger.job_folder(job) / BEFORE


def new_records_path(ledger: LedgerReader, job: str, name: str) -> Path:
    """Return the path at which the new records of a file called `name` are saved as the file of a job."""
    stem, dot, suffix = f"new-{name}".rpartition(".")
    return ledger.job_folder(job) / (with_ending(stem, f"{dot}{suffix}") if dot else with_ending(suffix, ""))


def rejected_path(ledger: LedgerReader, job: str) -> Path:
    """Return the path of a job's rejected records: a file that can be imported once corrected."""
    return ledger.job_folder(job) / f"{job}-rejected.csv"


def reasons_path(ledger: LedgerReader, job: str) -> Path:
    """Return the path of the reasons for which records were rejected."""
    return ledger.job_folder(job) / f"{job}-rejected.reasons.csv"
