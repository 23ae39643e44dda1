"""Write the files of a reconciliation: every difference with its line, and an import file of the missing records."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from bulkops.disk import naming_errors
from bulkops.errors import DataError, UsageError
from bulkops.origins import SourceOrigins
from bulkops.readback.compare.keyed import ORDER, differences
from bulkops.readback.compare.staging import RowSets
from bulkops.readback.parse.tables import read_raw
from bulkops.reading.records.boundaries import BLOCK, inside_quotes
from bulkops.reading.sources import file_source
from bulkops.remote.paths import RemotePath, exists, fetch
from bulkops.sql import literal
from bulkops.tabular import refuse_other_table, write_table
from bulkops.wording import counted
from bulkops.writing import (
    OWN_ONLY,
    Permit,
    discard,
    refuse_no_file,
    refuse_no_folder,
    refuse_the_same,
    whole_file,
)
from bulkops_validators.model.contract import Contract, Mode

MARK = "bulkops: about a repair file"
KINDS = ("missing", "different", "unexpected")
COLUMNS = ("record", "line", "key", 'col AS "column"', "sent", "found", "import_id")
TABLE_COLUMNS = ("class", "record", "line", "key", "column", "sent", "found", "import_id")
CELLS = ("key", "sent", "found", "import_id")
"""The columns with values of the file and of the server; bulkops fills the other columns."""
FORMULA = r"'^[=+\-@\t\r]'"
"""Cells that spreadsheets read as formulas, unless they are plain numbers."""
NUMBER = r"'^[+-]?[0-9]+([.][0-9]+)?$'"
# ruff: noqa: S608 - only our own words enter the SQL


Tables = Sequence[tuple[str, Path]]
"""Files of differences for spreadsheets: pairs of form and path."""


def refuse_unfit(
    output: Path | None,
    repair: Path | None,
    inputs: Iterable[Path],
    permit: Permit = OWN_ONLY,
    *,
    tables: Tables = (),
) -> None:
    """Raise UsageError if an output file is also an input or another output, is not a file, or is protected."""
    files = [*(_paths(output).values() if output else ()), *([repair, beside(repair)] if repair else ())]
    for form, path in tables:
        refuse_other_table(path, form)
        refuse_no_folder(path)
        files.append(path)
    taken = list(inputs)
    for path in files:
        refuse_no_file(path)
        refuse_the_same(path, taken, what="where the missing rows go" if path == repair else "where differences go")
        permit.check(path)
        taken.append(path)
    if repair is not None:
        refuse_no_folder(repair)
        if exists(beside(repair)) and not _is_ours(beside(repair)):
            raise UsageError(
                f"{beside(repair)} already exists, and bulkops did not write it.", hint="Choose another --repair."
            )


def write_differences(
    sets: RowSets,
    folder: Path,
    permit: Permit = OWN_ONLY,
    *,
    origins: SourceOrigins | None = None,
    spreadsheet_safe: bool = False,
) -> dict[str, str]:
    """Write missing.csv, different.csv and unexpected.csv into `folder` and return their paths.

    A kind without rows gets no file. With `origins`, the column `origin` names the legacy row of each record. With
    `spreadsheet_safe`, an apostrophe is added before a cell that a spreadsheet would read as a formula.
    """
    columns = ", ".join(_safe(name) if spreadsheet_safe and name in CELLS else name for name in COLUMNS)
    rows = "result"
    if origins is not None:
        columns += ", origin"
        rows = f"(SELECT r.*, o.place AS origin FROM result r LEFT JOIN ({origins.sql()}) o ON o.record = r.record)"
    files = {}
    for kind, path in _paths(folder).items():
        with naming_errors(path):
            if not isinstance(folder, RemotePath):
                folder.mkdir(parents=True, exist_ok=True)
            discard(path, permit)
        if sets.number(f"SELECT count(*) FROM result WHERE class = '{kind}'"):
            # DuckDB writes to a path, so its file is copied to an output that appears only when it is complete.
            staged = sets.folder / f"{kind}.csv"
            query = f"SELECT {columns} FROM {rows} WHERE class = '{kind}' ORDER BY record, {ORDER}"
            sets.run(f"COPY ({query}) TO {literal(str(staged))} (FORMAT csv, HEADER true)")
            with whole_file(path, permit) as out, staged.open("rb") as written:
                shutil.copyfileobj(written, out, BLOCK)
            files[kind] = str(path)
    return files


def write_tables(sets: RowSets | None, tables: Tables, permit: Permit = OWN_ONLY) -> dict[str, str]:
    """Write all differences to files for spreadsheets, and return their paths by form; without sets, no difference."""
    for form, path in tables:
        with whole_file(path, permit) as out:
            write_table(out, form, TABLE_COLUMNS, () if sets is None else _table_rows(sets))
    return {form: str(path) for form, path in tables}


def _table_rows(sets: RowSets) -> Iterator[tuple[object, ...]]:
    for each in differences(sets):
        yield each.kind, each.record, each.line, each.key, each.column, each.sent, each.found, each.import_id


def formula_notes(sets: RowSets) -> list[str]:
    """Return a warning about differences that a spreadsheet would read as formulas; empty if there are none."""
    tests = (f"(regexp_matches({name}, {FORMULA}) AND NOT regexp_matches({name}, {NUMBER}))" for name in CELLS)
    risky = sets.number(
        f"SELECT count(*) FROM result WHERE {' OR '.join(f'coalesce({test}, false)' for test in tests)}"
    )
    if not risky:
        return []
    return [
        (
            f"A spreadsheet would read cells of {counted(risky, 'difference')} as formulas. "
            "Use --spreadsheet-safe to write files that are safe to open in a spreadsheet."
        )
    ]


def _safe(name: str) -> str:
    return f"CASE WHEN regexp_matches({name}, {FORMULA}) THEN chr(39) || {name} ELSE {name} END AS {name}"


def clear_stale(output: Path | None, repair: Path | None, permit: Permit = OWN_ONLY) -> Iterator[str]:
    """Remove the files of an earlier run that are out of date, and yield a note about a removed repair file."""
    for path in _paths(output).values() if output else ():
        discard(path, permit)
    if repair and exists(repair):
        discard(repair, permit)
        _remove_beside(repair)
        yield f"{repair} of an earlier run was removed: it is out of date."


def beside(repair: Path) -> Path:
    """Return the path of the text file beside a repair file that warns how it was written."""
    return repair.with_name(f"{repair.name}.txt")


def advice(contract: Contract, repair: Path, *, lifted: bool, rejected: int) -> Iterator[str]:
    """Yield warnings for the import of a repair file; `rejected` is the number of rejected records of the job."""
    if contract.mode is Mode.APPEND:
        yield f"Import {repair} only once: every import of it adds its rows again."
    if lifted:
        yield f"{repair} may contain rows that are already imported: the export has no import ids. See {beside(repair)}"
    if rejected:
        yield f"{repair} contains the {rejected:,} rejected records of the job: do not import their file as well."


def write_repair(sets: RowSets, source: Path, out: Path, permit: Permit = OWN_ONLY, *, lifted: bool = False) -> int:
    """Write the header and exactly the missing records of `source`, byte for byte; return their number.

    Without missing records nothing is written. The records are split as in the comparison, also with malformed
    quotes; DataError if their number has changed. With `lifted`, a text file beside the output warns that it was
    written without import ids: a comment in the output itself would be imported.
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
            raise DataError(f"{source} has changed since it was compared.", hint="Compare it again.")
    _write_warning(out, source, written, lifted=lifted)
    return written


