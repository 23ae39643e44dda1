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
from bulkops.writing import refuse_no_file, refuse_no_folder, refuse_the_same, said, whole_file

KINDS = ("missing", "different", "unexpected")
COLUMNS = ("record", "line", "key", 'col AS "column"', "sent", "found", "import_id")
CELLS = ("key", "sent", "found", "import_id")
"""What comes from the file and from the server; the other columns are ours."""
FORMULA = r"'^[=+\-@\t\r]'"
"""What makes spreadsheets take a cell for a formula; a plain number is none."""
NUMBER = r"'^[+-]?[0-9]+([.][0-9]+)?$'"
# ruff: noqa: S608 - only our own words enter the SQL


def refuse_unfit(output: Path | None, repair: Path | None, inputs: Iterable[Path]) -> None:
    """Raise UsageError if a file to be written is one that is read, or another one, or is no file."""
    files = [*(_paths(output).values() if output else ()), *([repair] if repair else ())]
    taken = list(inputs)
    for path in files:
        refuse_no_file(path)
        refuse_the_same(path, taken, what="where differences go" if path != repair else "where the missing rows go")
        taken.append(path)
    if repair is not None:
        refuse_no_folder(repair)


def write_differences(sets: RowSets, folder: Path, *, spreadsheet_safe: bool = False) -> dict[str, str]:
    """Write missing.csv, different.csv and unexpected.csv into `folder` and return their paths; none for no rows.

    With `spreadsheet_safe`, a cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    columns = ", ".join(_safe(name) if spreadsheet_safe and name in CELLS else name for name in COLUMNS)
    files = {}
    for kind, path in _paths(folder).items():
        with said(path):
            folder.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        if sets.number(f"SELECT count(*) FROM result WHERE class = '{kind}'"):
            # DuckDB writes to a name, so what it wrote is copied under the one that appears when it is whole.
            staged = sets.folder / f"{kind}.csv"
            target = str(staged).replace("'", "''")
            query = f"SELECT {columns} FROM result WHERE class = '{kind}' ORDER BY record, key, col"
            sets.run(f"COPY ({query}) TO '{target}' (FORMAT csv, HEADER true)")
            with whole_file(path) as out, staged.open("rb") as written:
                shutil.copyfileobj(written, out, BLOCK)
            files[kind] = str(path)
    return files


def formulas(sets: RowSets) -> int:
    """Return in how many differences a spreadsheet would take a cell for a formula."""
    tests = (f"(regexp_matches({name}, {FORMULA}) AND NOT regexp_matches({name}, {NUMBER}))" for name in CELLS)
    return sets.number(f"SELECT count(*) FROM result WHERE {' OR '.join(f'coalesce({test}, false)' for test in tests)}")


def _safe(name: str) -> str:
    return f"CASE WHEN regexp_matches({name}, {FORMULA}) THEN chr(39) || {name} ELSE {name} END AS {name}"


def clear_stale(output: Path | None, repair: Path | None) -> Iterator[str]:
    """Remove the files of an earlier run where there is nothing to write, and yield a note of a repair file."""
    for path in _paths(output).values() if output else ():
        path.unlink(missing_ok=True)
    if repair and repair.exists():
        repair.unlink()
        yield f"Nothing is missing: {repair}, of an earlier run, was removed."


def write_repair(sets: RowSets, source: Path, out: Path) -> int:
    """Write the header and exactly the missing records of `source`, byte for byte; return how many.

    Nothing is written where nothing is missing. The records are those that were compared, whatever their quotes are
    like; DataError if they are not as many any more.
    """
    wanted = (difference.record for difference in differences(sets, "missing"))
    following = next(wanted, None)
    if following is None:
        return 0
    records = written = 0
    with file_source(source).open() as file, whole_file(out) as target:
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
