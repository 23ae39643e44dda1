"""Write a paged list as one CSV."""

from pathlib import Path
from typing import BinaryIO

import polars as pl

from bulkops.disk import temporary_writes
from bulkops.readback.fetch.download import Downloaded, GetRequest
from bulkops.readback.fetch.pages import read_pages
from bulkops.readback.parse.warnings import Notes
from bulkops.temporary import temporary_folder
from bulkops.transport.client import ApiClient

PAGE_SIZE = 1000


def write_pages(client: ApiClient, question: GetRequest, out: BinaryIO, notes: Notes) -> Downloaded:
    """Write a paged list to `out` as one CSV: the columns of all pages, in the order of their first appearance."""
    with temporary_folder() as folder:
        names: dict[str, None] = {}
        files: list[Path] = []
        pages = read_pages(client, question.path, question.ids, question.params, page_size=PAGE_SIZE, notes=notes)
        for frame in pages:
            names.update(dict.fromkeys(frame.columns))
            files.append(folder / f"{len(files):06}.parquet")
            with temporary_writes():
                frame.write_parquet(files[-1])
        out.seek(0)
        out.truncate()
        pl.DataFrame(schema=dict.fromkeys(names, pl.String)).write_csv(out)
        for file in files:
            frame = pl.read_parquet(file)
            missing = [pl.lit("").alias(name) for name in names if name not in frame.columns]
            frame.with_columns(missing).select(*names).fill_null("").write_csv(out, include_header=False)
    return Downloaded(bytes=out.tell(), attempts=len(files))