def _write_warning(out: Path, source: Path, records: int, *, lifted: bool) -> None:
    """Write the text file beside a repair file, or remove the text file of an earlier one."""
    if not lifted:
        _remove_beside(out)
        return
    with whole_file(beside(out)) as text:
        text.write(
            f"{MARK}\n{out.name}: {records:,} records of {source}.\n"
            "Written with --repair-without-import-ids: the export does not show the import of its rows.\n"
            "Some of these records may already be imported; importing them again would duplicate them.\n".encode()
        )


def _remove_beside(repair: Path) -> None:
    if _is_ours(beside(repair)):
        discard(beside(repair), Permit(overwrite=True))


def _is_ours(text: Path) -> bool:
    """Return whether bulkops wrote a text file beside a repair file; False if the file is missing."""
    if not exists(text):
        return False
    fetch(text)
    with text.open("rb") as file:
        return file.readline().rstrip() == MARK.encode()


def _paths(folder: Path) -> dict[str, Path]:
    return {kind: folder / f"{kind}.csv" for kind in KINDS}


def _header(file: BinaryIO) -> bytes:
    """Read the header record, including blank lines before it."""
    header = file.readline()
    while header and (not header.strip() or inside_quotes(header)):
        more = file.readline()
        if not more:
            break
        header += more
    return header


def _ended(record: bytes) -> bytes:
    return record if record.endswith(b"\n") else record + b"\n"
