"""Write the records that the server refused to a file that can be imported once corrected, and their reasons."""

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bulkops.disk import ANOTHER_STATE, not_written
from bulkops.errors import FileChanged, Unfinished
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.origins import SourceOrigins
from bulkops.private import private, private_folder
from bulkops.reading.sources import open_regular
from bulkops.upload.body import RESTORE_FILE
from bulkops.upload.context import JobContext
from bulkops.upload.job_files import reasons_path, rejected_path
from bulkops.upload.refusals.error_lines import ErrorLines
from bulkops.writing import part_of

BLOCK = 1 << 20
CODE = "server-refused"
MAX_NAMED = 8
TOGETHER = "(these records were refused together; not all of them need be at fault)"
COLUMNS = ("file", "line", "record", "records", "chunk", "code", "message")


def write_rejected(context: JobContext, chunks: Sequence[ChunkEntry]) -> Path | None:
    """Write the rejected records of a job with their original bytes and header, and the reasons; None if none.

    The reasons have one row per chunk: `line` is the physical line in the original file at which its first record
    starts. FileChanged if the file no longer contains these records.
    """
    rejected = sorted((c for c in chunks if c.state is ChunkState.REJECTED), key=lambda c: c.pieces)
    if not rejected:
        return None
    path = rejected_path(context.ledger, context.job.id)
    reasons = reasons_path(context.ledger, context.job.id)
    try:
        private_folder(path.parent)
        with open_regular(context.job.file_path) as source:
            with _replacing(path) as out:
                _copy_records(source, context.job, rejected, out)
            pointing = ErrorLines(context)
            named = {chunk.number: _named(context, chunk, pointing) for chunk in rejected}
            starts = {chunk.pieces[0][0] for chunk in rejected}
            offsets = sorted(starts.union(*(places.values() for places in named.values())))
            lines = dict(zip(offsets, _lines_at(source, offsets), strict=True))
        with _replacing(reasons) as out:
            _write_reasons(out, context.job, rejected, named, lines)
    except OSError as error:
        raise not_written(
            path, error, instead=ANOTHER_STATE, then="It contains the rejected records.", kind=Unfinished
        ) from None
    return path


def _copy_records(source: BinaryIO, job: JobEntry, chunks: Sequence[ChunkEntry], out: BinaryIO) -> None:
    """Copy the header and the records of chunks; FileChanged if their bytes differ from the plan."""
    header = source.read(job.header_end)
    out.write(header)
    ended = header.endswith(b"\n") or not header
    for chunk in chunks:
        digest = hashlib.sha256(header if job.sent_header is None else job.sent_header)
        for start, end in chunk.pieces:
            if not ended:
                out.write(b"\n")
            source.seek(start)
            data = b""
            left = end - start
            while left and (data := source.read(min(BLOCK, left))):
                digest.update(data)
                out.write(data)
                left -= len(data)
            ended = data.endswith(b"\n") or not data
        if digest.hexdigest() != chunk.sha256:
            raise FileChanged(
                f"{source.name} has changed since it was planned: the bytes of chunk {chunk.number} differ. "
                "The rejected records were not written.",
                hint=RESTORE_FILE,
            )


def _lines_at(source: BinaryIO, offsets: Sequence[int]) -> list[int]:
    """Return the physical line (counted from 1) at each of the ascending byte offsets."""
    source.seek(0)
    lines, line, position = [], 1, 0
    for offset in offsets:
        while position < offset and (data := source.read(min(BLOCK, offset - position))):
            line += data.count(b"\n")
            position += len(data)
        lines.append(line)
    return lines


def _named(context: JobContext, chunk: ChunkEntry, pointing: ErrorLines) -> dict[int, int]:
    """Return the byte offset in the file of each record that the server named, by the line of the request it gave."""
    if chunk.records == 1 or not chunk.lines:
        return {}
    records = context.records(chunk)
    places = {line: pointing.place(records, line) for line in chunk.lines[:MAX_NAMED]}
    return {line: records.start_of(place) for line, place in places.items() if place is not None}


def _write_reasons(
    out: BinaryIO,
    job: JobEntry,
    chunks: Sequence[ChunkEntry],
    named: Mapping[int, Mapping[int, int]],
    lines: Mapping[int, int],
) -> None:
    """Write one row per rejected chunk: file, line, record, records, chunk, code and message.

    For a mapped file, the column `origin` names the legacy row of the chunk's first record.
    """
    origins = SourceOrigins.of_content(job.file_path, job.file_sha256)
    text = io.TextIOWrapper(out, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, "origin"] if origins else COLUMNS)
    for chunk in chunks:
        line = lines[chunk.pieces[0][0]]
        message = chunk.message
        if places := ", ".join(f"{given} is {lines[at]:,}" for given, at in named[chunk.number].items()):
            message += f" (the server counts the lines of its request; in the file, line {places})"
        if chunk.records > 1:
            message += f" {TOGETHER}"
        place = [origins.of_record(chunk.first_record)] if origins else []
        row = (str(job.file_path), line, chunk.first_record, chunk.records, chunk.number, CODE, message)
        writer.writerow((*row, *place))
    text.detach()


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears complete or not at all."""
    draft = part_of(path)
    try:
        with open(draft, "wb", opener=private) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
