"""Where the files of a job lie."""

from pathlib import Path

from bulkops.ledger.reader import LedgerReader


def before_path(ledger: LedgerReader, job: str) -> Path:
    """Return where a replacing job keeps what was there before."""
    return ledger.job_folder(job) / "before.csv"


def new_records_path(ledger: LedgerReader, job: str, name: str) -> Path:
    """Return where the new records of a file called `name` are kept, as the file of a job."""
    return ledger.job_folder(job) / f"new-{name}"


def rejected_path(ledger: LedgerReader, job: str) -> Path:
    """Return where the rejected records of a job are kept, as a file that can be sent once mended."""
    return ledger.job_folder(job) / f"{job}-rejected.csv"


def reasons_path(ledger: LedgerReader, job: str) -> Path:
    """Return where it is kept why records were rejected."""
    return ledger.job_folder(job) / f"{job}-rejected.reasons.csv"
