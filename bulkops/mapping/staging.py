"""Copy a source to Parquet files in the state folder, so that DuckDB can read any form within bounded memory."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import polars as pl

from bulkops.errors import DataError, UsageError
from bulkops.recipe_source import SourceSpec
from bulkops.sources.opening import open_table
from bulkops.sources.table import LINE, PART, LegacyTable, SourcePart, empty_frame
from bulkops.sql import literal

ROW = "_row"
NO_SPACE = (pl.exceptions.PolarsError, OSError)
Counted = Callable[[int], object]
"""Receives the number of rows that were just read."""


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A source in Parquet files: its text columns, `_part`, `_line`, and `_row` from 0. `digest` is of its content."""

    files: tuple[Path, ...]
    columns: tuple[str, ...]
    parts: tuple[SourcePart, ...]
    rows: int
    digest: str
    notes: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The SQL that reads the rows."""
        return f"read_parquet([{', '.join(literal(str(each)) for each in self.files)}])"

    def divided(self, size: int) -> Iterator["Staged"]:
        """Yield the source in parts of at most `size` files, in the order of its rows."""
        for start in range(0, len(self.files), size):
            yield replace(self, files=self.files[start : start + size])


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A source that was opened; `digest` identifies its content, or is None if only reading all of it can tell.

    `stamps` are size and modification time of each file at that moment; None for a part that is not a file.
    """

    spec: SourceSpec
    table: LegacyTable
    digest: str | None
    stamps: Sequence[tuple[int, int] | None]


def open_source(spec: SourceSpec) -> Opened:
    """Open a source; errors as for `open_table`."""
    table = open_table(spec)
    digests = [part.sha256 for part in table.parts if part.sha256 is not None]
    known = digest_of_files(digests) if len(digests) == len(table.parts) else None
    return Opened(spec=spec, table=table, digest=known, stamps=_stamps(table))


def digest_of_files(digests: Sequence[str]) -> str:
    """Return the digest that identifies the content of files, from the SHA-256 of each."""
    return _digest(list(digests))


def _digest(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def stage(opened: Opened, folder: Path, *, counted: Counted, most: int | None = None) -> Staged:
    """Write the rows of a source to Parquet files in a new folder; with `most`, only about that many of the first.

    DataError if the file changed since it was opened; UsageError if the disk is full.
    """
    table = opened.table
    folder.mkdir(parents=True)
    rows, digest, files = 0, hashlib.sha256(), list[Path]()
    with ThreadPoolExecutor(1) as writer:  # reads the next frame while one is written
        written: Future[None] | None = None
        for number, frame in enumerate(_limited(table, most)):
            numbered = frame.with_columns(pl.int_range(rows, rows + frame.height, dtype=pl.Int64).alias(ROW))
            if written is not None:
                written.result()
            files.append(folder / f"{number:06}.parquet")
            written = writer.submit(_write, numbered, files[-1])
            if opened.digest is None:
                digest.update(frame.drop(PART, LINE).write_csv().encode())
            rows += frame.height
            counted(frame.height)
        if written is not None:
            written.result()
    if _stamps(table) != opened.stamps:
        raise DataError(f"{table.name} changed while it was read.", hint="Wait until it is complete, then run again.")
    return Staged(
        files=tuple(files),
        columns=table.columns,
        parts=table.parts,
        rows=rows,
        digest=opened.digest or _digest(list(table.columns), digest.hexdigest()),
        notes=table.notes,
    )


def _limited(table: LegacyTable, most: int | None) -> Iterator[pl.DataFrame]:
    """Yield an empty frame, so that there is always a file, and the frames up to the limit."""
    left = most
    for frame in chain([empty_frame(table.columns)], table.frames()):
        yield frame if left is None else frame.head(left)
        if left is not None and (left := left - frame.height) <= 0:
            return


def _stamps(table: LegacyTable) -> list[tuple[int, int] | None]:
    """Return size and modification time of each file; None for a part that is not a file."""
    found = []
    for part in table.parts:
        path = Path(part.name)
        status = path.stat() if path.is_file() else None
        found.append((status.st_size, status.st_mtime_ns) if status else None)
    return found


def _write(frame: pl.DataFrame, path: Path) -> None:
    try:
        frame.write_parquet(path, compression="snappy", statistics=False)
    except NO_SPACE as error:
        raise UsageError(
            f"The source cannot be copied to {path.parent}: {str(error).splitlines()[0]}",
            hint="Free disk space there, or set BULKOPS_STATE to a folder with enough space.",
        ) from None
