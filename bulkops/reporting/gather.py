"""Gather the facts of a job from the ledger, the folder of the job and its file."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from bulkops.errors import BulkopsError, InputUnreadable
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.states import ChunkState
from bulkops.origins import SourceOrigins
from bulkops.reading.sources import open_regular
from bulkops.reconciling.totals import sums_of_file
from bulkops.remote.paths import RemotePath
from bulkops.reporting.facts import JobFacts, job_facts
from bulkops.reporting.rejections import Rejection, by_reason
from bulkops.upload.job_files import reasons_path, rejected_path
from bulkops.upload.start import contract_of
from bulkops.validation.engine import validate_files
from bulkops_validators.model.contract import Contract

SHOWN_REJECTS = 1000
"""Maximum number of rejections that the JSON document lists one by one; the reasons count all."""


def gather(ledger: LedgerReader, name: str, *, check_file: bool = True, named: str | None = None) -> JobFacts:
    """Return the facts of a job. With `check_file`, validate its file and sum its amounts, if it has not changed.

    `named` is the address of the ledger as the caller gave it; None for the default ledger.
    """
    job = ledger.job(name)
    contract = contract_of(job)
    notes: list[str] = []
    findings = None
    sums: dict[str, str] = {}
    if check_file and job.undoes is None and _is_same(job, notes):
        findings = _findings(contract, job.file_path)
        if amount := contract.amount_column:
            sums = {ledger_name: f"{total:f}" for ledger_name, total in sums_of_file(job.file_path, amount).items()}
    chunks = ledger.chunks(name)
    rejections = _rejections(reasons_path(ledger, name), chunks)
    rejected = rejected_path(ledger, name)
    origins = SourceOrigins.of_content(job.file_path, job.file_sha256)
    return job_facts(
        job,
        chunks,
        ledger.events(name),
        title=contract.title,
        effect=f"removes what job {job.undoes} created" if job.undoes else contract.effect,
        rejected=tuple((r.line, str(r.records), r.message) for r in rejections[:SHOWN_REJECTS]),
        reasons=by_reason(rejections),
        rejected_file=str(rejected) if rejected.exists() else None,
        ledger=named,
        findings=findings,
        sums=sums,
        notes=tuple(notes),
        mapping=origins.to_json() if origins else None,
    )


def _is_same(job: JobEntry, notes: list[str]) -> bool:
    """Return whether the file exists and has not changed; otherwise add a note with the reason."""
    try:
        with open_regular(job.file_path) as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == job.file_sha256
    except OSError as error:
        notes.append(f"bulkops could not check the file {job.file_path} again: {error.strerror}.")
        return False
    except InputUnreadable as error:
        reason = error.message if isinstance(job.file_path, RemotePath) else "it is not a regular file."
        notes.append(f"bulkops could not check the file {job.file_path} again: {reason}")
        return False
    except BulkopsError as error:  # a remote file was replaced, or its server cannot be reached
        notes.append(f"bulkops could not check the file again: {error.message}")
        return False
    if not same:
        notes.append(
            f"The file {job.file_path} has changed since it was sent, so bulkops did not check it again. "
            "This report is about the bytes that were sent; their SHA-256 is below."
        )
    return same


def _findings(contract: Contract, path: Path) -> tuple[tuple[str, int], ...]:
    report = validate_files(contract, [path])
    counts = report.to_json()["files"][0]["counts"]
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _rejections(path: Path, chunks: Sequence[ChunkEntry]) -> list[Rejection]:
    """Return the rejected records of a job; their lines are included if the file of reasons contains all records."""
    rejected = [chunk for chunk in chunks if chunk.state is ChunkState.REJECTED]
    try:
        with path.open(encoding="utf-8", newline="") as file:
            found = [_rejection(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        found = []
    if sum(rejection.records for rejection in found) == sum(chunk.records for chunk in rejected):
        return found
    return [Rejection(record=chunk.first_record, records=chunk.records, message=chunk.message) for chunk in rejected]


def _rejection(row: Mapping[str, str]) -> Rejection:
    return Rejection(
        record=int(row["record"]), records=int(row["records"]), message=row["message"], line=f"{int(row['line'])}"
    )
