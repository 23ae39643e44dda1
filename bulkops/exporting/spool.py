"""Fetch the whole of an export as one CSV into an open file."""

import tempfile
from pathlib import Path
from typing import BinaryIO

import polars as pl

from bulkops.exporting.request import Request
from bulkops.readback.download import Downloaded, Progress, Question, digest, download
from bulkops.readback.pages import read_pages
from bulkops.readback.tables import Notes
from bulkops.transport.client import Client
from bulkops_validators.model.contract import Form

PAGE_SIZE = 1000


def spool(
    client: Client,
    request: Request,
    out: BinaryIO,
    *,
    settle: float = 0.0,
    progress: Progress | None = None,
    notes: Notes | None = None,
) -> Downloaded:
    """Fill `out` with a whole answer; with `settle`, ask until two answers that many seconds apart are equal.

    `notes` takes what is odd about the records.
    """
    question = request.question()
    notes = notes if notes is not None else Notes()
    earlier, attempts = "", 0
    while True:
        own = Notes()
        if request.export.form is Form.PAGES:
            done = _pages(client, question, out, own)
        else:
            done = download(client, question, out, progress=progress, notes=own)
        attempts += done.attempts
        found = digest(out) if settle else ""
        if found == earlier:
            notes.take(own)
            return Downloaded(bytes=done.bytes, attempts=attempts)
        earlier = found
        client.clock.sleep(settle)


def _pages(client: Client, question: Question, out: BinaryIO, notes: Notes) -> Downloaded:
    """Write a paged list as one CSV: the columns of all pages, in the order they were met."""
    with tempfile.TemporaryDirectory(prefix="bulkops-") as folder:
        names: dict[str, None] = {}
        files: list[Path] = []
        pages = read_pages(client, question.path, question.ids, question.params, page_size=PAGE_SIZE, notes=notes)
        for frame in pages:
            names.update(dict.fromkeys(frame.columns))
            files.append(Path(folder) / f"{len(files):06}.parquet")
            frame.write_parquet(files[-1])
        out.seek(0)
        out.truncate()
        pl.DataFrame(schema=dict.fromkeys(names, pl.String)).write_csv(out)
        for file in files:
            frame = pl.read_parquet(file)
            missing = [pl.lit("").alias(name) for name in names if name not in frame.columns]
            frame.with_columns(missing).select(*names).fill_null("").write_csv(out, include_header=False)
    return Downloaded(bytes=out.tell(), attempts=len(files))
