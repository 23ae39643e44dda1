"""What becomes of a whole CSV: as it is, tidied, compressed, in several files, or as Parquet."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from bulkops.compression import compressing, is_compressed
from bulkops.errors import UsageError
from bulkops.readback.fetch import BLOCK
from bulkops.readback.tables import LINE, RECORD, read_frames, read_raw
from bulkops.writing import refuse_no_file

CSV, PARQUET = "csv", "parquet"
PART, FOLDER = ".new.part", ".new.parts"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How an export is written. `split` is the greatest number of records of one file.

    `form` is csv or parquet; without it the name of the file says.
    """

    form: str | None = None
    split: int | None = None
    tidy: bool = False

    def checked(self, out: Path | None) -> "Shape":
        """Return the shape with its form, if it can be; UsageError says what contradicts what."""
        named = out is not None and out.suffix.lower() == ".parquet"
        form = self.form or (PARQUET if named else CSV)
        if form == CSV and named:
            raise UsageError(f"{out} is the name of a Parquet file, not of CSV.", hint="Drop --format csv.")
        if form == PARQUET and (self.split or (out is not None and is_compressed(out))):
            raise UsageError("Parquet is compressed in itself and is one file.", hint="Drop --split-records and .gz.")
        if form == PARQUET and out is None:
            raise UsageError("Parquet goes to a file, not to stdout.")
        if self.split and out is None:
            raise UsageError("--split-records needs a file name with -o.")
        return replace(self, form=form)

    @property
    def plain(self) -> bool:
        """Whether the bytes are kept as they came."""
        return self.form != PARQUET and not self.split and not self.tidy


def deliver(whole: BinaryIO, out: Path, shape: Shape) -> tuple[Path, ...]:
    """Write the files of an export from the whole of it; each appears under its name only when all are written."""
    _clear(out)
    try:
        parts = _written(whole, out, shape)
        for path, part in parts.items():
            refuse_no_file(path)
            _to_disk(part)
        for path, part in parts.items():
            part.replace(path)
    finally:
        _clear(out)
    return tuple(parts)


def _written(whole: BinaryIO, out: Path, shape: Shape) -> dict[Path, Path]:
    """Write all parts; return their names to be, and names now."""
    if shape.split:
        return _split(whole, out, shape)
    if shape.form == PARQUET:
        _parquet(whole, out)
    else:
        with _writer(_part(out), out) as target:
            copy_csv(whole, target, tidy=shape.tidy)
    return {out: _part(out)}


def _clear(out: Path) -> None:
    """Remove parts that are left: of a failure, or of an earlier run that was killed."""
    for path in out.parent.glob(f"{escape(out.name)}.*{PART}"):
        path.unlink()
    shutil.rmtree(_folder(out), ignore_errors=True)
    _part(out).unlink(missing_ok=True)


def _to_disk(part: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())


def copy_csv(whole: BinaryIO, target: BinaryIO, *, tidy: bool) -> None:
    """Copy a CSV; with `tidy`, read it leniently and write it as RFC 4180 has it."""
    whole.seek(0)
    if not tidy:
        shutil.copyfileobj(whole, target, BLOCK)
        return
    for number, frame in enumerate(_frames(whole)):
        frame.write_csv(target, include_header=number == 0)


def _frames(whole: BinaryIO) -> Iterator[pl.DataFrame]:
    whole.seek(0)
    for frame in read_frames(_blocks(whole), name="The export"):
        yield frame.drop(RECORD, LINE)


def _parquet(whole: BinaryIO, out: Path) -> None:
    """Write batches to a folder of their own beside the file, since columns are stored one after the other."""
    folder = _folder(out)
    folder.mkdir()
    try:
        for number, frame in enumerate(_frames(whole)):
            frame.write_parquet(folder / f"{number:06}.parquet", compression="lz4")
        pl.scan_parquet(folder / "*.parquet").sink_parquet(_part(out), compression="zstd")
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"{out} cannot be written: {str(error).splitlines()[0]}.") from None


def _split(whole: BinaryIO, out: Path, shape: Shape) -> dict[Path, Path]:
    """Write parts of at most `shape.split` records, the header in each; return their names to be, and names now."""
    written: list[Path] = []
    for header, records in _portions(whole, shape):
        part = out.with_name(f"{out.name}.{len(written) + 1:05}{PART}")
        with _writer(part, out) as target:
            target.write(header)
            target.writelines(records)
        written.append(part)
    suffixes = "".join(out.suffixes[-2:] if is_compressed(out) else out.suffixes[-1:])
    stem = out.name.removesuffix(suffixes)
    return {
        out.with_name(f"{stem}-{number:05}-of-{len(written):05}{suffixes}"): part
        for number, part in enumerate(written, start=1)
    }


def _portions(whole: BinaryIO, shape: Shape) -> Iterator[tuple[bytes, list[bytes]]]:
    size = shape.split or 1
    held: list[bytes] = []
    header = b""
    whole.seek(0)
    source = whole
    if shape.tidy:
        source = cast("BinaryIO", tempfile.TemporaryFile(prefix="bulkops-"))  # noqa: SIM115 - closed when collected
        copy_csv(whole, source, tidy=True)
        source.seek(0)
    first = True
    for _, header, records in read_raw(_blocks(source), name="The export"):
        held += records
        while len(held) > size:
            yield header, held[:size]
            held, first = held[size:], False
    if held or first:
        yield header, held


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(BLOCK), b"")


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}{PART}")


def _folder(path: Path) -> Path:
    return path.with_name(f"{path.name}{FOLDER}")


@contextmanager
def _writer(path: Path, final: Path) -> Iterator[BinaryIO]:
    """Open a file for writing, compressed if its final name says so."""
    with path.open("wb") as file, compressing(file, final) as target:
        yield target
