"""The files of a reconciliation: every difference with its line, and an import file of exactly the missing records."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bulkops.errors import DataError
from bulkops.readback.compare import differences
from bulkops.readback.staging import RowSets
from bulkops.reading.boundaries import inside_quotes, record_blocks, record_ends

KINDS = ("missing", "different", "unexpected")
COLUMNS = 'record, line, key, col AS "column", sent, found, import_id'
# ruff: noqa: S608 - only our own words enter the SQL


def write_differences(sets: RowSets, folder: Path) -> dict[str, str]:
    """Write missing.csv, different.csv and unexpected.csv into `folder` and return their paths; none for no rows."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for kind in KINDS:
        path = folder / f"{kind}.csv"
        path.unlink(missing_ok=True)
        if sets.number(f"SELECT count(*) FROM result WHERE class = '{kind}'"):
            target = str(path).replace("'", "''")
            query = f"SELECT {COLUMNS} FROM result WHERE class = '{kind}' ORDER BY record, key, col"
            sets.run(f"COPY ({query}) TO '{target}' (FORMAT csv, HEADER true)")
            files[kind] = str(path)
    return files


def write_repair(sets: RowSets, source: Path, out: Path) -> int:
    """Write the header and exactly the missing records of `source`, byte for byte; return how many.

    Nothing is written where nothing is missing. DataError if the quoting of the file is too odd to cut it.
    """
    wanted = (difference.record for difference in differences(sets, "missing"))
    following = next(wanted, None)
    if following is None:
        return 0
    part = out.with_name(f"{out.name}.part")
    records = written = 0
    with source.open("rb") as file, part.open("wb") as target:
        target.write(_ended(_header(file)))
        for record in _records(file):
            records += 1
            if records == following:
                target.write(_ended(record))
                written += 1
                following = next(wanted, None)
    if records != sets.sent_count:
        part.unlink()
        raise DataError(
            f"{source} cannot be cut into records: its quotes do not agree with its line ends.",
            hint="Repair the quoting first: bulkops fix.",
        )
    part.replace(out)
    return written


def _header(file: BinaryIO) -> bytes:
    """Read the header record; blank lines before it go along."""
    header = file.readline()
    while header and (not header.strip() or inside_quotes(header)):
        more = file.readline()
        if not more:
            break
        header += more
    return header


def _records(file: BinaryIO) -> Iterator[bytes]:
    """Yield each record with its line end; blank lines before a record are left out."""
    for block in record_blocks(file):
        start = 0
        for end in [*record_ends(block), len(block)]:
            if record := block[start:end].lstrip(b"\r\n"):
                yield record
            start = end


def _ended(record: bytes) -> bytes:
    return record if record.endswith(b"\n") else record + b"\n"
