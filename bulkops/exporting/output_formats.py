"""Write a complete CSV unchanged, tidied, compressed, as several files, or as Parquet.

Most exports are saved unchanged, so polars and the reader of rows are imported only where they are needed.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from bulkops.compression import compressing, is_compressed
from bulkops.errors import UsageError
from bulkops.private import private_folder
from bulkops.writing import NOT_CSV, Permit, refuse_no_file, refuse_other_form, rename, temporary_folder

CSV, PARQUET = "csv", "parquet"
NOT_PARQUET = {**{suffix: form for suffix, form in NOT_CSV.items() if suffix != ".parquet"}, ".csv": "a CSV file"}
NAMES = {CSV: ".csv, .csv.gz, .csv.zst or .parquet", PARQUET: ".parquet"}
BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How an export is written. `split` is the greatest number of records of one file.

    `form` is csv or parquet; without it the name of the file says.
    """

    form: str | None = None
    split: int | None = None
    tidy: bool = False

    def checked(self, out: Path | None) -> "Shape":
        """Return the shape with its form; UsageError names options that contradict each other."""
        named = out is not None and out.suffix.lower() == ".parquet"
        form = self.form or (PARQUET if named else CSV)
        if form == CSV and named:
            raise UsageError(f"{out} is the name of a Parquet file, not of CSV.", hint="Drop --format csv.")
        if out is not None:
            refuse_other_form(out, NOT_CSV if form == CSV else NOT_PARQUET, instead=NAMES[form])
        if form == PARQUET and (self.split or (out is not None and is_compressed(out))):
            raise UsageError("Parquet is one file, and is compressed already.", hint="Drop --split-records and .gz.")
        if form == PARQUET and out is None:
            raise UsageError("Parquet goes to a file, not to stdout.")
        if self.split and out is None:
            raise UsageError("--split-records needs a file name with -o.")
        return replace(self, form=form)

    @property
    def plain(self) -> bool:
        """Whether the bytes are written unchanged."""
        return self.form != PARQUET and not self.split and not self.tidy


def deliver(whole: BinaryIO, out: Path, shape: Shape, permit: Permit) -> tuple[Path, ...]:
    """Write the files of an export from the complete CSV; each appears under its name only when all are written.

    UsageError if one of the names is that of a file that `permit` protects; then none of them appears.
    """
    with temporary_folder(out) as folder:
        parts = _written(whole, out, shape, folder)
        for path, part in parts.items():
            refuse_no_file(path)
            permit.check(path)
            _to_disk(part)
        for path, part in parts.items():
            rename(part, path, permit)
    return tuple(parts)


def _written(whole: BinaryIO, out: Path, shape: Shape, folder: Path) -> dict[Path, Path]:
    """Write all parts into a folder; return their names to be, and names now."""
    if shape.split:
        return _split(whole, out, shape, folder)
    part = folder / out.name
    if shape.form == PARQUET:
        _parquet(whole, out, part)
    else:
        with _writer(part, out) as target:
            copy_csv(whole, target, tidy=shape.tidy)
    return {out: part}


def _to_disk(part: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())


def copy_csv(whole: BinaryIO, target: BinaryIO, *, tidy: bool) -> None:
    """Copy a CSV; with `tidy`, read it leniently and write it in the form of RFC 4180."""
    whole.seek(0)
    if tidy:
        from bulkops.exporting.rows import write_tidy

        write_tidy(whole, target)
    else:
        shutil.copyfileobj(whole, target, BLOCK)


def _parquet(whole: BinaryIO, out: Path, part: Path) -> None:
    """Write batches to a folder of their own beside the file, since columns are stored one after the other."""
    from bulkops.exporting.rows import write_parquet

    batches = part.with_name("batches")
    private_folder(batches)
    write_parquet(whole, part, folder=batches, name=out)


def _split(whole: BinaryIO, out: Path, shape: Shape, folder: Path) -> dict[Path, Path]:
    """Write parts of at most `shape.split` records, the header in each; return their names to be, and names now."""
    from bulkops.exporting.rows import portions

    written: list[Path] = []
    for header, records in portions(whole, shape.split or 1, tidy=shape.tidy):
        part = folder / f"{len(written) + 1:05}"
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


@contextmanager
def _writer(path: Path, final: Path) -> Iterator[BinaryIO]:
    """Open a file for writing, compressed if its final name says so."""
    with path.open("wb") as file, compressing(file, final) as target:
        yield target
