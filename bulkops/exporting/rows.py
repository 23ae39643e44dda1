"""The rows of a whole CSV, read leniently: tidied, cut into portions, as Parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import polars as pl

from bulkops.disk import temporary_file
from bulkops.errors import UsageError
from bulkops.readback.fetch.rows import BLOCK
from bulkops.readback.parse.tables import LINE, RECORD, read_frames, read_raw


def write_tidy(whole: BinaryIO, target: BinaryIO) -> None:
    """Write a CSV in the form of RFC 4180."""
    for number, frame in enumerate(_frames(whole)):
        frame.write_csv(target, include_header=number == 0)


def write_parquet(whole: BinaryIO, part: Path, *, folder: Path, name: Path) -> None:
    """Write Parquet to `part`, by way of batches in an empty folder; UsageError, with `name`, if that fails."""
    try:
        for number, frame in enumerate(_frames(whole)):
            frame.write_parquet(folder / f"{number:06}.parquet", compression="lz4")
        pl.scan_parquet(folder / "*.parquet").sink_parquet(part, compression="zstd")
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"{name} cannot be written: {str(error).splitlines()[0]}.") from None


def portions(whole: BinaryIO, size: int, *, tidy: bool) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield the header with at most `size` records, unchanged or tidied, at least once."""
    held: list[bytes] = []
    header = b""
    source = whole
    if tidy:
        source = temporary_file()
        write_tidy(whole, source)
    source.seek(0)
    first = True
    for _, header, records in read_raw(_blocks(source), name="The export"):
        held += records
        while len(held) > size:
            yield header, held[:size]
            held, first = held[size:], False
    if held or first:
        yield header, held


def _frames(whole: BinaryIO) -> Iterator[pl.DataFrame]:
    whole.seek(0)
    for frame in read_frames(_blocks(whole), name="The export"):
        yield frame.drop(RECORD, LINE)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(BLOCK), b"")
