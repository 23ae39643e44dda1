"""Gather the facts of a job: from the ledger, the job's folder and its file."""

import csv
import hashlib
from pathlib import Path

from bulkops.errors import InputUnreadable
from bulkops.ledger.models import JobEntry
from bulkops.ledger.store import Ledger
from bulkops.reading.sources import open_regular
from bulkops.reconciling.totals import amount_column, sums_of_file
from bulkops.reporting.facts import JobFacts, job_facts
from bulkops.upload.job_files import reasons_path
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

SHOWN_REJECTS = 1000


def gather(ledger: Ledger, name: str, *, check_file: bool = True) -> JobFacts:
    """Return the facts of a job; with `check_file` its file, if it is still the same, is validated and summed up."""
    job = ledger.job(name)
    contract = CONTRACTS[job.contract]
    notes: list[str] = []
    findings = None
    sums: dict[str, str] = {}
    if check_file and _is_same(job, notes):
        findings = _findings(contract, job.file_path)
        if amount := amount_column(contract):
            sums = {ledger_name: f"{total:f}" for ledger_name, total in sums_of_file(job.file_path, amount).items()}
    return job_facts(
        job,
        ledger.chunks(name),
        ledger.events(name),
        title=contract.title,
        effect=contract.effect,
        rejected=_rejected(reasons_path(ledger, name)),
        findings=findings,
        sums=sums,
        notes=tuple(notes),
    )


def _is_same(job: JobEntry, notes: list[str]) -> bool:
    """Tell whether the file is there and as it was; if not, a note says so."""
    try:
        with open_regular(job.file_path) as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == job.file_sha256
    except (OSError, InputUnreadable) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a regular file"
        notes.append(f"The file {job.file_path} cannot be read any more ({reason}): it was not checked again.")
        return False
    if not same:
        notes.append(f"The file {job.file_path} is not the one that was sent any more: it was not checked again.")
    return same


def _findings(contract: Contract, path: Path) -> tuple[tuple[str, int], ...]:
    report = validate_files(contract, [path])
    counts = report.to_json()["files"][0]["counts"]
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _rejected(path: Path) -> tuple[tuple[str, ...], ...]:
    """Return line, records and message of what the server refused."""
    if not path.exists():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["line"], row["records"], row["message"]) for row in csv.DictReader(file)]
    return tuple(rows[:SHOWN_REJECTS])
