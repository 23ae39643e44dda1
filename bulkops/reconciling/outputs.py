"""The files of a reconciliation: every difference with its line, and an import file of exactly the missing records."""

import shutil
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from bulkops.errors import DataError
from bulkops.readback.compare import differences
from bulkops.readback.staging import RowSets
from bulkops.readback.tables import read_raw
from bulkops.reading.boundaries import BLOCK, inside_quotes
from bulkops.reading.sources import file_source
from bulkops.writing import (
    OWN_ONLY,
    Permit,
    real,
    refuse_no_file,
    refuse_no_folder,
    refuse_the_same,
    said,
    whole_file,
)

KINDS = ("missing", "different", "unexpected")
COLUMNS = 'record, line, key, col AS "column", sent, found, import_id'
# ruff: noqa: S608 - only our own words enter the SQL


def refuse_unfit(output: Path | None, repair: Path | None, inputs: Iterable[Path], permit: Permit = OWN_ONLY) -> None:
    """Raise UsageError if a file to be written is one that is read, or another one, or is no file, or is protected."""
    files = [*(_paths(output).values() if output else ()), *([repair] if repair else ())]
    taken = list(inputs)
    for path in files:
        refuse_no_file(path)
        refuse_the_same(path, taken, what="where differences go" if path != repair else "where the missing rows go")
        permit.check(path)
        taken.append(path)
    if repair is not None:
        refuse_no_folder(repair)


def write_differences(sets: RowSets, folder: Path, permit: Permit = OWN_ONLY) -> dict[str, str]:
    """Write missing.csv, different.csv and unexpected.csv into `folder` and return their paths; none for no rows."""
    files = {}
    for kind, path in _paths(folder).items():
        with said(path):
            folder.mkdir(parents=True, exist_ok=True)
            permit.check(path)
            real(path).unlink(missing_ok=True)
        if sets.number(f"SELECT count(*) FROM result WHERE class = '{kind}'"):
            # DuckDB writes to a name, so what it wrote is copied under the one that appears when it is whole.
            staged = sets.folder / f"{kind}.csv"
            target = str(staged).replace("'", "''")
            query = f"SELECT {COLUMNS} FROM result WHERE class = '{kind}' ORDER BY record, key, col"
            sets.run(f"COPY ({query}) TO '{target}' (FORMAT csv, HEADER true)")
            with whole_file(path, permit) as out, staged.open("rb") as written:
                shutil.copyfileobj(written, out, BLOCK)
            files[kind] = str(path)
    return files


def clear_stale(output: Path | None, repair: Path | None, permit: Permit = OWN_ONLY) -> Iterator[str]:
    """Remove the files of an earlier run where there is nothing to write, and yield a note of a repair file."""
    for path in _paths(output).values() if output else ():
        permit.check(path)
        real(path).unlink(missing_ok=True)
    if repair and repair.exists():
        permit.check(repair)
        real(repair).unlink()
        yield f"Nothing is missing: {repair}, of an earlier run, was removed."


def write_repair(sets: RowSets, source: Path, out: Path, permit: Permit = OWN_ONLY) -> int:
    """Write the header and exactly the missing records of `source`, byte for byte; return how many.

    Nothing is written where nothing is missing. The records are those that were compared, whatever their quotes are
    like; DataError if they are not as many any more.
    """
    wanted = (difference.record for difference in differences(sets, "missing"))
    following = next(wanted, None)
    if following is None:
        return 0
    records = written = 0
    with file_source(source).open() as file, whole_file(out, permit) as target:
        header = _header(file)
        target.write(_ended(header))
        blocks = chain([header], iter(lambda: file.read(BLOCK), b""))
        for record in chain.from_iterable(raw for _, _, raw in read_raw(blocks, name=str(source))):
            records += 1
            if records == following:
                target.write(record)
                written += 1
                following = next(wanted, None)
        if records != sets.sent_count:
            raise DataError(f"{source} has other records than when it was compared.", hint="Compare it again.")
    return written


def _paths(folder: Path) -> dict[str, Path]:
    return {kind: folder / f"{kind}.csv" for kind in KINDS}


def _header(file: BinaryIO) -> bytes:
    """Read the header record; blank lines before it go along."""
    header = file.readline()
    while header and (not header.strip() or inside_quotes(header)):
        more = file.readline()
        if not more:
            break
        header += more
    return header


def _ended(record: bytes) -> bytes:
    return record if record.endswith(b"\n") else record + b"\n"
