"""Write the result of each record of a file for the partner: as CSV, as a workbook, or as a page."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bulkops.chunking.plan import read_header
from bulkops.errors import BulkopsError
from bulkops.inbox.processing import Result
from bulkops.inbox.rendering import render
from bulkops.inbox.splitting import records_of
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.private import private
from bulkops.tabular import MAX_ROWS, TooManyRows, write_table
from bulkops.upload.sent_before import record_runs

COLUMNS = ("line", "record", "result", "import_id", "column", "reason")
MASKED = "(masked)"
MOST_ON_PAGE = 5_000
"""Maximum rows of the page; the other forms contain all."""
TOO_MANY = f"a sheet contains at most {MAX_ROWS:,} rows; result.xlsx was not written"
WORDS = {
    ChunkState.ACCEPTED: "accepted",
    ChunkState.RESENT: "accepted",
    ChunkState.SKIPPED: "skipped",
    ChunkState.REJECTED: "rejected",
    ChunkState.PENDING: "not sent",
}
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """The sources of a result file. `job` sent the file `sent`, which has the records of `plain` or some of them."""

    plain: Path
    sent: Path | None
    job: JobEntry | None
    result: Result
    mask: bool = False


def write_feedback(ledger: Ledger, feedback: Feedback, form: str, path: Path, *, title: str) -> str | None:
    """Write the result of each record to a file; return a note if it could not be written in this form."""
    columns, rows = feedback_rows(ledger, feedback)
    with open(path, "wb", opener=private) as out:
        if form == "html":
            shown = [["" if cell is None else str(cell) for cell in row] for row in islice(rows, MOST_ON_PAGE + 1)]
            more = len(shown) > MOST_ON_PAGE
            page = render("result.html.jinja", title=title, columns=columns, rows=shown[:MOST_ON_PAGE], more=more)
            out.write(page.encode())
            return None
        if form == "xlsx" and feedback.result.records.get("input", 0) > MAX_ROWS:
            return TOO_MANY
        try:
            write_table(out, form, columns, rows)
        except TooManyRows:  # a file that was refused before its records were counted
            return TOO_MANY
    return None


def feedback_rows(ledger: Ledger, feedback: Feedback) -> tuple[tuple[str, ...], Iterator[Sequence[object]]]:
    """Return the columns and the rows of a result: those of bulkops, then the file's own."""
    try:
        with feedback.plain.open("rb", buffering=0) as file:
            header = _cells(read_header(file, feedback.plain))
    except (OSError, BulkopsError):  # an empty file, a file of another kind, or one that was not decompressed
        return COLUMNS, _finding_rows(feedback)
    return (*COLUMNS, *header), _record_rows(ledger, feedback)


def _finding_rows(feedback: Feedback) -> Iterator[Sequence[object]]:
    """Yield a row for each finding of a file with unreadable records."""
    for each in feedback.result.findings:
        yield each["line"], each["record"], "quarantined", None, each["column"], _reason([each], mask=feedback.mask)
    if not feedback.result.findings and feedback.result.reason:
        yield None, None, feedback.result.state, None, None, feedback.result.reason


def _record_rows(ledger: Ledger, feedback: Feedback) -> Iterator[Sequence[object]]:
    by_record: dict[int | None, list[Mapping[str, Any]]] = {}
    for each in feedback.result.findings:
        by_record.setdefault(each["record"], []).append(each)
    for each in by_record.get(None, []):  # about the header or the file
        yield each["line"], None, "quarantined", None, each["column"], _reason([each], mask=feedback.mask)
    line = 1
    with closing(_Sent(ledger, feedback)) as sent, feedback.plain.open("rb", buffering=0) as file:
        line += read_header(file, feedback.plain).count(b"\n")
        for number, record in enumerate(records_of(file), start=1):
            blank = len(record) - len(record.lstrip(b"\r\n"))
            at = line + record[:blank].count(b"\n")
            line += record.count(b"\n")
            cells = [MASKED if feedback.mask and cell else cell for cell in _cells(record[blank:])]
            if number in by_record:
                found = by_record[number]
                yield at, number, "quarantined", None, found[0]["column"], _reason(found, mask=feedback.mask), *cells
            else:
                state, import_id, reason = sent.next(record)
                yield at, number, state, import_id, None, _masked(reason) if feedback.mask else reason, *cells


class _Sent:
    """The states of the records that a job sent, in the order of the file."""

    def __init__(self, ledger: Ledger, feedback: Feedback) -> None:
        result = feedback.result
        self._skipped = "skipped" if result.state in ("skipped", "imported", "partial") else "not sent"
        self._reason: str | None = None
        if result.state == "quarantined" and not result.findings and feedback.job is None:
            self._skipped, self._reason = "quarantined", result.reason  # the whole file, for one reason
        self._number = 0
        self._chunks: list[ChunkEntry] = []
        self._file: BinaryIO | None = None
        self._records: Iterator[bytes] = iter(())
        self._next: bytes | None = None
        job = feedback.job
        if job is None or feedback.sent is None:
            return
        self._chunks = ledger.chunks(job.id)
        self._of_record = np.full(job.records, -1, np.int64)
        runs = record_runs(ledger, job)
        for place, chunk in enumerate(self._chunks):
            if chunk.state is not ChunkState.DIVIDED:
                for first, count in runs.get(chunk.number) or [(chunk.first_record, chunk.records)]:
                    self._of_record[first - 1 : first - 1 + count] = place
        if job.source is not None:  # only the new records were sent: find them among the others, in their order
            self._file = job.file_path.open("rb", buffering=0)
            assert self._file is not None
            read_header(self._file, job.file_path)
            self._records = records_of(self._file)
            self._next = next(self._records, None)

    def next(self, record: bytes) -> tuple[str, int | None, str | None]:
        """Return state, import id and reason of the next record of the file."""
        if self._file is not None:
            if self._next is None or record.strip(b"\r\n") != self._next.strip(b"\r\n"):
                return "skipped", None, "it was sent before"
            self._next = next(self._records, None)
        if not self._chunks or self._number >= len(self._of_record):
            return self._skipped, None, self._reason
        chunk = self._chunks[self._of_record[self._number]]
        self._number += 1
        rejected = chunk.state is ChunkState.REJECTED
        return WORDS.get(chunk.state, "in doubt"), chunk.import_id, chunk.message if rejected else None

    def close(self) -> None:
        """Close the file of new records."""
        if self._file is not None:
            self._file.close()


def _cells(record: bytes) -> list[str]:
    text = record.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    try:
        return next(csv.reader(text.splitlines(keepends=True)), [])
    except csv.Error:
        return [text]


def _reason(findings: Sequence[Mapping[str, Any]], *, mask: bool) -> str:
    text = "; ".join(f"{each['code']} {each['name']}: {each['message']}" for each in findings)
    return _masked(text) or "" if mask else text


def _masked(text: str | None) -> str | None:
    return None if text is None else _QUOTED.sub(f"'{MASKED}'", text)
