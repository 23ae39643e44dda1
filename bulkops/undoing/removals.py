"""Write and read the file of an undo job: a record for each row or amount that must go, a chunk for each request."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import polars as pl

from bulkops.disk import ANOTHER_STATE, not_written
from bulkops.errors import FileChanged, InputUnreadable, Unfinished
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.private import private, private_folder
from bulkops.upload.body import ChunkBody, file_sha256


@dataclass(frozen=True, kw_only=True)
class Removal:
    """A row of the target, or points of an owner, that an undo removes.

    `row` is the value in the path of the request: the id of a row, or the owner of points. `key` is its name in
    messages. `batch` is filled if one request deletes the whole batch. `kind` says whether the owner is a profile or a
    card, `until` is when the first of the points expire, and `seen` is the last known transaction of the owner.
    """

    row: str
    key: str
    batch: str = ""
    created: str = ""
    amount: str = ""
    subledger: str = ""
    kind: str = ""
    until: str = ""
    seen: str = ""


COLUMNS = tuple(field.name for field in fields(Removal))


@dataclass(frozen=True, kw_only=True)
class RemovalFile:
    """The written file of an undo job, and its chunks."""

    path: Path
    sha256: str
    bytes: int
    records: int
    header_end: int
    chunks: Sequence[ChunkEntry]


def removals_path(ledger: LedgerReader, job: str) -> Path:
    """Return the path of the file of an undo job."""
    return ledger.job_folder(job) / "undo.csv"


def write_removals(path: Path, requests: Iterable[Iterable[Removal]]) -> RemovalFile:
    """Write the records of each request, and return the file with one chunk for each request.

    Unfinished if the file cannot be written.
    """
    header = _lines([COLUMNS])
    digest, position, records = hashlib.sha256(header), len(header), 0
    chunks: list[ChunkEntry] = []
    try:
        private_folder(path.parent)
        with open(path, "wb", opener=private) as out:
            out.write(header)
            for number, request in enumerate(requests, start=1):
                rows = [astuple(each) for each in request]
                content = _lines(rows)
                out.write(content)
                digest.update(content)
                end = position + len(content)
                chunks.append(
                    ChunkEntry(
                        number=number,
                        first_record=records + 1,
                        records=len(rows),
                        pieces=((position, end),),
                        bytes=len(header) + len(content),
                        sha256=hashlib.sha256(header + content).hexdigest(),
                    )
                )
                position, records = end, records + len(rows)
    except OSError as error:
        raise not_written(path, error, instead=ANOTHER_STATE, then="Nothing was sent.", kind=Unfinished) from None
    return RemovalFile(
        path=path, sha256=digest.hexdigest(), bytes=position, records=records, header_end=len(header), chunks=chunks
    )


def first_removal(job: JobEntry, chunk: ChunkEntry) -> Removal:
    """Return the first record of a chunk, which names the request; FileChanged if the chunk has other bytes."""
    try:
        content = b"".join(ChunkBody(job.file_path, job.header_end, chunk))
    except FileChanged:
        raise _changed(job) from None
    return Removal(**next(csv.DictReader(io.StringIO(content.decode(), newline=""))))


def removal_frame(job: JobEntry) -> pl.DataFrame:
    """Return all records of an undo job as text columns; FileChanged if its file has other bytes."""
    refuse_changed_removals(job)
    return pl.read_csv(job.file_path, schema=dict.fromkeys(COLUMNS, pl.String)).fill_null("")


def refuse_changed_removals(job: JobEntry) -> None:
    """Raise FileChanged unless the file of an undo job has the bytes that were confirmed."""
    try:
        same = file_sha256(job.file_path) == job.file_sha256
    except InputUnreadable:
        same = False
    if not same:
        raise _changed(job)


def _changed(job: JobEntry) -> FileChanged:
    return FileChanged(
        f"{job.file_path}, which lists what job {job.id} removes, is missing or was changed.",
        hint=f"Cancel the job with `bulkops jobs cancel {job.id}`, and undo job {job.undoes} again.",
    )


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
