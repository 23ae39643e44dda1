"""What becomes of a whole CSV: as it is, tidied, compressed, in several files, or as Parquet."""

import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl
import zstandard

from bulkops.errors import UsageError
from bulkops.readback.fetch import BLOCK
from bulkops.readback.tables import LINE, RECORD, Notes, read_frames, read_raw

CSV, PARQUET = "csv", "parquet"
COMPRESSED: dict[str, Callable[[BinaryIO], BinaryIO]] = {
    ".gz": lambda file: cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0)),
    ".zst": lambda file: cast("BinaryIO", zstandard.ZstdCompressor(level=6).stream_writer(file, closefd=False)),
}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How an export is written. `split` is the greatest number of records of one file."""

    form: str = CSV
    split: int | None = None
    tidy: bool = False

    def checked(self, out: Path | None) -> "Shape":
        """Return the shape if it can be; UsageError says what contradicts what."""
        compressed = out is not None and out.suffix in COMPRESSED
        if self.form == PARQUET and (self.split or compressed):
            raise UsageError("Parquet is compressed in itself and is one file.", hint="Drop --split-records and .gz.")
        if self.form == PARQUET and out is None:
            raise UsageError("Parquet goes to a file, not to stdout.")
        if self.split and out is None:
            raise UsageError("--split-records needs a file name with -o.")
        return self

    @property
    def plain(self) -> bool:
        """Whether the bytes are kept as they came."""
        return self.form == CSV and not self.split and not self.tidy


def deliver(whole: BinaryIO, out: Path, shape: Shape, *, notes: Notes) -> tuple[Path, ...]:
    """Write the files of an export from the whole of it; each appears under its name only when all are written."""
    if shape.form == PARQUET:
        parts = {out: _part(out)}
        _parquet(whole, _part(out), notes)
    elif shape.split:
        parts = _split(whole, out, shape, notes)
    else:
        parts = {out: _part(out)}
        with _writer(_part(out), out.suffix) as target:
            copy_csv(whole, target, tidy=shape.tidy, notes=notes)
    for path, part in parts.items():
        part.replace(path)
    return tuple(parts)


def copy_csv(whole: BinaryIO, target: BinaryIO, *, tidy: bool, notes: Notes) -> None:
    """Copy a CSV; with `tidy`, read it leniently and write it as RFC 4180 has it."""
    whole.seek(0)
    if not tidy:
        shutil.copyfileobj(whole, target, BLOCK)
        return
    for number, frame in enumerate(_frames(whole, notes)):
        frame.write_csv(target, include_header=number == 0)


def _frames(whole: BinaryIO, notes: Notes) -> Iterator[pl.DataFrame]:
    whole.seek(0)
    for frame in read_frames(_blocks(whole), name="The export", notes=notes):
        yield frame.drop(RECORD, LINE)


def _parquet(whole: BinaryIO, part: Path, notes: Notes) -> None:
    with tempfile.TemporaryDirectory(prefix="bulkops-", dir=part.parent) as folder:
        for number, frame in enumerate(_frames(whole, notes)):
            frame.write_parquet(Path(folder) / f"{number:06}.parquet", compression="lz4")
        pl.scan_parquet(f"{folder}/*.parquet").sink_parquet(part, compression="zstd")


def _split(whole: BinaryIO, out: Path, shape: Shape, notes: Notes) -> dict[Path, Path]:
    """Write parts of at most `shape.split` records, the header in each; return their names to be, and names now."""
    written: list[Path] = []
    for header, records in _portions(whole, shape, notes):
        part = out.with_name(f"{out.name}.{len(written) + 1:05}.new.part")
        with _writer(part, out.suffix) as target:
            target.write(header)
            target.writelines(records)
        written.append(part)
    suffixes = "".join(out.suffixes[-2:] if out.suffix in COMPRESSED else out.suffixes[-1:])
    stem = out.name.removesuffix(suffixes)
    return {
        out.with_name(f"{stem}-{number:05}-of-{len(written):05}{suffixes}"): part
        for number, part in enumerate(written, start=1)
    }


def _portions(whole: BinaryIO, shape: Shape, notes: Notes) -> Iterator[tuple[bytes, list[bytes]]]:
    size = shape.split or 1
    held: list[bytes] = []
    header = b""
    whole.seek(0)
    source = whole
    if shape.tidy:
        source = cast("BinaryIO", tempfile.TemporaryFile(prefix="bulkops-"))  # noqa: SIM115 - closed when collected
        copy_csv(whole, source, tidy=True, notes=notes)
        source.seek(0)
    first = True
    for _, header, records in read_raw(_blocks(source), name="The export", notes=notes):
        held += records
        while len(held) > size:
            yield header, held[:size]
            held, first = held[size:], False
    if held or first:
        yield header, held


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(BLOCK), b"")


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.new.part")


@contextmanager
def _writer(path: Path, suffix: str) -> Iterator[BinaryIO]:
    """Open a file for writing, compressed if the suffix of its final name says so."""
    with path.open("wb") as file:
        if suffix not in COMPRESSED:
            yield file
            return
        with COMPRESSED[suffix](file) as target:
            yield target
